"""The Python of this machine that the stand-in distributions and packages run on."""

from __future__ import annotations

import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = ((3, 10), (3, 11), (3, 12))


@dataclass(frozen=True)
class Interpreter:
    """A Python outside any virtual environment."""

    executable: Path
    version: str

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])

    @property
    def site_packages(self) -> str:
        """The folder of packages, relative to a prefix."""
        return f"lib/python{self.minor}/site-packages"

    def environment_configuration(self) -> str:
        """Return the pyvenv.cfg by which a prefix becomes this Python's sys.prefix."""
        return (
            f"home = {self.executable.parent}\n"
            "include-system-site-packages = false\n"
            f"version = {self.version}\n"
            f"executable = {self.executable}\n"
        )


def probe_interpreter() -> Interpreter:
    """Return the Python beneath the running one, which may be a virtual environment's.

    Raises
    ------
    SystemExit
        When conda 24.7.1 does not run on it.
    """
    if sys.version_info[:2] not in SUPPORTED:
        version = sys.version.split()[0]
        raise SystemExit(f"build.py: conda 24.7.1 wants Python 3.10 to 3.12, and this is {version}")
    beneath = getattr(sys, "_base_executable", None) or sys.executable
    return Interpreter(Path(beneath).resolve(), platform.python_version())


def run(*command: str | Path) -> None:
    """Run `command`, silent unless it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        words = " ".join(str(word) for word in command)
        raise SystemExit(f"build.py: status {done.returncode} from {words}\n{done.stdout}{done.stderr}")
