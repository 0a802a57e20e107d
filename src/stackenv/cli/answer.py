"""What `--json` prints: one object of the same form for each command, also when it fails."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from stackenv import __version__
from stackenv.cli.options import explain_click_error
from stackenv.errors import InstallError, StackenvError, explain

# Raised when a key is removed or renamed, or when its value means something else; not for a new key.
FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a command failed.

    Parameters
    ----------
    message
        What happened, where and why: the text on stderr, but with the installer's reason, if one is known,
        instead of "see its output above".
    hint
        What to type or change next; empty when there is nothing to add.
    status
        The exit status.
    """

    message: str
    hint: str
    status: int


@dataclasses.dataclass(frozen=True)
class Answer:
    """The object on stdout.

    Parameters
    ----------
    format_version
        The version of this format; a script written for another version must not read on.
    stackenv_version
        The version of stackenv that printed it.
    command
        The command as it was typed, without `stackenv` and its arguments, such as `kernel list`.
    result
        What the command found or did; null when it failed before there was anything to print.
    error
        Why it failed; null when it did not.
    """

    format_version: int
    stackenv_version: str
    command: str
    result: Any
    error: Failure | None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a command would do with `--dry-run`.

    Parameters
    ----------
    steps
        A sentence for each step, in their order.
    """

    steps: tuple[str, ...]


def describe_failure(error: StackenvError | OSError | click.ClickException) -> Failure:
    """Return what is said of `error`, with the status that the command ends with."""
    if isinstance(error, InstallError):
        return Failure(": ".join(filter(None, (error.failure, error.reason))), error.hint, error.status)
    if isinstance(error, StackenvError):
        # With several hints, a terminal shows one per line.
        return Failure(error.message, "; ".join(map(str.strip, error.hint.splitlines())), error.status)
    if isinstance(error, click.ClickException):
        return Failure(*explain_click_error(error), error.exit_code)
    return Failure(explain(error), "", StackenvError.status)


def print_answer(
    command: str, result: Any, error: StackenvError | OSError | click.ClickException | None
) -> None:
    """Print the object, in ASCII: so it is valid JSON in each locale.

    Bytes of a path that are not text are lone surrogates in it, which `os.fsencode` makes bytes again.
    """
    failure = describe_failure(error) if error else None
    answer = Answer(FORMAT_VERSION, __version__, command, result, failure)
    print(json.dumps(answer, indent=2, default=describe_fields))


def describe_fields(data: Any) -> dict[str, Any]:
    """Return the fields of the dataclass `data` by their names."""
    return {field.name: getattr(data, field.name) for field in dataclasses.fields(data)}
