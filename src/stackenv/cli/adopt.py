"""`stackenv adopt`: a module for an environment that exists already."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.completers import complete_folders
from stackenv.cli.create import print_made
from stackenv.cli.json_option import json_option
from stackenv.cli.options import (
    allow_shadow_option,
    description_option,
    dry_run_option,
    module_option,
    no_carry_option,
    no_stubs_option,
    shared_option,
    user_site_option,
)


@click.command()
@click.argument("environment", metavar="PATH-or-NAME", shell_complete=complete_folders)
@click.argument("name", required=False)
@module_option("the module of its Python, and the loaded modules")
@click.option("--version", help="Module version (default: 1.0, or that of the module before it was moved).")
@allow_shadow_option
@click.option("--no-pth", is_flag=True, help="Write nothing into its site-packages.")
@user_site_option
@no_carry_option
@no_stubs_option
@description_option("")
@shared_option
@dry_run_option
@json_option
def adopt(
    environment: str, name: str | None, dry_run: bool, as_json: bool, shared: Path | None, **options: object
) -> None:
    """Make a module for an existing environment.

    Name a venv by its folder, a conda environment by its folder or its name. The module that the venv's
    Python came from is found by asking Lmod; further modules are those of -m, or the loaded ones. Without
    NAME the module is named after the folder, or, where that is .venv or the like, after the project.

    \b
    Example:
      stackenv adopt ~/venvs/venv-for-demo
      stackenv adopt ~/project/.venv
      stackenv adopt pandas        (a conda environment)
    """
    from stackenv.lifecycle.adopt import adopt_environment

    print_made(adopt_environment(environment, name, options, shared, dry_run), as_json)
