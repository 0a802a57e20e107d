"""`stackenv rebuild`: the same environment made again, on the same modules or on others."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, json_option, shared_option
from stackenv.output import print_json, print_line, print_steps


@click.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]")
@click.option("-m", "--module", "modules", multiple=True, help="Stand on this module; without: as before.")
@click.option("--no-build-isolation", is_flag=True, help="Builds from source see the stack's packages.")
@click.option("--force", is_flag=True, help="Switch to the new one also when it does not check out.")
@shared_option
@dry_run_option
@json_option
def rebuild(
    name: str,
    modules: tuple[str, ...],
    no_build_isolation: bool,
    force: bool,
    shared: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make an environment anew, from what is installed in it or recorded: on other modules, say.

    The new one gets a folder of its own. When it is complete and `stackenv check` finds nothing wrong that
    the old one had not, the module leads to it; until then the old one stays as it was. What the modules
    bring is left to them. What cannot be had in the same version is listed. The old folder stays until
    `stackenv clean`.

    \b
    Example:
      stackenv rebuild biopy
      stackenv rebuild biopy -m SciPy-bundle/2023.07-gfbf-2023a
    """
    from stackenv.lifecycle.rebuild import RebuildRequest, rebuild_environment

    rebuilt = rebuild_environment(RebuildRequest(name, modules, no_build_isolation, force, shared), dry_run)
    if rebuilt.outcome is None:
        print_steps(rebuilt.steps, as_json)
    elif as_json:
        print_json(rebuilt.describe())
    else:
        for sentence in rebuilt.outcome.sentences():
            print_line(sentence)
