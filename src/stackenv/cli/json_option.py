"""The option --json: which command has it, and the result that is printed when the command ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import click

from stackenv.errors import StackenvError

# As `typing` has it, whose import takes as long as the whole of `--version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Asked:
    """The command that is asked for JSON, empty for none, and its result as soon as there is one."""

    command: str = ""
    result: Any = None


def name_command(context: click.Context) -> str:
    """Return the command of `context` as it was typed, without the program's name."""
    return context.command_path.partition(" ")[2]


def ask_json(context: click.Context, _option: click.Parameter, as_json: bool) -> bool:
    """Note which command is asked for JSON; return `as_json`."""
    if as_json:
        Asked.command = name_command(context)
    return as_json


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    # Before the others: what is wrong with those is printed as JSON, too.
    is_eager=True,
    callback=ask_json,
    help="Print the result as JSON.",
)


def set_result(result: Any) -> None:
    """Have `result`, of dataclasses and plain data, printed as JSON when the command ends."""
    Asked.result = result


def show_steps(sentences: Sequence[str], as_json: bool) -> None:
    """Show what a command would do, by a sentence each."""
    # Each start of the command comes by here.
    from stackenv.cli.answer import Plan
    from stackenv.output import print_steps

    if as_json:
        set_result(Plan(tuple(sentences)))
    else:
        print_steps(sentences)


@contextlib.contextmanager
def answering(words: Sequence[str]) -> Iterator[None]:
    """Within the block the command line `words` is run; if it asks for JSON, print that at the end.

    Ctrl-C before a command has begun its work prints nothing, as without --json.
    """
    Asked.command, Asked.result = "", None
    failure: StackenvError | OSError | click.ClickException | None = None
    try:
        yield
    except (StackenvError, OSError, click.ClickException) as error:
        # Of a command line that click refuses no option has been looked at.
        refused = getattr(error, "ctx", None)
        if refused and "--json" in words and any("--json" in p.opts for p in refused.command.params):
            Asked.command = name_command(refused)
        failure = error
        raise
    finally:
        # Neither: the help was asked for, or it was interrupted.
        if Asked.command and (failure or Asked.result is not None):
            from stackenv.cli.answer import print_answer

            print_answer(Asked.command, Asked.result, failure)
