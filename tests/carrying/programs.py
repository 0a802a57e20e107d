"""Starts an environment's Python as programs do that know nothing of modules, and checks what it got."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from in_ci import fail_or_skip
from needy_stack import NeedleStack
from stacked import WORK
from users import User, make_once, make_user

# Has basedpyright and Snakemake.
PROGRAMS = WORK / "programs/bin"
# Has ipykernel, jedi and debugpy.
(JUPYTERS_PACKAGES,) = (WORK / "jupyter").glob("lib/python*/site-packages")
# Reports where packages are found, and what two children inherit: another program, and the same Python.
REPORT = """\
import json, os, subprocess, sys
import needle, numpy

def read(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout.decode()

found = {"needle": needle.find(), "numpy": numpy.__file__, "prefix": sys.prefix, "words": sys.argv}
found["environ"] = dict(os.environ)
found["inherited"] = dict(entry.split("=", 1) for entry in read("/usr/bin/env", "-0").split("\\0") if entry)
found["again"] = json.loads(read(sys.executable, "-c", "import needle; print(needle.find())"))
print(json.dumps(found))
"""
# Variables that a shell sets for the programs it starts.
OF_SHELLS = {"_", "SHLVL", "PWD", "OLDPWD"}


@dataclass(frozen=True)
class Carrier:
    """A user with the environment `bio`, and with the script report.py in the home."""

    user: User
    stack: NeedleStack

    @property
    def home(self) -> Path:
        return self.user.home

    @property
    def prefix(self) -> Path:
        return self.home / "venvs/bio-1.0"

    @property
    def python(self) -> str:
        return str(self.prefix / "bin/python")

    @property
    def environ(self) -> dict[str, str]:
        """Return the variables of a program that was started without modules."""
        return {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

    def start(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the command `words` in the home, without modules, with the additional variables `environ`."""
        return subprocess.run(
            words,
            env={**self.environ, **environ},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def check(self, text: str, caller: dict[str, str]) -> dict[str, Any]:
        """Check and return the output of report.py, which was started with the variables `caller`."""
        found = json.loads(text)
        assert (found["needle"], found["again"]) == (10, 10)
        assert found["numpy"].startswith(f"{self.stack.software}/SciPy-bundle/")
        assert found["prefix"] == str(self.prefix)
        for environ in (found["environ"], found["inherited"]):
            assert without_shells_own(environ) == without_shells_own(caller)
        return found


def without_shells_own(environ: dict[str, str]) -> dict[str, str]:
    """Return the variables that a shell passes on unchanged."""
    return {name: value for name, value in environ.items() if name not in OF_SHELLS}


def make_carrier(folder: Path, stack: NeedleStack, added: Path | None = None) -> Carrier:
    """Return a user of `stack` with an environment that also finds the packages in the folder `added`.

    They belong to the same version of Python; installing them would take longer than the tests.
    """
    carrier = Carrier(make_user(folder, stack), stack)
    done = carrier.user.stackenv("create", "bio", load=[stack.bundle_module])
    assert done.returncode == 0, done.stderr
    (carrier.home / "report.py").write_text(REPORT)
    if added:
        (packages,) = carrier.prefix.glob("lib/python*/site-packages")
        (packages / "added.pth").write_text(f"{added}\n")
    return carrier


def share_carrier(factory: pytest.TempPathFactory, stack: NeedleStack, added: Path | None = None) -> Carrier:
    """Return the result of `make_carrier`, created once for all tests that do not change the environment."""
    name = f"carrier-{stack.kind}" + (f"-{added.parents[2].name}" if added else "")

    def make(path: Path) -> None:
        make_carrier(path, stack, added)

    folder = make_once(factory, name, make)
    return Carrier(make_user(folder, stack), stack)


def have_or_skip(hindrance: str) -> None:
    """Skip the test if there is a `hindrance`, such as a missing program; in CI fail instead."""
    if hindrance:
        fail_or_skip(hindrance)
