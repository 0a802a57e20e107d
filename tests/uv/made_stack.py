"""Modules that a test makes from packages: their wheels, and the files that pip installs from them."""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from users import User

# The folder in which pyenv has the Pythons of this machine.
PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"


@dataclass(frozen=True)
class Made:
    """A package of one Python module, NAME.py, with the text `code`.

    Parameters
    ----------
    requires
        The requirements of the package.
    entry_points
        The text of entry_points.txt; without it there is no such file.
    is_pure
        Whether it is installed into purelib; otherwise into platlib.
    """

    name: str
    version: str = "1.0"
    requires: Sequence[str] = ()
    entry_points: str = ""
    code: str = ""
    description: str = ""
    is_pure: bool = True

    def write_wheel(self, folder: Path) -> Path:
        """Write its wheel into `folder`; return the path of the wheel."""
        described = f"{self.name}-{self.version}.dist-info"
        needed = "".join(f"Requires-Dist: {requirement}\n" for requirement in self.requires)
        about = f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n{needed}\n"
        files = {
            f"{self.name}.py": self.code,
            f"{described}/METADATA": about + self.description,
            f"{described}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: {self.is_pure}\nTag: py3-none-any\n",
            f"{described}/top_level.txt": f"{self.name}\n",
            **({f"{described}/entry_points.txt": self.entry_points} if self.entry_points else {}),
        }
        files[f"{described}/RECORD"] = "".join(f"{name},,\n" for name in files)
        path = folder / f"{self.name}-{self.version}-py3-none-any.whl"
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
        return path


def make_module(user: User, full_name: str, packages: Iterable[Made], below: str, python: str) -> None:
    """Make the module `full_name`, which loads `below` and has `packages`, installed by the pip of `python`.

    Its folder and its modulefile are in the user's home; MODULEPATH must contain ~/site.
    """
    wheels, root = user.home / "wheels", user.home / "software" / full_name
    files = [str(package.write_wheel(wheels)) for package in packages]
    words = [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile", "--target"]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(user.home), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([*words, str(root / "packages"), *files], env=environ, check=True)
    lines = [
        f'depends_on("{below}")',
        f'setenv("EBROOT{full_name.partition("/")[0].upper()}", "{root}")',
        f'prepend_path("PYTHONPATH", "{root}/packages")',
    ]
    write_modulefile(user, full_name, lines)


def write_modulefile(user: User, full_name: str, lines: Iterable[str]) -> None:
    path = user.home / f"site/{full_name}.lua"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def find_python(minor: str) -> Path:
    """Return the newest Python `minor` of pyenv; skip the test if there is none."""
    found = sorted(PYENV.glob(f"{minor}.*/bin/python3"))
    if not found:
        pytest.skip(f"there is no {PYENV}/{minor}.*: pyenv has no Python {minor} on this machine")
    return found[-1]


def make_python_module(user: User, python: Path) -> str:
    """Make a module for the installation of `python`; return its name."""
    root = python.parents[1]
    full_name = f"Python/{root.name}"
    write_modulefile(
        user, full_name, [f'prepend_path("PATH", "{root}/bin")', f'setenv("EBROOTPYTHON", "{root}")']
    )
    return full_name
