"""Read the output of Lmod's spider: which modules add a folder, and which make another module available."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

# The table of `spider -o spider-json`, {name: {file: facts}}, on the last line. The output of modules comes
# before it, on the same line if it lacks a newline at its end (l_rptDbTJson in libexec/spider, 8.6.19).
TABLE = re.compile(r'\{"[^"]*":\{"|\[\]|\{\}')
# The answer of `module spider NAME/VERSION` for a module that requires others, one possibility per line ("any
# one of the lines below"), and of `module spider NAME` for several versions ("Versions:"), 8.6.19 to 9.2.9.
WAYS = re.compile(
    r"on\s+any\s+one\s+of\s+the\s+lines\s+below[^\n]*(?:\n[^\n]+)*\n[ \t]*\n((?:[ \t]+\S[^\n]*(?:\n|\Z))+)"
)
SEVERAL = re.compile(r"^\s*Versions:[ \t]*\n((?:[ \t]+\S+[ \t]*(?:\n|\Z))+)", re.MULTILINE)
ONE = re.compile(r"^[ \t]*-+[ \t]*\n[ \t]+\S+: (\S+/\S+)[ \t]*\n", re.MULTILINE)


def map_folders(output: str) -> dict[str, tuple[str, ...]] | None:
    """Return, for each folder in spider's `output`, the sorted modules that add it; None without a table.

    `output` is decoded as latin-1. A folder with a link in its path is listed with both paths.
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
    """Return the table at the end of spider's `output`; None without one."""
    line = os.fsdecode(output.rstrip("\n").rpartition("\n")[2].encode("latin-1"))
    for start in TABLE.finditer(line):
        with suppress(ValueError):
            table = json.loads(line[start.start() :], strict=False)
            # An empty Lua table is printed as an empty list.
            if not table or all(isinstance(files, dict) for files in table.values()):
                return table or {}
    return None


def list_folders(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the full name of each module with each folder that it adds to PATH or a library path."""
    for files in table.values():
        for facts in files.values():
            if isinstance(facts, dict) and isinstance(facts.get("fullName"), str):
                for kind in ("pathA", "lpathA"):
                    # An empty table is a list here, too.
                    for folder in facts.get(kind) or ():
                        yield facts["fullName"], folder


def list_versions(words: str) -> list[str]:
    """Return the full names in the output, `words`, of `module spider NAME` if there are several versions."""
    return [name for lines in SEVERAL.findall(words) for name in lines.split()]


def read_ways(words: str) -> tuple[str, list[tuple[str, ...]]]:
    """Return the module in the output, `words`, of `module spider`, and the modules that it requires.

    There is one tuple for each possibility, and none if the module can be loaded directly. The name is empty
    if the output is not about a single module.
    """
    one = ONE.search(words)
    ways = [tuple(line.split()) for lines in WAYS.findall(words) for line in lines.splitlines()]
    return (one.group(1), ways) if one else ("", [])
