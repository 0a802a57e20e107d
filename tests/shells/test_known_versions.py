"""For which versions of conda the answers are known, and what the hook compares with conda as it compiles.

The versions are only names: the conda here is 24.7.1, and reports another version.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from copied_installations import copy_installation, separate_packages
from environments import make_environment

from stackenv.conda.compiled_activation import compile_activation
from stackenv.conda.installation import CondaInstallation

ASKED = "conda was asked"
SAVED_EMPTY = "if (save_value := os.getenv(save_var)) is not None:"
TAGGED = "channels: &these [conda-forge]\ndefault_channels: *these\n"


class Changed:
    """The test's own copy of an installation, whose conda the test changes."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.root, self.home = folder / "root", folder / "home"
        copy_installation(source, self.root)
        self.packages = separate_packages(self.root)
        self.conda = self.packages / "conda"
        original = self.conda.resolve()
        self.conda.unlink()
        shutil.copytree(original, self.conda, ignore=shutil.ignore_patterns("__pycache__"))
        make_environment(self.home / "envs/one", "ONE")
        (self.home / "envs/one/conda-meta/state").write_text('{"env_vars": {"OF_ONE": "1"}}')

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace a text in one of conda's files."""
        path = self.conda / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def compile(self) -> str:
        """Compile the activation; from then on, conda only reports that it was asked, and fails."""
        words = compile_activation(CondaInstallation("Conda", "Conda/1", str(self.root)), 60)
        self.replace("cli/main.py", "import sys\n", f'import sys\nsys.exit("{ASKED}")\n')
        return words

    def activate(self, **environ: str) -> subprocess.CompletedProcess[str]:
        """Activate `one` as the shell function `conda` does; return the finished process."""
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
def test_conda_is_not_asked_when_its_version_is_in_the_supported_range(
    changed: Changed, version: str
) -> None:
    changed.replace("_version.py", "'24.7.1'", repr(version))
    assert changed.compile() == ""
    assert not changed.asks_conda()
    # To these questions, 22.9.0 and 24.7.1 give different answers.
    assert changed.asks_conda(OF_ONE="2")
    assert changed.asks_conda(CONDARC="/dev/null")


def test_an_overwritten_variable_is_reported_in_condas_own_words(changed: Changed) -> None:
    assert changed.compile() == ""
    done = changed.activate(OF_ONE="2")
    assert "__CONDA_SHLVL_0_OF_ONE=2;" in done.stdout
    assert done.stderr.splitlines() == [
        "WARNING: overwriting environment variables set in the machine",
        "overwriting variable ['OF_ONE']",
    ]


@pytest.mark.parametrize("version", ["4.12.0", "22.8.1", "24.7.2", "25.1.0", "24.7.1.dev3+g1"])
def test_conda_is_asked_when_its_version_is_unsupported(changed: Changed, version: str) -> None:
    changed.replace("_version.py", "'24.7.1'", repr(version))
    assert changed.compile() == f"native activation supports conda 22.9.0 to 24.7.1, but this is {version}"
    assert changed.asks_conda()


def test_a_conda_that_cannot_be_imported_does_not_stop_the_build(changed: Changed) -> None:
    changed.replace("__init__.py", "import os\n", 'raise RuntimeError("broken")\n')
    assert changed.compile() == "RuntimeError: broken"
    assert "RuntimeError: broken" in changed.activate().stderr


# What may differ in another version: file, text and replacement. The last two are for 24.7.1 only.
DIFFERENCES = {
    "the name of base": ("activate.py", '            return "base"\n', '            return "the base"\n'),
    "a variable that goes": ("activate.py", "vars.append(env_var)", "vars.append(env_var.upper())"),
    "the mark of one that is unset": ("activate.py", "if value != CONDA_ENV_VARS_UNSET_VAR", "if value"),
    "the mark, activated again": ("activate.py", "if v == CONDA_ENV_VARS_UNSET_VAR:", "if not v:"),
    "auto_stack": (
        "activate.py",
        "context.shlvl <= context.auto_stack",
        "context.shlvl < context.auto_stack",
    ),
    "what is stacked": ("activate.py", "stack[::-1])", "stack)"),
    "env_prompt": ("activate.py", "name=basename(prefix)", "name=conda_default_env"),
    "condarc.d": ("base/constants.py", '"~/.conda/condarc.d/"', '"~/.conda/rc.d/"'),
    "CONDARC": ("base/constants.py", '"$CONDARC"', '"$CONDA_RC"'),
    "the order of folders": (
        "base/context.py",
        "(*_envs_dirs, *fixed_dirs)",
        "(*fixed_dirs, *_envs_dirs)",
    ),
    "scripts of csh": ("activate.py", 'script_extension = ".csh"', 'script_extension = ".tcsh"'),
    "scripts of fish": ("activate.py", 'script_extension = ".fish"', 'script_extension = ".fi"'),
    "an empty value that was": ("activate.py", "if save_value := os.getenv(save_var):", SAVED_EMPTY),
    "words": ("activate.py", "WARNING: overwriting", "NOTE: overwriting"),
}
OF_NEWEST = ("an empty value that was", "words")


@pytest.mark.any_value("name", of=5)
@pytest.mark.parametrize("name", sorted(DIFFERENCES))
def test_conda_is_asked_when_one_of_its_answers_differs(changed: Changed, name: str) -> None:
    if name not in OF_NEWEST:
        changed.replace("_version.py", "'24.7.1'", "'23.7.4'")
    changed.replace(*DIFFERENCES[name])
    words = changed.compile()
    assert words.startswith("its answer to `conda ") and words.endswith("` differs from the expected one")
    assert changed.asks_conda()


def test_conda_is_asked_when_only_conda_can_read_its_configuration(changed: Changed) -> None:
    (changed.root / ".condarc").write_text(TAGGED)
    assert changed.compile() == (
        f"only conda can read its configuration here: {changed.root}/.condarc: &these [conda-forge]"
    )
    assert changed.asks_conda()


def test_a_failing_conda_is_reported_as_failing_not_as_different(changed: Changed) -> None:
    changed.replace("activate.py", "    def build_activate(self", "    def build_activated(self")
    words = changed.compile()
    assert words.startswith("`conda activate one` fails here: AttributeError: ")
    assert "build_activate" in words


def test_output_of_packages_at_python_startup_is_ignored(changed: Changed) -> None:
    code = "import sys; sys.stderr.write('sitenote: hello\\n'); print('more'); sys.stdout.flush()\n"
    (changed.packages / "note.pth").write_text(code)
    assert changed.compile() == ""
    assert not changed.asks_conda()


def test_a_temporary_folder_may_have_any_name(changed: Changed, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = changed.home / "a:b $c.rv"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    assert changed.compile() == ""
    assert not changed.asks_conda()


def install_plugin(changed: Changed) -> Path:
    """Install a conda plugin; return the file that the plugin creates when it is imported."""
    imported = changed.home / "imported"
    metadata = changed.packages / "early_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "entry_points.txt").write_text("[conda]\nearly = early_plugin\n")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: early-plugin\nVersion: 1.0\n")
    (changed.packages / "early_plugin.py").write_text(f"open({str(imported)!r}, 'w').close()\n")
    return imported


def test_an_existing_plugin_is_not_imported_by_an_activation(changed: Changed) -> None:
    imported = install_plugin(changed)
    assert changed.compile() == ""
    assert not changed.asks_conda()
    assert not imported.exists()


def test_conda_is_asked_when_it_loads_plugins_for_an_activation(changed: Changed) -> None:
    imported = install_plugin(changed)
    changed.replace(
        "cli/main.py",
        "    activator = activator_cls(args)\n",
        "    context.plugin_manager.load_entrypoints('conda')\n    activator = activator_cls(args)\n",
    )
    assert changed.compile() == "it loads plugins when it activates an environment"
    assert imported.exists()
    assert changed.asks_conda()
