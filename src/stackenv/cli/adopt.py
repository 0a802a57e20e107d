"""`stackenv adopt`: a module for an environment that exists already."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.create import print_made
from stackenv.cli.options import EXIT_STATUS, dry_run_option, json_option, shared_option


@click.command(epilog=EXIT_STATUS)
@click.argument("environment", metavar="PATH-or-NAME")
@click.argument("name", required=False)
@click.option("-m", "--module", "modules", multiple=True, help="It stands on this module too.")
@click.option("--version", help="Of the module; 1.0, or that which its module had before it was moved.")
@click.option("--allow-shadow", multiple=True, metavar="PACKAGE", help="May replace the stack's.")
@click.option("--no-pth", is_flag=True, help="Write nothing into its site-packages.")
@click.option("--user-site", is_flag=True, help="See ~/.local too, behind the environment's packages.")
@click.option("--description", default="", help="One line for `module spider` and `stackenv list`.")
@shared_option
@dry_run_option
@json_option
def adopt(
    environment: str, name: str | None, dry_run: bool, as_json: bool, shared: Path | None, **options: object
) -> None:
    """Make a module for an environment that exists already.

    A venv by its folder; a conda environment by its folder or its name. The module that the venv's
    Python came from is found by asking Lmod; further modules are those of -m, or those loaded now.
    Without NAME the module is called as the folder is, or, where that is .venv or the like, as the project.

    \b
    Example:
      stackenv adopt ~/venvs/venv-for-demo
      stackenv adopt ~/project/.venv
      stackenv adopt pandas        (a conda environment)
    """
    from stackenv.lifecycle.adopt import adopt_environment

    print_made(adopt_environment(environment, name, options, shared, dry_run), as_json)
