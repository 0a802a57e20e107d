"""`stackenv run`: one command in an environment."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.completers import complete_files
from stackenv.cli.options import name_argument, shared_option
from stackenv.errors import UsageError


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@shared_option
@name_argument
@click.argument(
    "command",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="[--] COMMAND...",
    shell_complete=complete_files,
)
def run(name: str, command: tuple[str, ...], shared: Path | None) -> None:
    """Run a command in an environment.

    The exit status and the signals are the command's; the status is 127 when there is no such command.

    The modules that are loaded in this shell are purged first, except sticky ones, so that the command
    finds only the environment. The function `module` is not needed: it works in a job, by cron, by ssh.

    \b
    Example:
      stackenv run biopy -- python script.py
      srun stackenv run biopy python script.py
    """
    from stackenv.environments.context import open_context, recover
    from stackenv.environments.run import run_in

    words = command[1:] if command[:1] == ("--",) else command
    if not words or not words[0]:
        raise UsageError("there is no command to run", f"stackenv run {name} -- python script.py")
    context = open_context(shared)
    recover(context)
    run_in(name, words, context)
