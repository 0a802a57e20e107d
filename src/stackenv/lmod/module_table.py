"""Read Lmod's table of loaded modules and its changes of variables, without running them as code."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, zip_longest
from typing import Union

# Lmod's own table has five levels; a malicious one must not exhaust Python's stack.
MAX_DEPTH = 32
# A Lua string in single or double quotes; a newline in it follows a backslash.
LUA_QUOTED = r"""(?:"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*')"""

TOKEN = re.compile(
    rf"""\s*(?:(?P<quoted>{LUA_QUOTED})|\[(?P<level>=*)\[\n?(?P<long>[\s\S]*?)\](?P=level)\]
    |(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[{{}}\[\]=,;])|$)\s*""",
    re.ASCII | re.VERBOSE,
)
ESCAPE = re.compile(r"""\\(?:(\d{1,3})|x([0-9A-Fa-f]{2})|([abfnrtv\\"'\n])|[\s\S])""")
ESCAPED = dict(zip("abfnrtv", "\a\b\f\n\r\t\v"))
# The output of shells/Python.lua (8.6.19). Strings are in Lua's %q format: one line, or lines that end with
# a backslash. The output of modules comes before `import os`, perhaps on the same line.
ASSIGNED = re.compile(rf"os\.environ\[({LUA_QUOTED})\] = ({LUA_QUOTED});?(?:\n|$)")
DELETED = re.compile(rf"del os\.environ\[({LUA_QUOTED})\];?(?:\n|$)")
HEAD = re.compile(r"[^\n]*import os(?:\n|$)")
STATUS = re.compile(r"[^\n]*_mlstatus = (True|False)(?:\n|$)")
LINE = re.compile(r"[^\n]*(?:\n|$)")

CONSTANTS = {"true": True, "false": False, "nil": None}

LuaValue = Union[str, int, float, bool, None, "LuaTable"]
Token = tuple[str, LuaValue]
LuaTable = dict[Union[str, int], LuaValue]


class TableError(ValueError):
    """The text is not a table of Lmod; raised by all functions that read one."""


@dataclass(frozen=True)
class LoadedModule:
    """A module that is loaded.

    Parameters
    ----------
    full_name
        NAME/VERSION.
    path
        The path of the modulefile; empty if the environment does not contain it.
    asked_for
        Whether the user loaded it, not only another module.
    order
        Its position in load order, from 1.
    """

    full_name: str
    path: str
    asked_for: bool
    order: int

    @property
    def folder(self) -> str:
        """The folder of MODULEPATH in which it was found; empty if it is not known."""
        end = f"/{self.full_name}"
        path = self.path[: -len(".lua")] if self.path.endswith(f"{end}.lua") else self.path
        return path[: -len(end)] if path.endswith(end) else ""


def read_loaded_modules(environ: Mapping[str, str]) -> tuple[LoadedModule, ...]:
    """Return the modules that are loaded in `environ`, in load order, without starting a process.

    If Lmod's table is missing or cannot be read, LOADEDMODULES and _LMFILES_ are used instead. They do not
    show which modules the user loaded, so all count as loaded by the user.
    """
    try:
        return select_active(read_module_table(environ))
    except ValueError:
        names = [name for name in environ.get("LOADEDMODULES", "").split(":") if name]
        paths = [path for path in environ.get("_LMFILES_", "").split(":") if path][: len(names)]
        return tuple(
            LoadedModule(name, path, asked_for=True, order=order)
            for order, (name, path) in enumerate(zip_longest(names, paths, fillvalue=""), 1)
        )


def read_module_table(environ: Mapping[str, str]) -> LuaTable:
    """Return Lmod's table from the variables in `environ`."""
    size = environ.get("_ModuleTable_Sz_")
    numbers = range(1, int(size) + 1) if size else count(1)
    pieces = []
    for number in numbers:
        piece = environ.get(f"_ModuleTable{number:03}_")
        if piece is None:
            if size:
                raise TableError(f"piece {number} of {size} of Lmod's table is missing")
            break
        pieces.append(piece)
    # Lmod uses the URL alphabet of base64 (tools/base64.lua, 8.6.19).
    encoded = "".join(pieces).replace("-", "+").replace("_", "/").encode()
    return TableReader(base64.b64decode(encoded, validate=True).decode("latin-1")).read("_ModuleTable_")


def select_active(table: LuaTable) -> tuple[LoadedModule, ...]:
    """Return the loaded modules in Lmod's `table`, in load order."""
    entries = table.get("mT")
    if not isinstance(entries, dict):
        raise TableError("Lmod's table has no modules")
    loaded = [read_entry(e) for e in entries.values() if isinstance(e, dict) and e.get("status") == "active"]
    return tuple(sorted(loaded, key=lambda module: (module.order, module.full_name)))


def read_entry(entry: LuaTable) -> LoadedModule:
    """Return the module that an `entry` of Lmod's table describes."""
    full_name, path, order = entry.get("fullName"), entry.get("fn"), entry.get("loadOrder")
    if not (isinstance(full_name, str) and isinstance(path, str) and isinstance(order, int)):
        raise TableError("an entry of Lmod's table has no name, path or place")
    return LoadedModule(
        full_name,
        path,
        # The depth of a module that another one loads, with load or depends_on, is above 0, and becomes 0
        # when the user loads it, too. ref_count only counts the modules that depend on it.
        asked_for=entry.get("stackDepth", 0) == 0,
        order=order,
    )


def read_changes(output: str) -> tuple[dict[str, str | None], bool | None]:
    """Return the variables that `lmod python` changes, None for a deleted one, and whether it succeeded.

    If the output is not Lmod's, the result is an empty dictionary and None.

    Parameters
    ----------
    output
        The output decoded as latin-1, one character for each byte.
    """
    at, headed = 0, False
    quoted: dict[str, str | None] = {}
    succeeded: bool | None = None
    while at < len(output):
        assigned, deleted = ASSIGNED.match(output, at), DELETED.match(output, at)
        head, status = HEAD.match(output, at), STATUS.match(output, at)
        if assigned and headed:
            quoted[assigned.group(1)] = assigned.group(2)
        elif deleted and headed:
            quoted[deleted.group(1)] = None
        elif head and not assigned:
            quoted, headed, succeeded = {}, True, None
        elif status and not assigned:
            # After an error, Lmod 9.x prints True and then False; 8.6.19 does so for is-avail.
            succeeded = status.group(1) == "True"
        match = assigned or deleted or head or status or LINE.match(output, at)
        at = match.end() if match else len(output)
    try:
        changes = {read_quoted(k): None if v is None else read_quoted(v) for k, v in quoted.items()}
    except TableError:
        return {}, None
    return changes, succeeded


def read_quoted(quoted: str) -> str:
    """Return the value of a quoted Lua string, given as latin-1: one character for each byte."""
    text = ESCAPE.sub(read_escape, quoted[1:-1])
    return os.fsdecode(text.encode("latin-1"))


def read_escape(match: re.Match[str]) -> str:
    """Return the character of a Lua escape; digits are decimal, not octal as in Python."""
    decimal, hexadecimal, letter = match.groups()
    if decimal and int(decimal) < 256:
        return chr(int(decimal))
    if hexadecimal:
        return chr(int(hexadecimal, 16))
    if letter:
        return ESCAPED.get(letter, letter)
    raise TableError(f"{match.group()!r} is not an escape of Lua")


def split_tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a table, given as latin-1, and an end token."""
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise TableError(f"a table of Lua cannot hold {text[at : at + 20]!r}")
        at = match.end()
        found = match.group(match.lastgroup or 0)
        if match.lastgroup == "quoted":
            yield "value", read_quoted(found)
        elif match.lastgroup == "long":
            yield "value", os.fsdecode(found.encode("latin-1"))
        elif match.lastgroup == "number":
            yield "value", float(found) if "." in found else int(found)
        elif match.lastgroup == "name" and found in CONSTANTS:
            yield "value", CONSTANTS[found]
        elif match.lastgroup:
            yield match.lastgroup, found
    yield "end", ""


class TableReader:
    """Reads a literal Lua table of strings, numbers, booleans and tables, without any code.

    Parameters
    ----------
    text
        The table as latin-1: one character for each byte.
    """

    def __init__(self, text: str) -> None:
        self.tokens = list(split_tokens(text))
        self.at = 0

    def read(self, name: str) -> LuaTable:
        """Return the table in `name = {...}`, which must be the whole text."""
        self._expect("name", name)
        self._expect("mark", "=")
        self._expect("mark", "{")
        table = self._read_table(1)
        self._expect("end", "")
        return table

    def _found(self, *token: str) -> bool:
        found = self.tokens[self.at] == token
        self.at += found
        return found

    def _expect(self, *token: str) -> None:
        if not self._found(*token):
            raise TableError(f"{token} was expected, not {self.tokens[self.at]}")

    def _read_table(self, depth: int) -> LuaTable:
        if depth > MAX_DEPTH:
            raise TableError(f"the table is deeper than {MAX_DEPTH}")
        table: LuaTable = {}
        place = count(1)
        while not self._found("mark", "}"):
            key = self._read_key()
            table[next(place) if key is None else key] = self._read_value(depth)
            if not self._found("mark", ",") and not self._found("mark", ";"):
                self._expect("mark", "}")
                break
        return table

    def _read_key(self) -> str | int | None:
        kind, key = self.tokens[self.at]
        if kind == "name":
            self.at += 1
        elif self._found("mark", "["):
            key = self._read_value(MAX_DEPTH)
            self._expect("mark", "]")
        else:
            return None
        self._expect("mark", "=")
        if not isinstance(key, (str, int)):
            raise TableError(f"{key!r} is not a key")
        return key

    def _read_value(self, depth: int) -> LuaValue:
        if self._found("mark", "{"):
            return self._read_table(depth + 1)
        kind, value = self.tokens[self.at]
        if kind != "value":
            raise TableError(f"a value was expected, not {value!r}")
        self.at += 1
        return value
