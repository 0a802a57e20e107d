"""Where a variable of the environment comes from: lines of start-up files, loaded modules."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from stackenv.account.account import Account


def find_variable_places(name: str, account: Account) -> Iterator[str]:
    """Yield where the variable `name` is set: file and line, and loaded modules that mention it."""
    for file in account.start_files:
        for number, _, _ in file.list_assignments([name]):
            yield f"{file.path}:{number}"
    # Lmod's own list, which goes with LOADEDMODULES.
    modules = account.environ.get("LOADEDMODULES", "").split(":")
    for module, path in zip(modules, account.environ.get("_LMFILES_", "").split(":")):
        with contextlib.suppress(OSError):
            if module and name in Path(path).read_text(encoding="utf-8", errors="replace"):
                yield f"module {module}"
