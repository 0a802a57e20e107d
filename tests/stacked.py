"""The stacks of modules that real EasyBuild has built, two generations each: see tests/stack."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

WORK = Path(__file__).resolve().parents[1] / ".work"
# Named after their EasyBuild, and after the variable by which Python finds their bundles.
STACKS = ("eb4-pythonpath", "eb4-prefixes", "eb5-pythonpath", "eb5-prefixes")


@dataclass(frozen=True)
class Stack:
    """One tree of modules.

    Parameters
    ----------
    name
        One of `STACKS`.
    modulepath
        The argument of `module use`.
    software
        The folder of the installations.
    python_module, bundle_module
        The Python of the first generation, and numpy and packaging on it.
    next_python_module, next_bundle_module
        The same for the next generation.
    other_module
        A module without Python, which sets STACKENV_TEST_ZLIB.
    wheels
        A folder for pip's --find-links: several versions of the bundles' packages, biopython,
        pandas, build back-ends and the source distributions of tests/stack/sdists.
    """

    name: str
    modulepath: str
    software: str
    python_module: str
    bundle_module: str
    next_python_module: str
    next_bundle_module: str
    other_module: str
    wheels: str


def open_stack(name: str) -> Stack:
    """Return the stack of this name, which `tests/prepare.sh` has built.

    Raises
    ------
    RuntimeError
        If it is not built completely.
    """
    description = WORK / "stack" / name / "stack.json"
    if not (description.parent / ".stamp").is_file():
        raise RuntimeError(f"{description.parent} is not built, or not to its end: run sh tests/prepare.sh")
    return Stack(**json.loads(description.read_text()))
