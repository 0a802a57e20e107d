"""Faults of a site configuration: where, which key, what is wrong, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from stackenv.errors import ConfigurationError

# Package data; in a checkout the folder is a link to the one at its top.
SHIPPED_FILE = Path(__file__).parent.parent / "site-config" / "default.yaml"

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
    """One thing that is wrong in a site configuration.

    Parameters
    ----------
    place
        The line to change.
    key
        The keys and list positions that lead to the value, from the top.
    problem
        What is wrong; what is allowed.
    """

    place: Place
    key: KeyPath
    problem: str

    def __str__(self) -> str:
        return f"{self.place.file}:{self.place.line}: {key_text(self.key)}: {self.problem}"


def configuration_error(faults: Iterable[Fault]) -> ConfigurationError:
    """Put faults into one error.

    Parameters
    ----------
    faults
        At least one.

    Returns
    -------
    ConfigurationError
        A line for each fault, in the order of the file.
    """
    ordered = sorted(faults, key=lambda fault: (fault.place, key_text(fault.key)))
    return file_error("\n".join(str(fault) for fault in ordered))


def file_error(message: str) -> ConfigurationError:
    """Give the error for a site configuration, with the hint that all of them share.

    Parameters
    ----------
    message
        What is wrong, with the place in front.

    Returns
    -------
    ConfigurationError
        The error, to be raised by the caller.
    """
    return ConfigurationError(message, f"every key is explained in {SHIPPED_FILE}")


def key_text(key: KeyPath) -> str:
    """Write a key as an administrator reads it.

    Parameters
    ----------
    key
        For example ``("conda", "storage", 0, "parent")``.

    Returns
    -------
    str
        For example ``conda.storage[0].parent``; never more than one line.
    """
    text = ""
    for step in key:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += "." * bool(text) + (step if step.isprintable() and step else repr(step))
    return text or "(top level)"


def shown(value: object) -> str:
    """Name a value's type and the value, on one line.

    Parameters
    ----------
    value
        What YAML gave.

    Returns
    -------
    str
        For example ``the text 'maybe'``.
    """
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    kinds: dict[type, str] = {str: "text", list: "list", dict: "mapping"}
    kind = kinds.get(type(value), "number")
    text = repr(value)
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "..."
    return f"the {kind} {text}"


def not_allowed(value: object, allowed: str) -> str:
    """Say that a value is none of those allowed.

    Parameters
    ----------
    value
        What was found.
    allowed
        What may stand there.

    Returns
    -------
    str
        The problem of a fault.
    """
    return f"found {shown(value)}; allowed: {allowed}"


def did_you_mean(word: str | None) -> str:
    """Give the end of a problem that names the nearest right word.

    Parameters
    ----------
    word
        The result of `nearest`.

    Returns
    -------
    str
        Empty when there is none.
    """
    return f'; did you mean "{word}"?' if word else ""


def nearest(word: str, allowed: Sequence[str]) -> str | None:
    """Find the allowed word that is most like a wrong one.

    Parameters
    ----------
    word
        What was written.
    allowed
        The words to choose from; an earlier one wins when two are as near.

    Returns
    -------
    str or None
        None when no word is near enough to be a slip of the pen.
    """
    folded = {candidate.lower(): candidate for candidate in reversed(allowed)}
    # difflib is quadratic in the length, and no key is long.
    close = difflib.get_close_matches(word.lower()[:SHOWN_CHARACTERS], list(folded), n=1)
    return folded[close[0]] if close else None
