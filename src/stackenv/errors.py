"""Errors: what happened, where and why (the message), what to type next (the hint), an exit status."""

from __future__ import annotations

import os
import sys

# As `typing` has it, whose import takes as long as the whole of `--version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Names are shorter.
LONGEST_WORD = 100


class StackenvError(Exception):
    """An error whose text is written for the person at the terminal.

    Parameters
    ----------
    message
        What happened, where and why.
    hint
        What to type or change next; empty when there is nothing to add.
    """

    status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n\nhint: {self.hint}" if self.hint else self.message


class LostRecordError(StackenvError):
    """The record of an environment is gone or damaged, and can be written again."""


class UsageError(StackenvError):
    """What was typed cannot be meant (exit status 2)."""

    status = 2


class ConfigurationError(StackenvError):
    """The site's site configuration cannot be used (exit status 4)."""

    status = 4


class InstallationError(StackenvError):
    """A conda installation cannot be used (exit status 5)."""

    status = 5


class VerificationError(StackenvError):
    """A modulefile failed its load test, or a new environment its checks (exit status 6)."""

    status = 6


class BusyError(StackenvError):
    """Another process is changing the same module (exit status 8)."""

    status = 8


class TakenError(StackenvError):
    """The name or the place is taken, by a module or by files that stackenv did not write (status 9)."""

    status = 9


class ModuleError(StackenvError):
    """A module cannot be loaded (exit status 7)."""

    status = 7


class InstallError(StackenvError):
    """A package could not be installed (exit status 10); `reason` is what pip says of it, in a line."""

    status = 10

    def __init__(self, message: str, hint: str = "", reason: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class UnreachableError(InstallError):
    """Where packages are to come from cannot be reached: it is no matter of this package or that."""


def explain(error: BaseException) -> str:
    """Return what is wrong, in words: a message of Python's own is about its objects."""
    if isinstance(error, OSError) and error.strerror:
        # Without "[Errno 13]"; the name may be bytes.
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return f"{place}{error.strerror}"
    # Imported by who has raised it, and slow: each start of the command comes by here.
    subprocess = sys.modules.get("subprocess")
    if subprocess and isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {error.timeout:g} s"
    if isinstance(error, KeyError):
        return f"`{error.args[0]}` is missing"
    if isinstance(error, (TypeError, AttributeError, RecursionError)):
        return "it does not have the format that stackenv writes"
    return str(error)


# What a terminal obeys, or turns text round by: C0, C1, ends of lines, Unicode's bidi controls.
CONTROLS = (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
# What texts of several lines are written with.
WHITE = "\n\t"


def escape_controls(text: str, kept: str = "") -> str:
    """Return `text`, which packages may have said, with CONTROLS as Python writes them, but for `kept`."""
    # Bytes that are no text are not printable, and stay what they are: those of a path.
    if text.isprintable():
        return text
    return text.translate({n: ascii(chr(n))[1:-1] for n in CONTROLS if chr(n) not in kept})


def quote_word(path: str | Path) -> str:
    """Return `path` as one word of sh: a hint is copied, and others choose the names in shared folders."""
    import shlex

    return shlex.quote(str(path))


def find_similar(word: str, words: Iterable[str]) -> list[str]:
    """Return the likeliest of `words` that `word` may mean, whatever its case; none where none is close."""
    # Slow to import, and needed only where something is wrong.
    from difflib import get_close_matches

    folded = {known.lower(): known for known in words}
    # What is typed can be anything, and be pasted.
    return [folded[close] for close in get_close_matches(word.lower()[:LONGEST_WORD], list(folded), n=1)]


def suggest(word: str, words: Iterable[str], before: str = "") -> list[str]:
    """Return the part of a hint that names the likeliest of `words`, behind `before`; empty without one."""
    return [f"did you mean: {before}{name}" for name in find_similar(word, words)]
