"""`stackenv rebuild`: the same environment made again, on the same modules or on others."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.json_option import json_option, set_result, show_steps
from stackenv.cli.options import (
    dry_run_option,
    module_option,
    name_argument,
    no_build_isolation_option,
    shared_option,
    verbose_option,
)
from stackenv.output import print_line


@click.command()
@name_argument
@module_option("the same as before")
@no_build_isolation_option
@click.option("--force", is_flag=True, help="Switch to the new environment even if its check fails.")
@shared_option
@verbose_option
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
    """Rebuild an environment, for example on newer modules.

    Its packages are those that are installed in it, or recorded. The new environment gets a folder of its
    own. When it is complete, and `stackenv check` finds no problem in it that the old one did not have, the
    module switches to it; until then the old one stays as it was. Packages of the modules are not installed
    again. Packages whose version is no longer available are listed. The old folder stays until `stackenv
    clean`; a crontab, a script or an editor that starts its Python by its path needs the new path, which is
    printed.

    \b
    Example:
      stackenv rebuild biopy
      stackenv rebuild biopy -m SciPy-bundle/2023.07-gfbf-2023a
    """
    from stackenv.lifecycle.rebuild import RebuildRequest, rebuild_environment

    rebuilt = rebuild_environment(RebuildRequest(name, modules, no_build_isolation, force, shared), dry_run)
    if rebuilt.report is None:
        show_steps(rebuilt.steps, as_json)
    elif as_json:
        set_result(rebuilt.describe())
    else:
        for sentence in rebuilt.report.sentences():
            print_line(sentence)
