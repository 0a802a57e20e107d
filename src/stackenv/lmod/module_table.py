"""Read what Lmod writes, its table of loaded modules and its changes of variables; never run it as code."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, zip_longest
from typing import Union

# What Lmod's own table needs is five; a hostile one must not exhaust Python's stack.
MAX_DEPTH = 32
# A string of Lua between either quote: a line ends only behind a backslash.
LUA_QUOTED = r"""(?:"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*')"""

TOKEN = re.compile(
    rf"""\s*(?:(?P<quoted>{LUA_QUOTED})|\[(?P<level>=*)\[\n?(?P<long>[\s\S]*?)\](?P=level)\]
    |(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[{{}}\[\]=,;])|$)\s*""",
    re.ASCII | re.VERBOSE,
)
ESCAPE = re.compile(r"""\\(?:(\d{1,3})|x([0-9A-Fa-f]{2})|([abfnrtv\\"'\n])|[\s\S])""")
ESCAPED = dict(zip("abfnrtv", "\a\b\f\n\r\t\v"))
# What shells/Python.lua of 8.6.19 writes. A string is Lua's %q: one line, or lines that end with a
# backslash. What a module itself prints is before the line `import os`, on which it may border.
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
    """The text is no table that Lmod writes: raised by all that reads one."""


@dataclass(frozen=True)
class LoadedModule:
    """A module that is loaded.

    Parameters
    ----------
    full_name
        NAME/VERSION.
    path
        Of the modulefile; empty when the environment does not say.
    asked_for
        Whether the user asked for it, and no other module pulled it in.
    order
        Its place in the order of loading, from 1.
    """

    full_name: str
    path: str
    asked_for: bool
    order: int

    @property
    def folder(self) -> str:
        """The folder of MODULEPATH in which it was found; empty where the environment does not say."""
        end = f"/{self.full_name}"
        path = self.path[: -len(".lua")] if self.path.endswith(f"{end}.lua") else self.path
        return path[: -len(end)] if path.endswith(end) else ""


def read_loaded_modules(environ: Mapping[str, str]) -> tuple[LoadedModule, ...]:
    """Return the modules loaded in `environ`, in load order; start no process.

    A table of Lmod that is missing or cannot be read is replaced by LOADEDMODULES and _LMFILES_,
    where nothing distinguishes the modules that the user asked for.
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
    """Return Lmod's table in `environ`."""
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
    # Lmod writes base64 in the alphabet for URLs (tools/base64.lua, 8.6.19).
    encoded = "".join(pieces).replace("-", "+").replace("_", "/").encode()
    return TableReader(base64.b64decode(encoded, validate=True).decode("latin-1")).read("_ModuleTable_")


def select_active(table: LuaTable) -> tuple[LoadedModule, ...]:
    """Return the modules of Lmod's `table` that are loaded, in load order."""
    entries = table.get("mT")
    if not isinstance(entries, dict):
        raise TableError("Lmod's table has no modules")
    loaded = [read_entry(e) for e in entries.values() if isinstance(e, dict) and e.get("status") == "active"]
    return tuple(sorted(loaded, key=lambda module: (module.order, module.full_name)))


def read_entry(entry: LuaTable) -> LoadedModule:
    """Return the module that an `entry` of Lmod's table stands for."""
    full_name, path, order = entry.get("fullName"), entry.get("fn"), entry.get("loadOrder")
    if not (isinstance(full_name, str) and isinstance(path, str) and isinstance(order, int)):
        raise TableError("an entry of Lmod's table has no name, path or place")
    return LoadedModule(
        full_name,
        path,
        # A module that is pulled in, by load as by depends_on, is deeper than 0; it comes up to 0
        # when the user then loads it too, while ref_count only counts those that depend on it.
        asked_for=entry.get("stackDepth", 0) == 0,
        order=order,
    )


def read_changes(output: str) -> tuple[dict[str, str | None], bool | None]:
    """Return what `lmod python` changes, None for a variable that it deletes, and whether it succeeded.

    Neither is known, an empty dictionary and None, when the output is not Lmod's.

    Parameters
    ----------
    output
        As latin-1: a character for each byte.
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
            # 9.x says True, then False, when something went wrong; 8.6.19 does for is-avail.
            succeeded = status.group(1) == "True"
        match = assigned or deleted or head or status or LINE.match(output, at)
        at = match.end() if match else len(output)
    try:
        changes = {read_quoted(k): None if v is None else read_quoted(v) for k, v in quoted.items()}
    except TableError:
        return {}, None
    return changes, succeeded


def read_quoted(quoted: str) -> str:
    """Return what a quoted string of Lua stands for, given as latin-1: a character for each byte."""
    text = ESCAPE.sub(read_escape, quoted[1:-1])
    return os.fsdecode(text.encode("latin-1"))


def read_escape(match: re.Match[str]) -> str:
    """Return the character that an escape stands for; digits are decimal, not octal as in Python."""
    decimal, hexadecimal, letter = match.groups()
    if decimal and int(decimal) < 256:
        return chr(int(decimal))
    if hexadecimal:
        return chr(int(hexadecimal, 16))
    if letter:
        return ESCAPED.get(letter, letter)
    raise TableError(f"{match.group()!r} is not an escape of Lua")


def split_tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a table, given as latin-1, and an end."""
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
    """Reads a literal table of Lua: strings, numbers, booleans and tables, nothing that computes.

    Parameters
    ----------
    text
        The table as latin-1: a character for each byte.
    """

    def __init__(self, text: str) -> None:
        self.tokens = list(split_tokens(text))
        self.at = 0

    def read(self, name: str) -> LuaTable:
        """Return the table in `name = {...}`, which must be all of the text."""
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
