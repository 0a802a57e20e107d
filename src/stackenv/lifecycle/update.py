"""`stackenv update`: update one package in each environment that has it, one after the other."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Union

from packaging.requirements import Requirement

from stackenv.environments.context import Context
from stackenv.environments.first_start import start_changed
from stackenv.environments.module_update import open_store
from stackenv.environments.working import working_in
from stackenv.errors import InstallError, StackenvError, UsageError, explain_with_hint
from stackenv.lifecycle.prospect import Prospect
from stackenv.lifecycle.remaking import sees_base
from stackenv.lifecycle.update_conda import CondaUpdate, look_at_conda
from stackenv.lifecycle.update_targets import (
    StackShelf,
    Target,
    find_targets,
    is_same_package,
    list_targets,
    parse_package,
)
from stackenv.lifecycle.update_venv import VenvUpdate, look_at_venv
from stackenv.output import format_count, print_error, print_message, show_status, showing_progress
from stackenv.transactions.interruption import InterruptedCommandError, stopping_at_signals
from stackenv.transactions.transaction import carry_out

Update = Union[VenvUpdate, CondaUpdate]


@dataclass
class Updating:
    """The update of a package: what it means for each environment, and what is still to be done.

    Parameters
    ----------
    name
        The name of the package.
    prospects
        What the update means for each environment that has the package or was named.
    due
        The updates that can be carried out, by the names of the environments.
    context
        The context, with its own folder for temporary files.
    """

    name: str
    prospects: list[Prospect]
    due: dict[str, Update]
    context: Context

    def carry_out(self) -> None:
        """Carry out the updates that are due; if one fails, it is undone and the others continue."""
        self.prospects = carry_out_updates(self.prospects, self.due, self.context)
        print_modules_to_reload(self.prospects, self.context)


@contextlib.contextmanager
def looking_at(
    package: str, names: Sequence[str], everywhere: bool, context: Context, looking: bool
) -> Iterator[Updating]:
    """Check the environments `names`, or all; within the block, the updates can be carried out.

    With `looking`, none will be carried out, and what is needed only for that is left out.

    Raises
    ------
    UsageError
        If `package` is not a package, or both names and `everywhere` were given.
    StackenvError
        If a name has no environment, or several.
    """
    requirement = parse_package(package)
    if names and everywhere:
        raise UsageError(
            "--env cannot be combined with --all", f"stackenv update {shlex.quote(package)} --all"
        )
    open_store(context, looking)
    targets = find_targets(names, context) if names else list(list_targets(context))
    with working_in(context) as inside:
        prospects, due = look_at(targets, requirement, inside, looking, bool(names))
        yield Updating(requirement.name, prospects, due, inside)


def look_at(
    targets: Sequence[Target], requirement: Requirement, context: Context, looking: bool, named: bool
) -> tuple[list[Prospect], dict[str, Update]]:
    """Return what the update means for those of `targets` that have the package, and the due updates.

    The updates are given by the names of the environments. If the targets were `named`, those without the
    package are included.
    """
    shelf = StackShelf(context)
    prospects, updates = [], {}
    with showing_progress(f"Looking for {requirement.name}", len(targets)) as advance:
        for target in targets:
            prospect, update = look_at_one(target, requirement, shelf, looking)
            if prospect is None and named:
                prospect = Prospect(
                    target.name,
                    target.prefix,
                    target.kind,
                    state="refused",
                    problem=explain_absence(target, requirement, shelf),
                    hint=advise_install(target, requirement.name),
                )
            if prospect:
                prospects.append(prospect)
            if update:
                updates[target.name] = update
            advance(1)
    return prospects, updates


def explain_absence(target: Target, requirement: Requirement, shelf: StackShelf) -> str:
    """Return why there is nothing to update: the package is not installed, or only in the modules.

    Packages that build others, such as pip, are never pinned.
    """
    absent = f"{requirement.name} is not installed in {target.name}"
    record = target.record
    if target.kind != "venv" or target.module is None or record is None:
        return absent
    try:
        stack = shelf.load(target.module, record)
    except StackenvError:
        return absent
    found = next((p for p in stack.packages if is_same_package(p.name, requirement)), None)
    if found is None or (stack.is_base(found) and not sees_base(record)):
        return absent
    return (
        f"{found.name} {found.version} in {target.name} comes from {stack.module_of(found)} and is not "
        "updated; the environment can have its own"
    )


def advise_install(target: Target, name: str) -> str:
    """Return the command that installs the package `name` into `target`; empty for a venv without a module.

    If the modules provide the package, pip installs another one only with --upgrade.
    """
    if target.kind == "conda":
        return f"conda install --prefix {shlex.quote(target.prefix)} {name}"
    return f"ml {target.name}; pip install --upgrade {name}" if target.module else ""


def look_at_one(
    target: Target, requirement: Requirement, shelf: StackShelf, looking: bool
) -> tuple[Prospect | None, Update | None]:
    """Return what the update means for one environment; each kind has its own Python module."""
    if target.problem:
        problem, hint = target.problem.message, target.problem.hint
        return Prospect(
            target.name, target.prefix, target.kind, state="refused", problem=problem, hint=hint
        ), None
    if target.kind == "venv":
        return look_at_venv(target, requirement, shelf)
    return look_at_conda(target, requirement, shelf, looking)


def carry_out_updates(
    prospects: Sequence[Prospect], updates: dict[str, Update], context: Context
) -> list[Prospect]:
    """Carry out `updates` one after the other; return the result of each."""
    results = []
    for prospect in prospects:
        update = updates.get(prospect.name)
        if update:
            try:
                # One block for each, because a failed update is undone while signals are ignored.
                with stopping_at_signals():
                    show_status(f"Updating {prospect.name}: {prospect.changes[0].sentence}")
                    carry_out(update.plan(), context.journal)
                    if isinstance(update, VenvUpdate):
                        start_changed(update.module.read_record(), context)
                prospect = replace(prospect, state="updated")
                print_message(f"updated {prospect.name}: {prospect.changes[0].sentence}")
            except InterruptedCommandError:
                raise
            except (StackenvError, OSError) as error:
                message, hint = explain_with_hint(error)
                prospect = replace(prospect, state="failed", problem=message, hint=hint)
                print_error(f"{prospect.name} was not changed: {message}")
        results.append(prospect)
    return results


def print_modules_to_reload(prospects: Sequence[Prospect], context: Context) -> None:
    """Print which of the updated environments this shell has loaded."""
    loaded = context.environ.get("LOADEDMODULES", "").split(":")
    for prospect in prospects:
        if prospect.state == "updated" and prospect.name in loaded:
            print_message(
                f"this shell has {prospect.name} loaded; running programs keep the old version until "
                f"they end; to get what its activation sets: ml {prospect.name}"
            )


def conclude(prospects: Sequence[Prospect], package: str, unsaid: bool, named: bool) -> None:
    """Print the closing message.

    Raises
    ------
    UsageError
        If updates are due, but no environment was chosen.
    InstallError
        If an update has failed, or a named environment could not be updated.
    """
    due = [prospect.name for prospect in prospects if prospect.state == "due"]
    updated = sum(prospect.state == "updated" for prospect in prospects)
    if updated:
        print_message(f"Updated {package} in {format_count(updated, 'environment')}")
    if not prospects:
        print_message(f"no environment has {package}")
    elif all(prospect.state in ("current", "held", "refused") for prospect in prospects) and any(
        prospect.state != "held" for prospect in prospects
    ):
        print_message(f"nothing to update: {package} stays as it is")
    if due and unsaid:
        quoted = shlex.quote(package)
        raise UsageError(
            f"no environment was chosen in which to update {package}; nothing was changed",
            f"to update all: stackenv update {quoted} --all; to update one: stackenv update "
            f"{quoted} --env {shlex.quote(due[0])}",
        )
    require_updated(prospects, package, named)


def require_updated(prospects: Sequence[Prospect], package: str, named: bool) -> None:
    """Raise InstallError if an update has failed, or an environment that was `named` was not updated."""
    failed = [p for p in prospects if p.state == "failed" or (named and p.state == "refused")]
    if failed:
        hints = dict.fromkeys(f"{p.name}: {p.hint}" for p in failed if p.hint)
        raise InstallError(
            f"{package} was not updated in {', '.join(p.name for p in failed)}: "
            + ("; ".join(p.problem for p in failed)),
            "\n".join(hints),
        )
