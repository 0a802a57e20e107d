"""`stackenv update`: one package, in each environment that has it."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Union

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, json_option, shared_option, yes_option
from stackenv.environments.context import Context, open_context
from stackenv.errors import InstallError, StackenvError, UsageError, explain
from stackenv.lifecycle.prospect import Prospect
from stackenv.output import confirm, print_json, print_table, shorten_list, showing_progress, tell
from stackenv.record import read_command_words

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from stackenv.lifecycle.update_conda import CondaUpdate
    from stackenv.lifecycle.update_targets import StackShelf, Target
    from stackenv.lifecycle.update_venv import VenvUpdate

    Update = Union[VenvUpdate, CondaUpdate]

# What stands in the table where there is no version.
UNKNOWN, SAME = "unknown", "-"


@click.command(epilog=EXIT_STATUS)
@click.argument("package")
@click.option(
    "--env", "names", multiple=True, metavar="NAME", help="Update this environment only; repeat for several."
)
@click.option("--all", "everywhere", is_flag=True, help="In each environment that has the package.")
@yes_option
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
    """Update a package in each environment that has it.

    First a table shows what would happen where; then the environments are updated one after the other. One
    that fails is put back as it was, and the others go on. What the modules bring stays theirs. With --all
    your conda environments without a module are updated too, base never. An environment that must be left
    alone is told with the reason, and counts as a failure when it was named by --env.

    \b
    Example:
      stackenv update pandas --all --dry-run
      stackenv update 'numpy<2' --env biopy --env genes
    """
    from stackenv.environments.module_update import open_store
    from stackenv.environments.run_plan import making
    from stackenv.lifecycle.update_targets import find_targets, list_targets, parse_package

    requirement = parse_package(package)
    if names and everywhere:
        raise UsageError(
            "--env and --all exclude each other", f"stackenv update {shlex.quote(package)} --all"
        )
    looking = dry_run or not (names or everywhere)
    context = open_context(shared)
    open_store(context, looking)
    targets = find_targets(names, context) if names else list(list_targets(context))
    with making(context) as inside:
        prospects, updates = look_at(targets, requirement, inside, looking, bool(names))
        if not as_json or not looking:
            show(prospects, requirement.name, as_json)
        if not looking and updates:
            if not yes:
                agree(updates, package)
            prospects = carry_out_updates(prospects, updates, inside)
            tell_what_to_reload(prospects, context)
    if as_json:
        print_json([describe_prospect(prospect) for prospect in prospects])
    report(prospects, package, looking and not dry_run, bool(names))


def look_at(
    targets: Sequence[Target],
    requirement: Requirement,
    context: Context,
    looking: bool,
    named: bool,
) -> tuple[list[Prospect], dict[str, Update]]:
    """Return what the update would do to those of `targets` that have the package, and the updates due.

    The updates are by the environments' names. Of `named` targets those without the package count too.
    """
    from stackenv.lifecycle.update_targets import StackShelf

    shelf = StackShelf(context)
    prospects, updates = [], {}
    with showing_progress(f"looking for {requirement.name}", len(targets)) as advance:
        for target in targets:
            prospect, update = look_at_one(target, requirement, shelf, looking)
            if prospect is None and named:
                prospect = Prospect(
                    target.name,
                    target.prefix,
                    target.kind,
                    state="refused",
                    problem=f"there is no {requirement.name} in {target.name}",
                    hint=advise_install(target, requirement.name),
                )
            if prospect:
                prospects.append(prospect)
            if update:
                updates[target.name] = update
            advance(1)
    return prospects, updates


def advise_install(target: Target, name: str) -> str:
    """Return what installs the package `name` into `target`; empty for a venv without a module.

    Where the modules bring the package, pip installs another one with --upgrade only.
    """
    if target.kind == "conda":
        return f"conda install --prefix {shlex.quote(target.prefix)} {name}"
    return f"ml {target.name}; pip install --upgrade {name}" if target.module else ""


def look_at_one(
    target: Target, requirement: Requirement, shelf: StackShelf, looking: bool
) -> tuple[Prospect | None, Update | None]:
    """Return what the update means for one environment; its kinds have a module each."""
    if target.problem:
        problem, hint = target.problem.message, target.problem.hint
        return Prospect(
            target.name, target.prefix, target.kind, state="refused", problem=problem, hint=hint
        ), None
    if target.kind == "venv":
        from stackenv.lifecycle.update_venv import look_at_venv

        return look_at_venv(target, requirement, shelf)
    from stackenv.lifecycle.update_conda import look_at_conda

    return look_at_conda(target, requirement, shelf, looking)


def show(prospects: Sequence[Prospect], package: str, aside: bool) -> None:
    """Print the table, or tell it where stdout is for JSON; then what is left alone, and why.

    What the modules of all of them bring needs no table.
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
            tell("  ".join(row))
    elif rows:
        print_table(("ENVIRONMENT", "NOW", "THEN", "PINNED BY", "WITH IT"), rows)
    if held:
        tell(describe_held(held, package))
    for prospect in prospects:
        if prospect.problem and prospect.state != "held":
            hint = f"; type: {prospect.hint}" if prospect.hint else ""
            tell(f"{prospect.name} is left alone: {prospect.problem}{hint}")


def describe_held(held: Sequence[Prospect], package: str) -> str:
    """Return what is said of the environments in which modules bring the package: once for all of them."""
    name = held[0].name if len(held) == 1 else "NAME"
    modules = shorten_list(list(dict.fromkeys(prospect.module for prospect in held)))
    return (
        f"{package} comes from {modules} in {shorten_list([prospect.name for prospect in held])}, and is not "
        f"updated; for a newer one: stackenv rebuild {name} -m MODULE; for a generic one: "
        f"stackenv edit {name} --allow-shadow {package}; ml {name}; pip install --upgrade {package}"
    )


def agree(updates: dict[str, Update], package: str) -> None:
    """Ask whether the updates are meant.

    Raises
    ------
    UsageError
        When nobody is there to answer.
    """
    whether = f"{package} is to be updated in {', '.join(updates)}"
    typed = shlex.join([*read_command_words(), "--yes"])
    if not confirm(f"Update {package} in {len(updates)} of them?", whether, typed):
        raise StackenvError("nothing was changed")


def carry_out_updates(
    prospects: Sequence[Prospect], updates: dict[str, Update], context: Context
) -> list[Prospect]:
    """Carry out `updates` one after the other; return what has come of each."""
    from stackenv.transactions.interruption import InterruptedCommandError, stopping_at_signals

    results = []
    for prospect in prospects:
        update = updates.get(prospect.name)
        if update:
            try:
                # Anew for each: what fails is undone with the signals ignored.
                with stopping_at_signals():
                    carry_out_update(update, context)
                prospect = replace(prospect, state="updated")
                tell(f"{prospect.name} is updated: {prospect.changes[0].sentence}")
            except InterruptedCommandError:
                raise
            except (StackenvError, OSError) as error:
                message, hint = getattr(error, "message", explain(error)), getattr(error, "hint", "")
                prospect = replace(prospect, state="failed", problem=message, hint=hint)
                tell(f"{prospect.name} is as it was: {message}")
        results.append(prospect)
    return results


def carry_out_update(update: Update, context: Context) -> None:
    """Carry out one update, whole or not at all."""
    from stackenv.transactions.carry_out import carry_out_exchange
    from stackenv.transactions.interruption import ignore_stopping
    from stackenv.transactions.plan import Step

    def heard(step: Step) -> Step:
        def carry_out_heard() -> None:
            try:
                step.carry_out()
            except BaseException:
                # The undo that follows must come to its end.
                ignore_stopping()
                raise

        return replace(step, carry_out=carry_out_heard)

    plan = update.plan()
    plan = replace(plan, steps=tuple(map(heard, plan.steps)))
    for folder in (context.store.root, context.journal.folder):
        context.access.make_folder(folder)
    command = shlex.join(read_command_words())
    carry_out_exchange(plan, update.exchange, context.journal, command, tell, lambda: "")


def tell_what_to_reload(prospects: Sequence[Prospect], context: Context) -> None:
    """Tell which of the updated environments this shell has loaded as they were."""
    loaded = context.environ.get("LOADEDMODULES", "").split(":")
    for prospect in prospects:
        if prospect.state == "updated" and prospect.name in loaded:
            tell(
                f"this shell has {prospect.name} loaded; programs that run keep the old version until they "
                f"end; for what its activation sets: ml {prospect.name}"
            )


def describe_prospect(prospect: Prospect) -> dict[str, object]:
    """Return what `--json` tells of one environment."""
    return {
        "environment": prospect.name,
        "path": prospect.prefix,
        "kind": prospect.kind,
        "now": prospect.now,
        "then": prospect.then,
        "pinned_by": prospect.module,
        "state": prospect.state,
        "with_it": [
            {"name": change.name, "before": change.before, "after": change.after}
            for change in prospect.further
        ],
        "problem": prospect.problem,
        "hint": prospect.hint,
    }


def report(prospects: Sequence[Prospect], package: str, unsaid: bool, named: bool) -> None:
    """Say what is still to be said at the end.

    Raises
    ------
    UsageError
        When there is something to update, and nobody has said where.
    InstallError
        When an update has failed, or an environment that was named could not be updated.
    """
    due = [prospect.name for prospect in prospects if prospect.state == "due"]
    if not prospects:
        tell(f"no environment has {package}")
    elif all(prospect.state in ("current", "held", "refused") for prospect in prospects) and any(
        prospect.state != "held" for prospect in prospects
    ):
        tell(f"there is nothing to update; {package} stays as it is")
    if due and unsaid:
        quoted = shlex.quote(package)
        raise UsageError(
            f"it is not said in which of them {package} is to be updated; nothing was changed",
            f"stackenv update {quoted} --all; or one: stackenv update {quoted} --env {shlex.quote(due[0])}",
        )
    failed = [p for p in prospects if p.state == "failed" or (named and p.state == "refused")]
    if failed:
        hints = dict.fromkeys(f"{p.name}: {p.hint}" for p in failed if p.hint)
        raise InstallError(
            f"{package} was not updated in {', '.join(p.name for p in failed)}; "
            + ("; ".join(p.problem for p in failed)),
            "\n      ".join(hints),
        )


upgrade = copy.copy(update)
upgrade.name, upgrade.hidden = "upgrade", True
