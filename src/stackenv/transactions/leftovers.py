"""What a killed command leaves beside what its journal speaks of: temporary files, and its marks."""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from stackenv.errors import StackenvError
from stackenv.transactions.changes import carry_out_change
from stackenv.transactions.journal import BROKEN, name_place
from stackenv.transactions.journal_file import Entry, read_entry
from stackenv.transactions.places import is_inside
from stackenv.transactions.plan import Change, RemoveFile, RemoveFolder, RemoveTree, WriteFile
from stackenv.transactions.process import Process, read_start

# What transactions.files adds to a dot and the name of the file that it writes (tempfile.mkstemp).
RANDOM = "[a-z0-9_]" * 8


def read_interrupted(modules: Path) -> dict[str, Entry | None]:
    """Return the journals in the folder `modules` by what they speak of: NAME@VERSION.

    None stands for what one says that others may have written: it must not be obeyed.
    """
    folder = modules / ".stackenv"
    paths = [] if folder.is_symlink() else sorted(folder.glob("*@*.json*"))
    return {
        path.name.partition(".json")[0]: read_entry(path)
        for path in paths
        if path.name[0] != "." and not path.name.endswith(BROKEN)
    }


def sweep(modules: Path, interrupted: Mapping[str, Entry | None]) -> None:
    """Delete the temporary files that nobody writes any more.

    Parameters
    ----------
    modules
        The folder of modules.
    interrupted
        What `read_interrupted` has found before the journals were recovered.
    """
    folder = modules / ".stackenv"
    drafts = list(folder.glob(".*")) if folder.is_dir() and not folder.is_symlink() else []
    # Only after the files have been listed: who makes one has the journal open, or is in its name.
    current = read_interrupted(modules)
    for draft in drafts:
        if is_abandoned(draft.name, current):
            with contextlib.suppress(OSError):
                delete_own(draft)
    for subject, entry in interrupted.items():
        if subject not in current and entry:
            sweep_changes(change for change in entry.changes if is_inside(change, modules))


def delete_own(path: Path) -> None:
    """Delete the file or link `path` if it belongs to this user."""
    if path.lstat().st_uid == os.geteuid():
        path.unlink()


def sweep_changes(changes: Iterable[Change]) -> None:
    """Delete what is left around the places of `changes`, which have been carried out or are not needed."""
    for change in changes:
        with contextlib.suppress(OSError, StackenvError):
            if isinstance(change, (RemoveFile, WriteFile)):
                path = Path(change.path)
                for draft in path.parent.glob(f".{glob.escape(path.name)}.{RANDOM}"):
                    delete_own(draft)
            elif isinstance(change, RemoveTree):
                # Of what was complete and is kept: the mark that it is not.
                Path(change.proof).unlink()
            elif isinstance(change, RemoveFolder):
                carry_out_change(change)


def is_abandoned(draft: str, current: Container[str]) -> bool:
    """Tell whether nobody will finish the file `draft` in the folder of journals."""
    found = re.fullmatch(rf"\.+([^/]+@[^/]+)\.json(?:\.(.+)\.(\d+))?(?:\.{RANDOM})?", draft)
    if not found or found.group(1) in current:
        return False
    _, place, pid = found.groups()
    # The first draft of a journal, which is linked to its place when it is whole.
    return pid is None or (place == name_place(Process.current()) and not read_start(int(pid)))
