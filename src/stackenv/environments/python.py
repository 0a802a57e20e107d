"""A Python and the packages that it finds, determined by running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.probe import run_probe
from stackenv.record import Package

PROBE = Path(__file__).with_name("probe_python.py")
TIMEOUT_S = 120


@dataclass(frozen=True)
class ProbedPython:
    """A Python as it describes itself; all paths are real paths."""

    version: str
    executable: str
    prefix: str
    base_prefix: str
    has_venv: bool
    has_ensurepip: bool
    has_pip: bool
    packages: tuple[Package, ...]


def probe_python(executable: str, environ: Mapping[str, str]) -> ProbedPython:
    """Run `executable` with `environ` and return how it describes itself.

    The user site is left out (-s). PYTHONPATH is kept, because modules add their packages through it;
    PYTHONHOME is removed, because the environment's module unsets it. No compiled files are written.

    Raises
    ------
    StackenvError
        If it does not run, hangs, or answers nothing; the message contains its output.
    """
    asked = {name: value for name, value in environ.items() if name != "PYTHONHOME"}
    data = run_probe((executable, "-s"), PROBE, {**asked, "STACKENV_TOLD": "probe"}, TIMEOUT_S)
    return ProbedPython(
        version=data["version"],
        executable=data["executable"],
        prefix=data["prefix"],
        base_prefix=data["base_prefix"],
        has_venv=data["venv"],
        has_ensurepip=data["ensurepip"],
        has_pip=data["pip"],
        packages=tuple(Package(p["name"], p["version"], p["location"]) for p in data["packages"]),
    )
