"""pip of an environment while no modules are loaded, and the programs that it installs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from needy_stack import NeedleStack
from programs import Carrier, make_carrier
from wheels import make_wheel

MAIN = "import needle\n\n\ndef main():\n    print(needle.find())\n"


@pytest.fixture(scope="module")
def carrier(needle_stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> Carrier:
    return make_carrier(tmp_path_factory.mktemp("carrier"), needle_stack)


def run(carrier: Carrier, *words: str, **changes: str) -> str:
    """Run a program in the environment's bin by its path, without modules, and return its output."""
    find_links = {name: carrier.user.environ[name] for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "TMPDIR")}
    done = subprocess.run(
        [str(carrier.prefix / "bin" / words[0]), *words[1:]],
        env={**carrier.environ, **find_links, **changes},
        cwd=carrier.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def test_pip_treats_the_modules_packages_as_installed(carrier: Carrier) -> None:
    said = run(carrier, "pip", "install", "--dry-run", "pandas")
    # The stub has the version of the module.
    assert "Requirement already satisfied: numpy>=1.23.2 in ./venvs/bio-1.0/" in said
    assert "needle     1.0" in run(carrier, "pip", "list")
    assert run(carrier, "pip", "check") == "No broken requirements found.\n"


def test_a_program_installed_by_pip_finds_the_modules_packages(carrier: Carrier, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "finder", "1.0", ["needle"], {"finder/__init__.py": MAIN})
    assert "Successfully installed finder-1.0" in run(carrier, "pip", "install", str(wheel))
    assert run(carrier, "finder") == "10\n"


@pytest.mark.matrix
def test_an_isolated_build_uses_its_own_requirements_not_the_modules(
    carrier: Carrier, tmp_path: Path
) -> None:
    aside = str(tmp_path / "aside")
    run(carrier, "pip", "install", "-q", "--no-cache-dir", "--no-deps", "--target", aside, "needs-numpy-two")
    script = "import needs_numpy_two as built, numpy; print(built.NUMPY, numpy.__file__)"
    built_with, used = run(carrier, "python", "-c", script, PYTHONPATH=aside).split()
    assert built_with == "2.1.1" and used.startswith(f"{carrier.stack.software}/SciPy-bundle/")
