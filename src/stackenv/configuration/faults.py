"""Faults of a site configuration: where, which key, what is wrong, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from stackenv.configuration.site_file import file_error
from stackenv.errors import ConfigurationError, find_similar

# The keys and list positions on the path to a value: ("conda", "storage", 0, "parent").
KeyPath = tuple[Union[str, int], ...]

# Long enough for any value that a site configuration may hold, short enough for one line of a terminal.
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file, counted from 1."""

    file: Path
    line: int


@dataclass(frozen=True)
class Fault:
    """What is wrong with `key`, and what is allowed (`problem`); `place` is the line to change."""

    place: Place
    key: KeyPath
    problem: str

    def __str__(self) -> str:
        return f"{self.place.file}:{self.place.line}: {key_text(self.key)}: {self.problem}"


def configuration_error(faults: Iterable[Fault]) -> ConfigurationError:
    """Return one error with a line for each of `faults`, in the order of the file."""
    ordered = sorted(faults, key=lambda fault: (fault.place, key_text(fault.key)))
    return file_error("\n".join(str(fault) for fault in ordered))


def key_text(key: KeyPath) -> str:
    """Return `key` as an admin writes it, ``conda.storage[0].parent``, always on one line."""
    text = ""
    for step in key:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += "." * bool(text) + (step if step.isprintable() and step else repr(step))
    return text or "(top level)"


def shown(value: object) -> str:
    """Return the kind and value of `value`, which comes from YAML, on one line: ``the text 'maybe'``."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    kinds: dict[type, str] = {str: "text", list: "list", dict: "mapping"}
    text = repr(value)
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "..."
    return f"the {kinds.get(type(value), 'number')} {text}"


def not_allowed(value: object, allowed: str) -> str:
    """Return the problem that `value` is not one of the `allowed` values."""
    return f"found {shown(value)}; allowed: {allowed}"


def did_you_mean(word: str | None) -> str:
    """Return the end of a problem that suggests the `nearest` word; empty without one."""
    return f'; did you mean "{word}"?' if word else ""


def nearest(word: str, allowed: Sequence[str]) -> str | None:
    """Return the word of `allowed` that `word` is probably a misspelling of; earlier ones come first."""
    return next(iter(find_similar(word, reversed(allowed))), None)
