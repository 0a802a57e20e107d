"""`stackenv remove`: delete a module, and the environment that stackenv made for it."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.options import dry_run_option, name_argument, shared_option, yes_option
from stackenv.errors import StackenvError
from stackenv.output import confirm, print_steps, tell


@click.command()
@name_argument
@click.option("--environment", is_flag=True, help="Delete the environment even if it was adopted.")
@yes_option
@shared_option
@dry_run_option
def remove(name: str, environment: bool, yes: bool, shared: Path | None, dry_run: bool) -> None:
    """Remove a module, and its environment.

    An environment that stackenv did not make, an adopted one, stays, without the files that stackenv has put
    into it. Your Jupyter kernel of it goes too. A module that is in use in this shell is refused, with --yes
    too: without its modulefile it could not be unloaded.

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
        if not confirm("Do that?", f"stackenv remove {removal.module.full_name} --yes"):
            raise StackenvError("nothing was changed")
    removal.carry_out()
