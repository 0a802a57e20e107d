"""Checks of single values of a configuration; problems are raised as voluptuous' Invalid."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

from voluptuous import Invalid, MultipleInvalid, Schema

from stackenv.configuration.faults import did_you_mean, nearest, not_allowed

Validator = Callable[[Any], Any]

_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,3})?) ?(?:([kKMGTP])(i?))?(B?)")
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def value_that(is_right: Callable[[Any], object], allowed: str) -> Validator:
    """Return a check that `is_right` holds for a value; `allowed` describes the valid values."""

    def check(value: Any) -> Any:
        if not is_right(value):
            raise Invalid(not_allowed(value, allowed))
        return value

    return check


check_boolean = value_that(lambda value: isinstance(value, bool), "true or false")
check_mapping = value_that(lambda value: isinstance(value, dict), "a mapping")


def text(allowed: str, pattern: str = r"[\s\S]+") -> Validator:
    """Return a check for a text that is not empty, or that matches `pattern` completely."""
    compiled = re.compile(pattern)
    return value_that(lambda value: isinstance(value, str) and compiled.fullmatch(value), allowed)


def whole_number(first: int, last: int, allowed: str) -> Validator:
    """Return a check for a number from `first` to `last`."""
    # bool is a subclass of int, so `timeout_s: yes` would be one second.
    return value_that(lambda value: type(value) is int and first <= value <= last, allowed)


def word(words: Sequence[str]) -> Validator:
    """Return a check for a text that is one of `words`; its error suggests the most similar one."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or value not in words:
            hint = did_you_mean(nearest(value, words)) if isinstance(value, str) else ""
            raise Invalid(not_allowed(value, ", ".join(words)) + hint)
        return value

    return check


def parsed(parse: Callable[[str], Any], allowed: str) -> Validator:
    """Return a check for a text that also parses it with `parse`; a ValueError is the problem."""
    check_text = text(allowed)

    def check(value: Any) -> Any:
        try:
            return parse(check_text(value))
        # voluptuous would replace the message of a ValueError with "not a valid value".
        except ValueError as error:
            raise Invalid(str(error)) from error

    return check


def or_null(check: Validator) -> Validator:
    """Return a check for null, or for what `check` accepts."""
    return lambda value: value if value is None else check(value)


def list_of(item: Validator, allowed: str) -> Validator:
    """Return a check for a list whose items are checked by `item`; every fault gets its own line."""
    # voluptuous' own list stops at the first item that has a fault in a nested value.
    item_schema = Schema(item)
    check_list = value_that(lambda value: isinstance(value, list), f"a list of {allowed}")

    def check(value: Any) -> tuple[Any, ...]:
        items, faults = [], []
        for position, entry in enumerate(check_list(value)):
            try:
                items.append(item_schema(entry))
            except MultipleInvalid as error:
                error.prepend([position])
                faults.extend(error.errors)
        if faults:
            raise MultipleInvalid(faults)
        return tuple(items)

    return check


def quantity(allowed: str, is_bytes: bool = False) -> Validator:
    """Return a check for a number, with an optional unit: "1 TB", "500 GiB", "1.5 M"."""

    def check(value: Any) -> int:
        found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
        number = value if type(value) is int else 0
        if found and (is_bytes or not found.group(4)):
            base = 1024 if found.group(3) else 1000
            number = round(float(found.group(1)) * base ** _POWERS[found.group(2) or ""])
        if number <= 0:
            raise Invalid(not_allowed(value, allowed))
        return number

    return check


def check_program(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the `words` of a command, which must begin with an absolute path."""
    # A program found on PATH would be the user's choice, not the site's.
    if not words or not words[0].startswith("/"):
        found = repr(words[0]) if words else "[]"
        raise Invalid(f"found {found}; allowed: the absolute path of a program, then its arguments")
    return words


def check_node_folder(value: Any) -> str:
    """Return the absolute path `value` without a trailing slash."""
    # sh creates folders in it and looks for them in /proc/mounts, where a space is an octal number.
    folder: str = text("an absolute path of letters, digits and . _ + - /", r"/[A-Za-z0-9._+/-]*")(value)
    if ".." in Path(folder).parts:
        raise Invalid(not_allowed(value, "an absolute path of letters, digits and . _ + - /"))
    return folder.rstrip("/") or "/"


def check_module_root(value: Any) -> str:
    """Return the absolute path `value` without a trailing slash; it must not contain a colon."""
    # It is joined with colons, like the variables that it is compared with.
    folder: str = text("an absolute path without a colon, such as /software")(value).rstrip("/")
    if not folder.startswith("/") or ":" in folder or ".." in Path(folder).parts:
        raise Invalid(not_allowed(value, "an absolute path without a colon or .., such as /software"))
    return folder


def check_existing_folder(value: Any) -> Path:
    """Return the absolute path of an existing folder."""
    # For an inaccessible folder, os.path returns False; pathlib raises before Python 3.12.
    if not isinstance(value, str) or not value.startswith("/") or not os.path.isdir(value):  # noqa: PTH112
        raise Invalid(not_allowed(value, "null or the absolute path of a folder that exists"))
    return Path(value)
