"""`stackenv edit`: what an environment is based on, what it may shadow, and which version is the default."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.completers import complete_names, complete_rules
from stackenv.cli.options import (
    allow_shadow_option,
    description_option,
    dry_run_option,
    module_option,
    require_loaded_name,
    shared_option,
)
from stackenv.errors import UsageError
from stackenv.output import print_message


@click.command()
@click.argument("name", metavar="[NAME[/VERSION]]", required=False, shell_complete=complete_names)
@module_option("the same as before")
@allow_shadow_option
@click.option(
    "--forbid-shadow",
    multiple=True,
    metavar="PACKAGE",
    help="Keep this package as the modules have it.",
)
@click.option(
    "--see-modules/--hide-modules",
    default=None,
    help="Import packages of loaded modules (PYTHONPATH) in a conda environment, or hide them.",
)
@click.option(
    "--carry/--no-carry",
    default=None,
    help="Have a venv's Python bring its modules where they are not loaded (editors, cron), or not.",
)
@click.option(
    "--stubs/--no-stubs",
    default=None,
    help="Show uv the packages of a venv's modules, by their metadata, so that it takes them; or do not.",
)
@click.option(
    "--mute",
    multiple=True,
    metavar="RULE",
    shell_complete=complete_rules,
    help="Hide the warnings of this rule of `stackenv check` here, for a --reason; what is broken is shown.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why: shown by `stackenv info` and `check`.")
@click.option(
    "--unmute", multiple=True, metavar="RULE", shell_complete=complete_rules, help="Hear of them again."
)
@click.option("--default", "make_default", is_flag=True, help="Load this version by `module load NAME`.")
@description_option(None)
@click.option(
    "--refresh", is_flag=True, help="Query the modules and conda again; rewrite all files of stackenv."
)
@click.option("--all", "every", is_flag=True, help="Refresh all your environments.")
@shared_option
@dry_run_option
def edit(name: str | None, every: bool, shared: Path | None, dry_run: bool, **options: object) -> None:
    """Change an environment's base modules, or its module.

    A venv keeps its Python: modules with another Python are refused; for those, stackenv rebuild biopy -m
    MODULE. Files that stackenv did not write stay as they are. --refresh brings modulefile, constraints and
    what its Python brings by itself in line with the modules, and with what a conda environment's activation
    does now; files of stackenv that are missing in the environment are written again, the record and a
    venv's links to Python too. After a record was written again `stackenv remove` leaves the environment, as
    one that was adopted. After an update of stackenv, --refresh --all does this for all your environments;
    in a project it does not write records again.

    \b
    Example:
      stackenv edit biopy -m SciPy-bundle/2023.07 -m matplotlib/3.7.2
      stackenv edit biopy --allow-shadow numpy
      stackenv edit biopy --no-carry
      stackenv edit biopy --mute shadows --reason "numpy 2 is meant"
      stackenv edit biopy/2.0 --default
      stackenv edit --refresh --all
    """
    from stackenv.environments.context import open_context
    from stackenv.lifecycle.edit import edit_all, edit_named
    from stackenv.lifecycle.record_changes import EditRequest

    request = EditRequest(**options)  # type: ignore[arg-type]
    if every and name:
        raise UsageError("--all cannot be combined with a name", "stackenv edit --refresh --all")
    if not every and not name:
        name = require_loaded_name(shared)
        print_message(f"changing {name}, which is loaded")
    context = open_context(shared)
    if name:
        edit_named(request, name, context, dry_run)
    else:
        edit_all(request, context, dry_run)
