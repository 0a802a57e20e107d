"""`stackenv edit`: the base modules of an environment, what it may shadow, and the default version."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.completers import complete_names, complete_rules
from stackenv.cli.json_option import json_option, set_result
from stackenv.cli.options import (
    allow_shadow_option,
    description_option,
    dry_run_option,
    module_option,
    quiet_option,
    require_loaded_name,
    shared_option,
)
from stackenv.errors import StackenvError, UsageError
from stackenv.output import print_message, print_steps

if TYPE_CHECKING:
    from stackenv.cli.results import EditedModule
    from stackenv.lifecycle.edit import Edited


@click.command()
@click.argument("name", metavar="[NAME[/VERSION]]", required=False, shell_complete=complete_names)
@module_option("the same as before")
@allow_shadow_option
@click.option(
    "--forbid-shadow",
    multiple=True,
    metavar="PACKAGE",
    help="Keep the modules' version of this package (undoes --allow-shadow).",
)
@click.option(
    "--see-modules/--hide-modules",
    default=None,
    help="Show or hide the packages of loaded modules (PYTHONPATH) in a conda environment.",
)
@click.option(
    "--carry/--no-carry",
    default=None,
    help="Let a venv's Python find its modules even when they are not loaded (editors, cron), or not.",
)
@click.option(
    "--stubs/--no-stubs",
    default=None,
    help="Show the packages of a venv's modules to uv, or hide them; uv installs its own copies of packages "
    "that it does not see.",
)
@click.option(
    "--mute",
    multiple=True,
    metavar="RULE",
    shell_complete=complete_rules,
    help="Hide warnings of this rule of `stackenv check` for this environment (requires --reason); what is "
    "broken is still shown.",
)
@click.option(
    "--reason", default="", metavar="TEXT", help="Say why, for `stackenv info` and `stackenv check` to show."
)
@click.option(
    "--unmute",
    multiple=True,
    metavar="RULE",
    shell_complete=complete_rules,
    help="Show the warnings of this rule again.",
)
@click.option("--default", "make_default", is_flag=True, help="Make `module load NAME` load this version.")
@description_option(None)
@click.option(
    "--refresh", is_flag=True, help="Query the modules and conda again, and rewrite all of stackenv's files."
)
@click.option("--all", "every", is_flag=True, help="Refresh all your environments.")
@shared_option
@quiet_option
@dry_run_option
@json_option
def edit(
    name: str | None, every: bool, shared: Path | None, dry_run: bool, as_json: bool, **options: object
) -> None:
    """Change an environment's base modules or settings.

    A venv keeps its Python, so modules with another Python are refused: use `stackenv rebuild biopy -m
    MODULE` for those. Files that stackenv did not write are left unchanged.

    --refresh updates what stackenv wrote for the environment: the modulefile, the constraints for pip and uv,
    and what is recorded of its modules or of the activation of a conda environment. Missing files of stackenv
    in the environment are restored, including the record and a venv's links to its Python. Once its record
    has been restored, `stackenv remove` keeps the environment, as if it had been adopted. After an update of
    stackenv, run --refresh --all to update all your environments; in a project, this does not restore
    records.

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
        print_message(f"changing {name}, the loaded environment")
    context = open_context(shared)
    edited = [edit_named(request, name, context, dry_run)] if name else edit_all(request, context, dry_run)
    show_edited(edited, dry_run, as_json)


def show_edited(edited: Iterable[Edited], dry_run: bool, as_json: bool) -> None:
    """Show the steps of a dry run, or with --json what was done, also if one of them fails."""
    found: list[EditedModule] = []
    for one in edited:
        if as_json:
            found.append(describe(one))
            set_result(found)
        elif dry_run:
            print_steps(one.sentences)
    if as_json:
        set_result(found)


def describe(edited: Edited) -> EditedModule:
    """Return what was changed as `--json` prints it."""
    from stackenv.cli.results import EditedModule, identify

    module, steps, problem, hint = edited
    try:
        modules = module.read_record().modules
    except StackenvError:
        modules = ()
    return EditedModule(*identify(module), modules, steps, problem, hint)
