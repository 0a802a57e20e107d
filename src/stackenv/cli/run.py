"""`stackenv run`: one command in an environment."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.options import EXIT_STATUS, shared_option
from stackenv.errors import UsageError


@click.command(
    epilog=f"{EXIT_STATUS} Otherwise the status is the command's; 127 when there is no such command.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@shared_option
@click.argument("name", metavar="NAME[/VERSION]")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[--] COMMAND...")
def run(name: str, command: tuple[str, ...], shared: Path | None) -> None:
    """Run one command in an environment.

    The exit status and the signals are the command's.

    The modules that are loaded in this shell are purged first, sticky ones aside, so that the command
    finds the environment alone. It needs no function `module`: in a job, by cron, by ssh.

    \b
    Example:
      stackenv run biopy -- python script.py
      srun stackenv run biopy python script.py
    """
    from stackenv.environments.context import open_context
    from stackenv.environments.run import run_in

    words = command[1:] if command[:1] == ("--",) else command
    if not words or not words[0]:
        raise UsageError("there is no command to run", f"stackenv run {name} -- python script.py")
    context = open_context(shared)
    context.recover()
    run_in(name, words, context)
