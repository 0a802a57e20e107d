"""`stackenv site`: what the site's admins use."""

from __future__ import annotations

import os
from pathlib import Path

import click

from stackenv.cli.options import EXIT_STATUS, CommandGroup
from stackenv.conda.installation import probe_installation
from stackenv.conda.module import LIBEXEC, describe_conda_module
from stackenv.configuration.loader import find_configuration_file, load_configuration
from stackenv.modulefile.text import render_module
from stackenv.output import tell
from stackenv.site.report import report

HOOKS = Path(__file__).parent.parent / "hooks" / "stackenv_hooks.py"


@click.group(cls=CommandGroup, epilog=EXIT_STATUS)
def site() -> None:
    """For admins: configuration, modulefile, EasyBuild hooks, and who leans on a module.

    \b
    Example:
      stackenv site check /etc/stackenv/site.yaml
    """


@site.command(epilog=EXIT_STATUS)
@click.argument("file", type=click.Path(path_type=Path), required=False)
def check(file: Path | None) -> None:
    """Check a site configuration; without FILE the one that is in force.

    Every fault is told with its line, its key and what is allowed. Keys below conda.condarc that no
    conda knows are warnings; the build asks the installed conda whether it accepts their values.

    \b
    Example:
      stackenv site check /etc/stackenv/site.yaml
    """
    configuration = load_configuration(file or find_configuration_file(os.environ))
    for warning in configuration.warnings:
        tell(f"warning: {warning}")
    click.echo(f"{configuration.path}: the site configuration is right")


@site.command(epilog=EXIT_STATUS)
@click.option("--name", required=True, help="The software, as EasyBuild calls it: Anaconda3.")
@click.option("--version", required=True, help="Of the module: 2024.02-1.")
@click.option("--root", required=True, help="The installation's prefix.")
@click.option(
    "--config",
    "configuration",
    type=click.Path(path_type=Path),
    help="Site configuration (default: the one in use).",
)
def render(name: str, version: str, root: str, configuration: Path | None) -> None:
    """Print what the EasyBuild hook adds to the modulefile of a conda installation.

    The files in the installation that it depends on are written only by the hook.

    \b
    Example:
      stackenv site render --name Anaconda3 --version 2024.02-1 \\
          --root /software/Anaconda3/2024.02-1
    """
    site_configuration = load_configuration(configuration or find_configuration_file(os.environ))
    installation = probe_installation(name, f"{name}/{version}", root)
    spec = describe_conda_module(installation, site_configuration.conda)
    click.echo(render_module(spec, site_configuration.conda.templates), nl=False)
    tell(
        "this text does not work alone: the files that it depends on, in "
        f"{installation.root}/{LIBEXEC} and condarc.d, are written only by the EasyBuild hook\n\n"
        'hint: eb --hooks="$(stackenv site hooks)" --module-only --force EASYCONFIG'
    )


@site.command(epilog=EXIT_STATUS)
def hooks() -> None:
    """Print the path of the EasyBuild hooks.

    \b
    Example:
      eb --hooks=$(stackenv site hooks) Anaconda3-2024.02-1.eb
    """
    click.echo(str(HOOKS.resolve()))


site.add_command(report)
