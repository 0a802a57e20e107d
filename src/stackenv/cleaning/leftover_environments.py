"""Environments that stackenv created and that no module uses any longer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stackenv.errors import StackenvError
from stackenv.plain_files import read_file_text
from stackenv.record import FOLDER, RECORD_FILE, Record, parse_record


@dataclass(frozen=True)
class Leftover:
    """An environment without a module.

    Parameters
    ----------
    prefix
        Folder of the environment.
    record
        The record in it.
    replaced_by
        The environment that its module uses now, because it was rebuilt there; empty if there is no module.
    """

    prefix: Path
    record: Record
    replaced_by: str


def list_leftovers(prefixes: Iterable[Path], read_prefix: Callable[[Path], str | None]) -> Iterator[Leftover]:
    """Yield those of `prefixes` that stackenv created for a module that is gone or uses another one.

    Stackenv does not delete an adopted environment, a copy (whose record names another folder), one whose
    folder of modules is unavailable, or one that is being created.

    Parameters
    ----------
    prefixes
        The folders to look at.
    read_prefix
        Returns the environment that a modulefile uses; None if stackenv did not write the modulefile.
    """
    seen = set()
    for prefix in prefixes:
        real = os.path.realpath(prefix)
        record = read_intact_record(prefix)
        if record is None or real in seen:
            continue
        seen.add(real)
        modulefile = Path(record.module_folder, f"{record.full_name}.lua")
        if not record.owned or not Path(record.module_folder).is_dir():
            continue
        leads_to = read_prefix(modulefile) if os.path.lexists(modulefile) else ""
        if leads_to is not None and (not leads_to or os.path.realpath(leads_to) != real):
            yield Leftover(prefix, record, leads_to)


def read_intact_record(prefix: Path) -> Record | None:
    """Return the record in `prefix` if it is complete and names this folder; otherwise None."""
    try:
        if any((prefix / FOLDER).glob("unfinished-*")):
            return None
        text = read_file_text(prefix / RECORD_FILE, errors="replace")
        record = parse_record(text, str(prefix / RECORD_FILE))
    except (OSError, StackenvError):
        return None
    return record if os.path.realpath(record.path) == os.path.realpath(prefix) else None
