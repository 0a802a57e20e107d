"""`stackenv rebuild`: an environment created again, on the same modules or on others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.create import describe_packages
from stackenv.cli.json_option import json_option, set_result, show_steps
from stackenv.cli.options import (
    dry_run_option,
    module_option,
    name_argument,
    no_build_isolation_option,
    quiet_option,
    shared_option,
    verbose_option,
)
from stackenv.output import print_line, print_message

if TYPE_CHECKING:
    from stackenv.cli.results import RebuiltEnvironment
    from stackenv.lifecycle.rebuild import Rebuilt


@click.command()
@name_argument
@module_option("the same as before")
@no_build_isolation_option
@click.option("--force", is_flag=True, help="Switch to the new environment even if its check fails.")
@shared_option
@verbose_option
@quiet_option
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

    The new environment gets a folder of its own, with the packages that are installed in the old one or
    listed in its record. Packages of the modules are not installed again, and packages whose version is no
    longer available are listed. When the new environment is complete, and `stackenv check` finds no problem
    in it that the old one did not have, the module switches to it. Until then the old one is unchanged.

    The old folder is kept until you run `stackenv clean`. A crontab, a script or an editor that starts the
    environment's Python by its path needs the new path, which is printed.

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
        set_result(describe_rebuilt(rebuilt))
    else:
        for sentence in rebuilt.report.sentences():
            print_line(sentence)
        print_message(rebuilt.summary)


def describe_rebuilt(rebuilt: Rebuilt) -> RebuiltEnvironment:
    """Return what was rebuilt as `--json` prints it."""
    from stackenv.cli.results import RebuiltEnvironment

    old, record, report = rebuilt.old, rebuilt.record, rebuilt.report
    assert old and record and report
    return RebuiltEnvironment(
        module=record.full_name,
        modulefile=f"{record.module_folder}/{record.full_name}.lua",
        environment=record.path,
        old_environment=old.path,
        modules=record.modules,
        package_report=describe_packages(report),
    )
