"""`stackenv edit`: what an environment is based on, what it may shadow, and which version is the default."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, shared_option
from stackenv.errors import UsageError


@click.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]", required=False)
@click.option(
    "-m", "--module", "modules", multiple=True, help="Stand on this module, instead of those before."
)
@click.option("--allow-shadow", multiple=True, metavar="PACKAGE", help="May replace the stack's.")
@click.option("--forbid-shadow", multiple=True, metavar="PACKAGE", help="Stays the stack's again.")
@click.option(
    "--see-modules/--hide-modules",
    default=None,
    help="Conda: import what modules bring on PYTHONPATH, or not.",
)
@click.option("--default", "make_default", is_flag=True, help="`module load NAME` gives this version.")
@click.option("--description", help="One line for `module spider` and `stackenv list`.")
@click.option("--refresh", is_flag=True, help="Ask modules and conda again; rewrite all files of stackenv.")
@click.option("--all", "every", is_flag=True, help="Refresh all your environments.")
@shared_option
@dry_run_option
def edit(
    name: str | None,
    modules: tuple[str, ...],
    allow_shadow: tuple[str, ...],
    forbid_shadow: tuple[str, ...],
    make_default: bool,
    description: str | None,
    refresh: bool,
    see_modules: bool | None,
    every: bool,
    shared: Path | None,
    dry_run: bool,
) -> None:
    """Change what an environment stands on, or its module.

    A venv keeps its Python: modules of another generation, with another one, are refused. There it is
    made anew: stackenv rebuild biopy -m MODULE. Files that stackenv did not write stay as they are. --refresh
    brings modulefile and constraints in line with the modules, and with what a conda environment's own
    activation does by now; what stackenv has put into the environment and is missing, it writes again, the
    record and a venv's links to Python too. After a record was written again `stackenv remove` leaves the
    environment, as one that was adopted. After an update of stackenv, --refresh --all does so for all your
    environments; in a project it writes no record again.

    \b
    Example:
      stackenv edit biopy -m SciPy-bundle/2023.07 -m matplotlib/3.7.2
      stackenv edit biopy --allow-shadow numpy
      stackenv edit biopy/2.0 --default
      stackenv edit --refresh --all
    """
    from stackenv.environments.context import open_context
    from stackenv.lifecycle.edit import edit_all, edit_named
    from stackenv.lifecycle.record_changes import EditRequest

    request = EditRequest(
        modules, allow_shadow, forbid_shadow, make_default, description, refresh, see_modules
    )
    if every == bool(name):
        raise UsageError(
            "--all cannot be combined with a name" if name else "the name of the environment is missing",
            "stackenv list shows the names; stackenv edit --help",
        )
    context = open_context(shared)
    if name:
        edit_named(request, name, context, dry_run)
    else:
        edit_all(request, context, dry_run)
