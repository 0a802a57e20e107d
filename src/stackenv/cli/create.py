"""`stackenv create`: a new environment on the modules, and its module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, json_option, shared_option
from stackenv.output import print_json, print_line, print_steps, tell

if TYPE_CHECKING:
    from stackenv.environments.making import Made


@click.command(epilog=EXIT_STATUS)
@click.argument("name")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option("-r", "--requirements", multiple=True, type=click.Path(path_type=Path), help="A file of pip's.")
@click.option(
    "-m", "--module", "modules", multiple=True, help="Stand on this module; without it, on those loaded now."
)
@click.option("--python", "python_version", default="", help="Insist on this version: 3.12.")
@click.option("--path", type=click.Path(path_type=Path), help="The environment's folder.")
@click.option("--version", default="1.0", show_default=True, help="Of the module.")
@click.option("--conda", is_flag=True, help="A conda environment instead of a venv.")
@click.option("-c", "--channel", "channels", multiple=True, help="With --conda: a channel.")
@click.option("--allow-shadow", multiple=True, metavar="PACKAGE", help="May replace the stack's.")
@click.option(
    "--system-site-packages/--no-system-site-packages",
    default=True,
    show_default=True,
    help="See the packages of the module's base Python too.",
)
@click.option("--user-site", is_flag=True, help="See ~/.local too, behind the environment's packages.")
@click.option("--no-build-isolation", is_flag=True, help="Builds from source see the stack's packages.")
@click.option("--os-python", is_flag=True, help="Take the operating system's Python.")
@click.option(
    "--from",
    "from_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Make again what `stackenv export` has written to FILE, here or on another machine.",
)
@click.option("--description", default="", help="One line for `module spider` and `stackenv list`.")
@shared_option
@dry_run_option
@json_option
def create(name: str, packages: tuple[str, ...], dry_run: bool, as_json: bool, **options: object) -> None:
    """Make an environment on the loaded modules, as a module.

    Packages that the modules bring stay the modules': pip leaves them alone, unless --allow-shadow
    says otherwise. The environment is private to you, unless it is a project's (--shared).

    \b
    Example:
      module load SciPy-bundle
      stackenv create biopy biopython
      stackenv create biopy --from biopy.yaml
      module use ~/modules; module load biopy
    """
    from stackenv.lifecycle.create import CreateRequest, create_new
    from stackenv.lifecycle.create_from import create_from

    request = CreateRequest(name=name, packages=packages, **options)  # type: ignore[arg-type]
    made = create_from(request, dry_run) if request.from_file else create_new(request, dry_run)
    print_made(made, as_json)


def print_made(made: Made, as_json: bool) -> None:
    """Print what was made and what to type to use it, or, of a dry run, the steps."""
    if made.module is None:
        print_steps(made.steps, as_json)
        return
    for sentence in made.differences:
        tell(sentence)
    if as_json:
        print_json(made.describe())
    else:
        tell(f"{made.module.full_name} is ready, in {made.module.prefix}; in a shell or a job script:")
        print_line(made.use)
