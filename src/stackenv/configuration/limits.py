"""The section ``limits``: how much space and how many files a folder of users may hold."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from voluptuous import All, Invalid, Required
from voluptuous import Optional as Maybe

from stackenv.configuration.faults import not_allowed
from stackenv.configuration.path_template import parse_path_template
from stackenv.configuration.values import check_or_null, check_parsed, check_text, list_of

_NUMBER = re.compile(r"(\d{1,15}(?:\.\d{1,3})?) ?(?:([kKMGTP])(i?))?(B?)")
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def _number(allowed: str, is_bytes: bool, value: Any) -> int:
    # bool is an int to Python.
    if type(value) is int and value > 0:
        return int(value)
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if not found or (found.group(4) and not is_bytes):
        raise Invalid(not_allowed(value, allowed))
    number, prefix, binary, _ = found.groups()
    figure: int = round(float(number) * (1024 if binary else 1000) ** _POWERS[prefix or ""])
    if not figure:
        raise Invalid(not_allowed(value, allowed))
    return figure


def _program(words: tuple[str, ...]) -> tuple[str, ...]:
    # What a user's PATH finds is for the user to say, not for the site.
    if not words or not words[0].startswith("/"):
        found = repr(words[0]) if words else "[]"
        raise Invalid(f"found {found}; allowed: the absolute path of a program, then its arguments")
    return words


def check_limit(values: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a limit, which must say how much it is, or which command tells it."""
    if not any(values.get(key) for key in ("bytes", "files", "command")):
        raise Invalid("says no limit; allowed: bytes, files or command beside the path")
    return values


_BYTES = 'null, or a number with a unit: "1 TB" (1000 GB), "500 GiB"'
_FILES = 'null, or a number, also with a unit: 1000000, "1 M"'

LIMIT_FIELDS: dict[Any, Any] = {
    Required("path"): partial(check_parsed, parse_path_template, "a folder such as ${HOME}"),
    Maybe("bytes", default=None): partial(check_or_null, partial(_number, _BYTES, True)),
    Maybe("files", default=None): partial(check_or_null, partial(_number, _FILES, False)),
    Maybe("command", default=None): partial(
        check_or_null,
        All(list_of(partial(check_text, "a word of the command"), "words"), _program),
    ),
}
