"""`stackenv remove`: delete a module, and the environment that stackenv made for it."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, shared_option, yes_option
from stackenv.errors import StackenvError
from stackenv.output import confirm, print_steps, tell


@click.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]")
@click.option("--environment", is_flag=True, help="Delete the environment, also one that was adopted.")
@yes_option
@shared_option
@dry_run_option
def remove(name: str, environment: bool, yes: bool, shared: Path | None, dry_run: bool) -> None:
    """Delete a module, and its environment if stackenv made it.

    An environment that was adopted stays, without what stackenv has put into it. Your Jupyter kernel of it
    goes too. A module that is in use in this shell is refused, with --yes too: without its modulefile it
    could not be unloaded.

    \b
    Example:
      stackenv remove biopy
      stackenv remove biopy/1.0 --yes
    """
    from stackenv.environments.context import open_context
    from stackenv.lifecycle.remove import plan_removal

    removal = plan_removal(name, environment, not yes, open_context(shared), dry_run)
    if dry_run:
        print_steps(removal.changes.sentences)
        return
    if not yes:
        for sentence in removal.changes.sentences:
            tell(sentence)
        full_name = removal.module.full_name
        command = f"stackenv remove {full_name} --yes"
        if not confirm("Do that?", f"{full_name} is to be removed", command):
            raise StackenvError("nothing was changed")
    removal.carry_out()
