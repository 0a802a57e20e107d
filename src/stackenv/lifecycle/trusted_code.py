"""Whose code is run to write a record again: that of the user, of root, and of the modules, nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

from stackenv.environments.stack import Stack
from stackenv.errors import StackenvError, quote_word
from stackenv.health.rules.permissions import INSIDE
from stackenv.transactions.writers import list_writers, name_user

# What Python, and the activation of a conda environment, read at their start.
STARTED = ("lib/python3*/site-packages", "lib/python3*/site-packages/*.pth", "etc/conda/activate.d/*")


def require_names(modules: tuple[str, ...], full_name: str) -> None:
    """Raise StackenvError when one of `modules`, which others can have written, is more than a name."""
    if any(not module or module[0] in "/-." or ".." in module for module in modules):
        raise StackenvError(
            f"{', '.join(modules)}: a module is loaded by its name in MODULEPATH alone; nothing was changed",
            f"stackenv edit {full_name} --module NAME/VERSION",
        )


def require_own_files(prefix: Path) -> None:
    """Raise StackenvError when others wrote, or everybody can write, what a start of Python in `prefix` runs.

    Its groups may write: who lets them has chosen so, and what they put there is theirs.
    """
    paths = [*(prefix / name for name in INSIDE), *(path for s in STARTED for path in prefix.glob(s))]
    for path in paths:
        if path.exists():
            refuse(path, prefix, find_doubt(path, groups=True))


def require_own_python(prefix: Path, stack: Stack | None) -> None:
    """Raise StackenvError when the Python of `prefix` is another user's, and not that of the modules."""
    python = (prefix / "bin/python").resolve()
    if python.exists() and not (stack and stack.python and stack.python.executable == str(python)):
        refuse(python, prefix, find_doubt(python, groups=False))


def find_doubt(path: Path, groups: bool) -> str:
    """Return why what `path` leads to is not to be trusted; with `groups` they may write. Empty: it is."""
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()):
        return f"belongs to {name_user(found.st_uid)}"
    writers = [who for who in list_writers(path, found) if not groups or who == "everybody"]
    return f"can be written by {', '.join(writers)}" if writers else ""


def refuse(path: Path, prefix: Path, doubt: str) -> None:
    """Raise StackenvError when there is a `doubt` about `path`, which would be run."""
    if doubt:
        raise StackenvError(
            f"{path} {doubt}, and to write the record of {prefix} again it would run as you; nothing was "
            "changed",
            f"ask its owner to type that; or see whose it is and who can write it: ls -ld {quote_word(path)}",
        )
