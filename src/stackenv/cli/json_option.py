"""The option --json: it collects the result of a command, which is printed when the command ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import click

from stackenv.errors import StackenvError

# A copy of typing.TYPE_CHECKING: importing `typing` takes as long as all of `--version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Asked:
    """The command that was run with --json (empty if none was), and its result once it is known."""

    command: str = ""
    result: Any = None


def name_command(context: click.Context) -> str:
    """Return the command of `context` as it was typed, without `stackenv`."""
    return context.command_path.partition(" ")[2]


def ask_json(context: click.Context, _option: click.Parameter, as_json: bool) -> bool:
    """Note which command was run with --json; return `as_json`."""
    if as_json:
        Asked.command = name_command(context)
    return as_json


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    # Parsed before the other options, so that errors in those are printed as JSON too.
    is_eager=True,
    callback=ask_json,
    help="Print the result as JSON.",
)


def set_result(result: Any) -> None:
    """Have `result`, of dataclasses and plain data, printed as JSON when the command ends."""
    Asked.result = result


def show_steps(sentences: Sequence[str], as_json: bool) -> None:
    """Show the sentences that say what a command would do, one per step."""
    # Imported here, because every command imports this file.
    if as_json:
        from stackenv.cli.answer import Plan

        set_result(Plan(tuple(sentences)))
    else:
        from stackenv.output import print_steps

        print_steps(sentences)


@contextlib.contextmanager
def answering(words: Sequence[str]) -> Iterator[None]:
    """Within the block, the command line `words` is run; with --json, print its result or error at the end.

    After Ctrl-C, what was done until then is printed, with an error; nothing if nothing was done.
    """
    Asked.command, Asked.result = "", None
    failure: StackenvError | OSError | click.ClickException | None = None
    try:
        yield
    except (StackenvError, OSError, click.ClickException) as error:
        # If click rejects the command line, the callback of --json may not have run.
        refused = getattr(error, "ctx", None)
        if refused and "--json" in words and any("--json" in p.opts for p in refused.command.params):
            Asked.command = name_command(refused)
        failure = error
        raise
    except click.Abort:
        if Asked.result is not None:
            failure = StackenvError("interrupted by SIGINT")
            # 128 plus the number of the signal, as in shells.
            failure.status = 128 + 2
        raise
    finally:
        # There is neither an error nor a result after --help.
        if Asked.command and (failure or Asked.result is not None):
            from stackenv.cli.answer import print_answer

            print_answer(Asked.command, Asked.result, failure)
