"""`stackenv export`: the contents of an environment, to recreate it here or elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.options import loaded_name_argument, quiet_option, shared_option
from stackenv.output import print_text


@click.command()
@loaded_name_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["record", "requirements", "environment", "uv"]),
    default="record",
    show_default=True,
    help="Choose the output: the whole record (YAML), pip requirements, conda's environment.yml, or "
    "version constraints for a uv project (pyproject.toml).",
)
@shared_option
@quiet_option
def export(name: str, form: str, shared: Path | None) -> None:
    """Export an environment to recreate it elsewhere.

    \b
    Example:
      stackenv export biopy
      stackenv export biopy --format requirements > requirements.txt
      stackenv export biopy --format environment > environment.yml
      stackenv export biopy --format uv >> pyproject.toml
    """
    from stackenv.environments.context import open_context, recover
    from stackenv.lifecycle.export import export_environment

    context = open_context(shared)
    recover(context)
    print_text(export_environment(name, form, context).rstrip("\n") + "\n")
