"""`stackenv remove`: delete modules, and the environments that stackenv created for them."""

from __future__ import annotations

import copy
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.completers import complete_names
from stackenv.cli.json_option import json_option, set_result
from stackenv.cli.options import dry_run_option, quiet_option, shared_option, yes_option
from stackenv.errors import StackenvError
from stackenv.output import confirm, format_count, print_steps

if TYPE_CHECKING:
    from stackenv.cli.results import RemovedModule
    from stackenv.lifecycle.remove import Removal


@click.command()
@click.argument("names", metavar="NAME[/VERSION]...", nargs=-1, required=True, shell_complete=complete_names)
@click.option("--environment", is_flag=True, help="Delete the environment even if it was adopted.")
@yes_option
@quiet_option
@shared_option
@dry_run_option
@json_option
def remove(
    names: tuple[str, ...], environment: bool, yes: bool, shared: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Remove modules and their environments.

    An adopted environment, which stackenv did not create, is kept; only the files that stackenv put into it
    are removed. Your Jupyter kernel for the environment is removed too. A module that is in use in this shell
    is refused, even with --yes, because it could not be unloaded without its modulefile. If one of several
    modules is refused, none is removed; if removing one fails later, those removed before it stay removed.

    \b
    Example:
      stackenv remove biopy
      stackenv remove biopy/1.0 --yes
      stackenv remove old1 old2
    """
    from stackenv.environments.context import open_context
    from stackenv.lifecycle.remove import plan_removals

    removals = plan_removals(names, environment, not yes, open_context(shared), dry_run)
    if dry_run and as_json:
        set_result([describe(removal) for removal in removals])
        return
    sentences = tuple(sentence for removal in removals for sentence in removal.changes.sentences)
    if dry_run:
        print_steps(sentences)
        return
    found = [removal.module.full_name for removal in removals]
    question = f"Remove {found[0] if len(found) == 1 else format_count(len(found), 'module')}?"
    if not yes and not confirm(question, f"stackenv remove {shlex.join(found)} --yes", facts=sentences):
        raise StackenvError("nothing was changed")
    removed: list[RemovedModule] = []
    for removal in removals:
        removal.carry_out(are_steps_known=not yes)
        if as_json:
            removed.append(describe(removal))
            set_result(removed)


def describe(removal: Removal) -> RemovedModule:
    """Return what is removed as `--json` prints it."""
    from stackenv.cli.results import RemovedModule, identify

    return RemovedModule(*identify(removal.module), removal.keeps_environment, removal.changes.sentences)


rm = copy.copy(remove)
rm.name, rm.hidden = "rm", True
