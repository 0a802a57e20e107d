"""Sessions of the seven shells for a user of personal modules, and what they leave behind."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "shells"))

from built import LMOD
from dialects import DIALECTS as ALL
from dialects import FUNCTION_NAMES, Dialect
from session import Result, Session, differences

# Snapshots include the functions that stackenv and the activate scripts define.
DIALECTS = {
    name: replace(dialect, asked_functions=f"{FUNCTION_NAMES} deactivate pydoc")
    for name, dialect in ALL.items()
}


def open_session(
    dialect: Dialect, folder: Path, environ: Mapping[str, str], *modulepath: str, **changes: str
) -> Session:
    """Return a session in a new folder below `folder`, of a login with this MODULEPATH."""
    folder = folder / "session"
    folder.mkdir()
    login = {
        **environ,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "MODULEPATH": ":".join(map(str, modulepath)),
        "TERM": "dumb",
        "USER": "user",
        **changes,
    }
    return Session(dialect, folder, LMOD, login)


def changed(result: Result, first: str, last: str) -> dict[str, object]:
    """Return what differs between two snapshots; fail with the shell's output when one is missing."""
    for name in (first, last):
        assert name in result.snapshots, f"no snapshot {name}: {result.stdout}{result.stderr}"
    return differences(result.snapshots[first], result.snapshots[last])


def which(dialect: Dialect, program: str) -> str:
    """Return the code that prints the path at which the shell finds `program`."""
    return f"which {program}" if dialect.family == "csh" else f"command -v {program}"
