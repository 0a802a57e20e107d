"""`stackenv rebuild`: the same environment made anew, on the same modules or on others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, json_option, shared_option
from stackenv.environments.context import open_context
from stackenv.output import print_json, print_line, tell

if TYPE_CHECKING:
    from stackenv.lifecycle.rebuild import Rebuilding


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
    from stackenv.environments.module_update import describe_use, open_store
    from stackenv.environments.run_plan import making
    from stackenv.lifecycle.rebuild import begin
    from stackenv.lifecycle.saved_collections import tell_collections

    context = open_context(shared)
    open_store(context, dry_run)
    module = context.store.find(name)
    with making(context) as context:
        rebuilding = begin(module, modules, context, force, not no_build_isolation)
        if dry_run:
            print_steps(rebuilding.sentences, as_json)
            return
        rebuilding.carry_out()
    report(rebuilding, as_json)
    leave = describe_use(module, context.environ)
    if leave:
        tell(f"this shell still has the old {module.full_name}: {leave}; ml {module.full_name}")
    tell_collections(module, rebuilding.record, context)


def print_steps(sentences: list[str], as_json: bool) -> None:
    """Print what would be done."""
    if as_json:
        print_json({"steps": sentences})
        return
    for sentence in sentences:
        print_line(sentence)


def report(rebuilding: Rebuilding, as_json: bool) -> None:
    """Print what is different in the new environment."""
    record = rebuilding.record
    if as_json:
        print_json(describe_result(rebuilding))
        return
    for sentence in rebuilding.outcome.sentences():
        print_line(sentence)
    tell(
        f"{record.full_name} leads to {record.path}; the old one stays in {rebuilding.old.path} until "
        "stackenv clean"
        if rebuilding.old.owned
        else f"{record.full_name} leads to {record.path}; {rebuilding.old.path}, which stackenv has not "
        "made, is yours to delete"
    )


def describe_result(rebuilding: Rebuilding) -> dict[str, Any]:
    """Return the result as plain data."""
    return {
        "module": rebuilding.record.full_name,
        "environment": rebuilding.record.path,
        "former": rebuilding.old.path,
        "modules": list(rebuilding.record.modules),
        **rebuilding.outcome.describe(),
    }
