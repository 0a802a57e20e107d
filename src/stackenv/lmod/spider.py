"""Read the output of Lmod's spider: which modules add a folder, and which make another module available."""

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
# What `module spider NAME/VERSION` says of one that others lead to, each line those of one way, and
# `module spider NAME` of several (m_in "any one of the lines below" and "Versions:", 8.6.19 to 9.2.9).
WAYS = re.compile(
    r"on\s+any\s+one\s+of\s+the\s+lines\s+below[^\n]*(?:\n[^\n]+)*\n[ \t]*\n((?:[ \t]+\S[^\n]*(?:\n|\Z))+)"
)
SEVERAL = re.compile(r"^\s*Versions:[ \t]*\n((?:[ \t]+\S+[ \t]*(?:\n|\Z))+)", re.MULTILINE)
ONE = re.compile(r"^[ \t]*-+[ \t]*\n[ \t]+\S+: (\S+/\S+)[ \t]*\n", re.MULTILINE)


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


def list_versions(words: str) -> list[str]:
    """Return the full names of which `module spider NAME` says in its `words` that there are several."""
    return [name for lines in SEVERAL.findall(words) for name in lines.split()]


def read_ways(words: str) -> tuple[str, list[tuple[str, ...]]]:
    """Return of which module the `words` of `module spider` are, and the modules of each way to it.

    Without a way it can be loaded at once, or the words are of no single module, whose name is then empty.
    """
    one = ONE.search(words)
    ways = [tuple(line.split()) for lines in WAYS.findall(words) for line in lines.splitlines()]
    return (one.group(1), ways) if one else ("", [])
