"""Environments that stackenv made and that no module leads to any more."""

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
        Its folder.
    record
        What is recorded in it.
    replaced_by
        The environment that its module leads to now: it was rebuilt there. Empty when there is no module.
    """

    prefix: Path
    record: Record
    replaced_by: str


def list_leftovers(prefixes: Iterable[Path], read_prefix: Callable[[Path], str | None]) -> Iterator[Leftover]:
    """Yield those of `prefixes` that stackenv made, for a module that is gone or leads elsewhere.

    An adopted environment is not stackenv's to delete, nor is a copy (its record names another folder), nor
    one whose folder of modules is away, nor one that is being made.

    Parameters
    ----------
    prefixes
        The folders to look at.
    read_prefix
        Returns the environment that a modulefile leads to; None for one that stackenv did not write.
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
    """Return the record in `prefix` if it is complete and of this very folder; None otherwise."""
    try:
        if any((prefix / FOLDER).glob("unfinished-*")):
            return None
        text = read_file_text(prefix / RECORD_FILE, errors="replace")
        record = parse_record(text, str(prefix / RECORD_FILE))
    except (OSError, StackenvError):
        return None
    return record if os.path.realpath(record.path) == os.path.realpath(prefix) else None
