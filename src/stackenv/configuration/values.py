"""Checks of single values of a configuration, for any key; what is wrong is said as voluptuous' Invalid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Callable

from voluptuous import Invalid, MultipleInvalid, Schema

from stackenv.configuration.faults import did_you_mean, nearest, not_allowed

Validator = Callable[[Any], Any]


def check_boolean(value: Any) -> Any:
    """Return `value`, which must be true or false."""
    if not isinstance(value, bool):
        raise Invalid(not_allowed(value, "true or false"))
    return value


def check_text(allowed: str, value: Any) -> Any:
    """Return `value`, which must be a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise Invalid(not_allowed(value, allowed))
    return value


def check_word(words: Sequence[str], value: Any) -> Any:
    """Return `value`, which must be one of `words`; the nearest is named otherwise."""
    if value not in words or not isinstance(value, str):
        hint = did_you_mean(nearest(value, words)) if isinstance(value, str) else ""
        raise Invalid(not_allowed(value, ", ".join(words)) + hint)
    return value


def check_parsed(parse: Callable[[str], Any], allowed: str, value: Any) -> Any:
    """Return what `parse` makes of the text `value`; its ValueError is the problem."""
    text = check_text(allowed, value)
    try:
        return parse(text)
    # voluptuous would put "not a valid value" in the place of a ValueError's message.
    except ValueError as error:
        raise Invalid(str(error)) from error


def check_pattern(pattern: re.Pattern[str], allowed: str, value: Any) -> Any:
    """Return `value`, which must be a text of `pattern` as a whole."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Invalid(not_allowed(value, allowed))
    return value


def check_or_null(check: Validator, value: Any) -> Any:
    """Return what `check` does, or None for null."""
    return value if value is None else check(value)


def list_of(item: Validator, allowed: str) -> Validator:
    """Return the check of a list, each item by `item`: every fault has its own line."""
    # voluptuous' own list stops at the first item whose fault lies deeper than the item itself.
    item_schema = Schema(item)

    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Invalid(not_allowed(value, f"a list of {allowed}"))
        items, faults = [], []
        for position, entry in enumerate(value):
            try:
                items.append(item_schema(entry))
            except MultipleInvalid as error:
                error.prepend([position])
                faults.extend(error.errors)
        if faults:
            raise MultipleInvalid(faults)
        return tuple(items)

    return check


def check_not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the list `value`, which must have an item."""
    if not value:
        raise Invalid("found []; allowed: at least one folder")
    return value


def check_mapping(value: Any) -> Any:
    """Return `value`, which must be a mapping."""
    if not isinstance(value, dict):
        raise Invalid(not_allowed(value, "a mapping"))
    return value
