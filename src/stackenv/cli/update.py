"""`stackenv update`: one package, in every environment that has it."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.completers import complete_names
from stackenv.cli.json_option import json_option, set_result
from stackenv.cli.options import dry_run_option, quiet_option, shared_option, verbose_option, yes_option
from stackenv.errors import StackenvError
from stackenv.output import confirm, format_count, print_message, print_table, print_warning, shorten_list

if TYPE_CHECKING:
    from stackenv.cli.results import UpdatedEnvironment
    from stackenv.lifecycle.prospect import Prospect

# What the table shows instead of a version.
UNKNOWN, SAME = "unknown", "-"


@click.command()
@click.argument("package")
@click.option(
    "--env",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_names,
    help="Update only this environment; repeat the option for several.",
)
@click.option("--all", "everywhere", is_flag=True, help="Update every environment that has the package.")
@yes_option
@verbose_option
@quiet_option
@shared_option
@dry_run_option
@json_option
def update(
    package: str,
    names: tuple[str, ...],
    everywhere: bool,
    yes: bool,
    shared: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Update a package in several environments.

    A table first shows what would change in each environment; then they are updated one after another. An
    environment in which the update fails is restored, and the others continue. Packages of the modules are
    not updated. With --all, your conda environments without a module are updated too, but never base.
    Environments that must not be changed are listed with the reason; those that you named with --env count as
    failures.

    \b
    Example:
      stackenv update pandas --all --dry-run
      stackenv update 'numpy<2' --env biopy --env genes
    """
    from stackenv.environments.context import open_context
    from stackenv.lifecycle.update import conclude, looking_at
    from stackenv.record import read_command_words

    looking = dry_run or not (names or everywhere)
    with looking_at(package, names, everywhere, open_context(shared), looking) as updating:
        if not as_json or not looking:
            show(updating.prospects, updating.name, as_json)
        if updating.due and not looking:
            if not yes:
                require_agreed(package, updating.due, shlex.join([*read_command_words(), "--yes"]))
            updating.carry_out()
    if as_json:
        set_result([describe_prospect(prospect) for prospect in updating.prospects])
    conclude(updating.prospects, package, looking and not dry_run, bool(names))


def require_agreed(package: str, names: Collection[str], command: str) -> None:
    """Raise StackenvError unless the user agrees; `command` does not ask."""
    if not confirm(f"Update {package} in {format_count(len(names), 'environment')}?", command):
        raise StackenvError("nothing was changed")


def show(prospects: Sequence[Prospect], package: str, aside: bool) -> None:
    """Print the table, on stderr if stdout is for JSON; then what is skipped, and why.

    If the modules provide the package in all environments, there is no table.
    """
    held = [prospect for prospect in prospects if prospect.state == "held"]
    rows = [
        (
            prospect.name,
            prospect.now or UNKNOWN,
            prospect.then or UNKNOWN,
            prospect.module or SAME,
            "; ".join(change.sentence for change in prospect.further) or SAME,
        )
        for prospect in prospects
        if len(held) < len(prospects)
    ]
    if aside:
        for row in rows:
            print_message("  ".join(row))
    elif rows:
        print_table(("ENVIRONMENT", "NOW", "NEW", "PINNED BY", "ALSO CHANGES"), rows)
    if held:
        print_message(describe_held(held, package))
    for prospect in prospects:
        if prospect.problem and prospect.state != "held":
            print_warning(f"{prospect.name} is skipped: {prospect.problem}", prospect.hint)


def describe_held(held: Sequence[Prospect], package: str) -> str:
    """Return one sentence about all environments in which modules provide the package."""
    name = held[0].name if len(held) == 1 else "NAME"
    modules = shorten_list(list(dict.fromkeys(prospect.module for prospect in held)))
    return (
        f"{package} in {shorten_list([prospect.name for prospect in held])} comes from {modules} and is not "
        f"updated; for a newer one: stackenv rebuild {name} -m MODULE; for a generic one: "
        f"stackenv edit {name} --allow-shadow {package}; ml {name}; pip install --upgrade {package}"
    )


def describe_prospect(prospect: Prospect) -> UpdatedEnvironment:
    """Return what `--json` prints for one environment."""
    from stackenv.cli.results import ChangedPackage, UpdatedEnvironment

    return UpdatedEnvironment(
        # Without a module it is named by its path.
        module="" if prospect.name == prospect.prefix else prospect.name,
        environment=prospect.prefix,
        kind=prospect.kind,
        old_version=prospect.now,
        new_version=prospect.then,
        pinned_by=prospect.module,
        state=prospect.state,
        other_changes=tuple(
            ChangedPackage(change.name, change.before, change.after) for change in prospect.further
        ),
        problem=prospect.problem,
        hint=prospect.hint,
    )


upgrade = copy.copy(update)
upgrade.name, upgrade.hidden = "upgrade", True
