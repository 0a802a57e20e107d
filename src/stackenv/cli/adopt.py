"""`stackenv adopt`: a module for an environment that already exists."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.completers import complete_folders
from stackenv.cli.create import describe_adopted, print_made
from stackenv.cli.json_option import json_option
from stackenv.cli.options import (
    allow_shadow_option,
    description_option,
    dry_run_option,
    module_option,
    no_carry_option,
    no_stubs_option,
    quiet_option,
    shared_option,
    user_site_option,
)


@click.command()
@click.argument("environment", metavar="PATH|NAME", shell_complete=complete_folders)
@click.argument("name", required=False)
@module_option("the module of its Python, and the loaded modules")
@click.option(
    "--version", help="Set the module version (default: 1.0, or the version it had before it was moved)."
)
@allow_shadow_option
@click.option(
    "--no-pth", is_flag=True, help="Do not write anything into the environment's site-packages folder."
)
@user_site_option
@no_carry_option
@no_stubs_option
@description_option("")
@shared_option
@quiet_option
@dry_run_option
@json_option
def adopt(
    environment: str, name: str | None, dry_run: bool, as_json: bool, shared: Path | None, **options: object
) -> None:
    """Make a module for an existing environment.

    Give the folder of a venv, or the folder or name of a conda environment. stackenv asks Lmod which module
    the venv's Python comes from. The module is also based on the modules given with -m or, without -m, on the
    loaded ones. Without NAME, it is named after the folder, or after the project if the folder is called
    .venv or similar.

    \b
    Example:
      stackenv adopt ~/venvs/venv-for-demo
      stackenv adopt ~/project/.venv
      stackenv adopt pandas        # a conda environment
    """
    from stackenv.lifecycle.adopt import adopt_environment

    print_made(adopt_environment(environment, name, options, shared, dry_run), as_json, describe_adopted)
