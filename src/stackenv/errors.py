"""Errors: what happened, where and why (the message), how to fix it (the hint), and an exit status."""

from __future__ import annotations

import os
import sys

# A copy of typing.TYPE_CHECKING: importing `typing` takes as long as all of `--version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# No name is longer.
LONGEST_WORD = 100


class StackenvError(Exception):
    """An error whose text is written for the user at the terminal.

    Parameters
    ----------
    message
        What happened, where and why.
    hint
        What to type or change next; empty if there is nothing to add.
    """

    status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n\nhint: {self.hint}" if self.hint else self.message


class LostRecordError(StackenvError):
    """The record of an environment is missing or damaged, and can be written again."""


class UsageError(StackenvError):
    """The command line makes no sense (exit status 2)."""

    status = 2


class ConfigurationError(StackenvError):
    """The site configuration cannot be used (exit status 4)."""

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
    """The name or the place is taken, by a module or by files that stackenv did not write (exit status 9)."""

    status = 9


class ModuleError(StackenvError):
    """A module cannot be loaded (exit status 7)."""

    status = 7


class InstallError(StackenvError):
    """A package could not be installed (exit status 10).

    Parameters
    ----------
    failure
        What happened, where and why. The message for the terminal is this text, with a reference to the
        output if `is_output_above`.
    hint
        What to type or change next; empty if there is nothing to add.
    reason
        The installer's explanation, in one line; empty if it is unknown.
    is_output_above
        Whether the terminal already shows the installer's output.
    """

    status = 10

    def __init__(self, failure: str, hint: str = "", reason: str = "", is_output_above: bool = False) -> None:
        super().__init__(f"{failure}; see its output above" if is_output_above else failure, hint)
        self.failure = failure
        self.reason = reason


class UnreachableError(InstallError):
    """The package index cannot be reached, so the error is not about a particular package."""


def explain(error: BaseException) -> str:
    """Return what is wrong, in words, because Python's own messages are about its objects; without a hint."""
    if isinstance(error, StackenvError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        # Without "[Errno 13]"; the name may be bytes.
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return f"{place}{error.strerror}"
    # Slow to import, and imported already if it has raised the error.
    subprocess = sys.modules.get("subprocess")
    if subprocess and isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {error.timeout:g} s"
    if isinstance(error, KeyError):
        return f"`{error.args[0]}` is missing"
    if isinstance(error, (TypeError, AttributeError, RecursionError)):
        return "it does not have the format that stackenv writes"
    return str(error)


def explain_with_hint(error: StackenvError | OSError) -> tuple[str, str]:
    """Return what is wrong, and what to type; the latter is empty if it is not known."""
    return explain(error), error.hint if isinstance(error, StackenvError) else ""


# Characters that control a terminal or the direction of text: C0, C1, line ends, Unicode's bidi controls.
CONTROLS = (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
# The white space in texts of several lines.
WHITE = "\n\t"


def escape_controls(text: str, kept: str = "") -> str:
    """Return `text`, which may come from packages, with CONTROLS escaped as in Python, except those in
    `kept`.
    """
    # Bytes of a path that are not text are not printable either; they are kept.
    if text.isprintable():
        return text
    return text.translate({n: ascii(chr(n))[1:-1] for n in CONTROLS if chr(n) not in kept})


def quote_word(path: str | Path) -> str:
    """Return `path` quoted as one word for sh: hints are copied, and names in shared folders come from
    others.
    """
    import shlex

    return shlex.quote(str(path))


def find_similar(word: str, words: Iterable[str]) -> list[str]:
    """Return the most similar of `words`, ignoring case, as a list of at most one."""
    # Slow to import, and needed only if something is wrong.
    from difflib import get_close_matches

    folded = {known.lower(): known for known in words}
    # The user may have pasted a long text.
    return [folded[close] for close in get_close_matches(word.lower()[:LONGEST_WORD], list(folded), n=1)]


def suggest(word: str, words: Iterable[str], before: str = "") -> list[str]:
    """Return the part of a hint that suggests the most similar of `words`, after `before`; empty if there is
    none.
    """
    return [f"did you mean: {before}{name}" for name in find_similar(word, words)]
