"""Of which conda the answers are known: what the hook compiles says so, and what it compares with conda.

The versions are names: the conda here is 24.7.1, and says that it is another one.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from environments import make_environment

from stackenv.conda.compiled_activation import compile_activation
from stackenv.conda.installation import CondaInstallation

ASKED = "conda was asked"
TAGGED = "channels: &these [conda-forge]\ndefault_channels: *these\n"


class Changed:
    """An installation of this test's own, whose conda the test changes."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.root, self.home = folder / "root", folder / "home"
        shutil.copytree(source, self.root, symlinks=True, ignore=shutil.ignore_patterns("pkgs", "easybuild"))
        make_environment(self.home / "envs/one", "ONE")
        (self.home / "envs/one/conda-meta/state").write_text('{"env_vars": {"OF_ONE": "1"}}')
        (self.conda,) = self.root.glob("lib/python3*/site-packages/conda")

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a file of conda's; compiled ones that are valid without looking at it are gone."""
        path = self.conda / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()

    def compile(self) -> str:
        """Compile what an activation runs; from now on, who asks conda is told so."""
        words = compile_activation(CondaInstallation("Conda", "Conda/1", str(self.root)), 60)
        self.replace("cli/main.py", "import sys\n", f'import sys\nsys.exit("{ASKED}")\n')
        return words

    def activate(self, **environ: str) -> subprocess.CompletedProcess[str]:
        """Return the outcome of an activation as the function `conda` starts it."""
        program = self.root / "libexec/stackenv/activation.py"
        return subprocess.run(
            [f"{self.root}/bin/python", "-ISB", str(program), "sh", "none", "activate", "one"],
            env={
                "HOME": str(self.home),
                "PATH": "/usr/bin:/bin",
                "CONDA_ENVS_PATH": f"{self.home}/envs",
                **environ,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def asks_conda(self, **environ: str) -> bool:
        done = self.activate(**environ)
        if done.returncode == 0:
            assert "CONDA_DEFAULT_ENV=one;" in done.stdout
            return False
        assert done.stderr.splitlines()[-1] == ASKED
        return True


@pytest.fixture
def changed(built_modules, tmp_path: Path) -> Changed:
    return Changed(Path(built_modules.software, built_modules.miniconda), tmp_path)


@pytest.mark.parametrize("version", ["22.9.0", "23.7.4", "24.1.2"])
def test_a_version_between_those_that_were_compared_is_known(changed: Changed, version: str) -> None:
    changed.replace("_version.py", "'24.7.1'", repr(version))
    assert changed.compile() == ""
    assert not changed.asks_conda()
    # Here 22.9.0 and 24.7.1 do not say the same.
    assert changed.asks_conda(OF_ONE="2")
    assert changed.asks_conda(CONDARC="/dev/null")


def test_that_a_variable_is_replaced_is_said_as_conda_says_it(changed: Changed) -> None:
    assert changed.compile() == ""
    done = changed.activate(OF_ONE="2")
    assert "__CONDA_SHLVL_0_OF_ONE=2;" in done.stdout
    assert done.stderr.splitlines() == [
        "WARNING: overwriting environment variables set in the machine",
        "overwriting variable ['OF_ONE']",
    ]


@pytest.mark.parametrize("version", ["4.12.0", "22.8.1", "24.7.2", "25.1.0", "24.7.1.dev3+g1"])
def test_conda_is_asked_when_it_is_another_one(changed: Changed, version: str) -> None:
    changed.replace("_version.py", "'24.7.1'", repr(version))
    assert changed.compile() == f"its answers are known from 22.9.0 to 24.7.1, and this is {version}"
    assert changed.asks_conda()


def test_a_conda_that_cannot_be_imported_does_not_stop_the_build(changed: Changed) -> None:
    changed.replace("__init__.py", "import os\n", 'raise RuntimeError("broken")\n')
    assert changed.compile() == "RuntimeError: broken"
    assert "RuntimeError: broken" in changed.activate().stderr


def test_conda_is_asked_when_it_answers_in_another_way(changed: Changed) -> None:
    changed.replace("activate.py", '            return "base"\n', '            return "the base"\n')
    assert changed.compile() == "it answers `conda activate` in another way than known"
    assert changed.asks_conda()


def test_conda_is_asked_when_its_own_configuration_is_beyond_us(changed: Changed) -> None:
    (changed.root / ".condarc").write_text(TAGGED)
    assert changed.compile() == "a configuration file of conda here is more than plain keys and values"
    assert changed.asks_conda()
