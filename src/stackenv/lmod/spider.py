"""What Lmod's spider says of all modules: which of them lead to a folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

# The table of `spider -o spider-json`, {name: {file: facts}}, on the last line; what modules have
# printed is before it, on the same line if it did not end (l_rptDbTJson in libexec/spider, 8.6.19).
TABLE = re.compile(r'\{"[^"]*":\{"|\[\]|\{\}')


def map_folders(output: str) -> dict[str, tuple[str, ...]] | None:
    """Return which modules lead to a folder by spider's `output`, as latin-1; None when it is no answer.

    A folder that is reached through a link is there by both names; the modules are sorted.
    """
    table = read_table(output)
    if table is None:
        return None
    found: dict[str, set[str]] = {}
    for full_name, folder in list_folders(table):
        for name in (folder, os.path.realpath(folder)):
            found.setdefault(name, set()).add(full_name)
    return {folder: tuple(sorted(modules)) for folder, modules in found.items()}


def read_table(output: str) -> Mapping[str, Any] | None:
    """Return the table that spider's `output` ends with; None when there is none."""
    line = os.fsdecode(output.rstrip("\n").rpartition("\n")[2].encode("latin-1"))
    for start in TABLE.finditer(line):
        with suppress(ValueError):
            table = json.loads(line[start.start() :], strict=False)
            # An empty table of Lua becomes an empty list.
            if not table or all(isinstance(files, dict) for files in table.values()):
                return table or {}
    return None


def list_folders(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the full name of each module and each folder on PATH or a library path of its."""
    for files in table.values():
        for facts in files.values():
            if isinstance(facts, dict) and isinstance(facts.get("fullName"), str):
                for kind in ("pathA", "lpathA"):
                    # A list when empty, as above.
                    for folder in facts.get(kind) or ():
                        yield facts["fullName"], folder
