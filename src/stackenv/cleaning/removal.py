"""`stackenv clean`: what can go, how much it gives back, and its removal."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, json_option, shared_option, yes_option
from stackenv.environments.context import Context, open_context
from stackenv.errors import StackenvError, UsageError, explain
from stackenv.output import can_ask, confirm, print_json, print_line, print_table, showing_progress, tell

if TYPE_CHECKING:
    from stackenv.cleaning.reclaimable import DeleteEnvironment, Reclaimable

OTHER_NODES = (
    "whether a job or a session on another node uses it cannot be seen from here: wait until those have ended"
)


@click.command(epilog=EXIT_STATUS)
@yes_option
@shared_option
@dry_run_option
@json_option
def clean(yes: bool, shared: Path | None, dry_run: bool, as_json: bool) -> None:
    """Show what nobody needs any more, and remove it when you say so.

    Archives, indexes and unused packages of conda, the cache of pip, modules without an environment,
    environments without a module, what `stackenv rebuild` has replaced, broken Jupyter kernels. Each class is
    asked for by itself. What your processes on this node use stays; those on other nodes cannot be seen.

    \b
    Example:
      stackenv clean --dry-run
      stackenv clean
    """
    from stackenv.cleaning.finders import FINDERS, list_reclaimable

    if as_json and yes:
        raise UsageError("--json only shows what can go", "stackenv clean --yes removes it")
    context = open_context(shared)
    if not dry_run:
        context.recover()
    with showing_progress("looking", len(FINDERS)) as advance:
        found = list_reclaimable(context, tell, advance)
    if as_json:
        print_json([describe(item) for item in found])
        return
    print_reclaimable(found)
    removable = [item for item in found if not item.kept]
    if dry_run or not removable:
        return
    if not yes and not can_ask():
        tell("nothing was removed: nobody can be asked, for the input is no terminal; stackenv clean --yes")
        return
    remove_agreed(removable, context, yes)


def describe(item: Reclaimable) -> dict[str, Any]:
    """Return `item` as plain data; `does` is how it would go."""
    return {
        "class": item.kind,
        "what": item.what,
        "places": list(item.places),
        "bytes": item.size_bytes,
        "inodes": item.inodes,
        "kept": item.kept,
        "does": [action.sentence for action in item.actions],
    }


def print_reclaimable(found: Sequence[Reclaimable]) -> None:
    """Print the table of what can go, and below it what stays and why."""
    from stackenv.output import format_bytes

    going = [item for item in found if not item.kept]
    if going:
        rows = [(i.kind, format_bytes(i.size_bytes), str(i.inodes), i.what) for i in going]
        sums = (sum(i.size_bytes for i in going), sum(i.inodes for i in going))
        rows.append(("all", format_bytes(sums[0]), str(sums[1]), ""))
        print_table(("CLASS", "SIZE", "FILES", "WHAT"), rows)
    else:
        print_line("there is nothing to clean")
    for item in found:
        if item.kept:
            tell(f"{item.what}: stays: {item.kept}")


def remove_agreed(found: Sequence[Reclaimable], context: Context, yes: bool) -> None:
    """Remove each class of `found` that is agreed to; one that fails does not stop the others.

    Raises
    ------
    StackenvError
        At the end, when something could not be removed.
    """
    from stackenv.transactions.interruption import InterruptedCommandError

    failed = 0
    for kind, group in itertools.groupby(found, lambda item: item.kind):
        items = list(group)
        if not agree(kind, items, yes):
            continue
        for item in items:
            try:
                remove(item, context)
            except InterruptedCommandError:
                raise
            except (StackenvError, OSError) as error:
                failed += 1
                tell(f"{item.what}: not removed: {explain(error)}")
    if failed:
        raise StackenvError(f"{failed} of what was to go is still there", "stackenv clean shows it")


def agree(kind: str, items: Sequence[Reclaimable], yes: bool) -> bool:
    """Tell what the removal of `items` does; return whether it is wanted."""
    from stackenv.cleaning.reclaimable import DeleteEnvironment
    from stackenv.output import format_bytes, format_count

    for action in (action for item in items for action in item.actions):
        tell(action.sentence)
    if any(isinstance(action, DeleteEnvironment) for item in items for action in item.actions):
        tell(OTHER_NODES)
        for job in list_jobs():
            tell(f"  your job {job}")
    size, inodes = sum(i.size_bytes for i in items), sum(i.inodes for i in items)
    question = f"Remove {kind}: {format_bytes(size)}, {format_count(inodes, 'file')}?"
    return yes or confirm(question, f"{kind} is to be removed", "stackenv clean --yes")


def list_jobs() -> list[str]:
    """Return number, name and nodes of this user's running jobs; nothing where no Slurm tells."""
    squeue = shutil.which("squeue")
    if not squeue:
        return []
    try:
        done = subprocess.run(
            [squeue, "--me", "--noheader", "--states=R,CG", "--format=%i %j on %N"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [] if done.returncode else done.stdout.split("\n")[:-1]


def remove(item: Reclaimable, context: Context) -> None:
    """Carry out the actions of `item`, if nothing here uses it by now.

    Raises
    ------
    StackenvError
        When it is in use, or an action fails.
    """
    from stackenv.cleaning.finders import measure
    from stackenv.cleaning.reclaimable import DeleteEnvironment
    from stackenv.health.fix import carry_out_action

    if not any(os.path.lexists(place) for place in item.places):
        # It went with something else: a kernel goes with its module.
        return
    now = measure(replace(item, kept=""), context.environ)
    if now.kept:
        raise StackenvError(now.kept)
    for action in item.actions:
        if isinstance(action, DeleteEnvironment):
            delete_environment(action, context)
        else:
            carry_out_action(action, {**context.environ, **item.environ})


def delete_environment(action: DeleteEnvironment, context: Context) -> None:
    """Delete a leftover environment under the journal: a killed one is finished by the next command.

    Raises
    ------
    StackenvError
        When a module leads to it by now, something else keeps it, or the disk refuses.
    """
    from stackenv.cleaning.finders import judge_environments
    from stackenv.environments.module_update import carry_out
    from stackenv.environments.store import StoredModule
    from stackenv.lifecycle.remove import delete_environment as plan_deletion
    from stackenv.transactions.plan import Replacement

    # Again: between the look and the answer there may have been hours.
    now = list(judge_environments([Path(action.prefix)], context))
    if not now or now[0].kept:
        raise StackenvError(now[0].kept if now else "a module leads to it by now")
    name, _, version = action.full_name.partition("/")
    stored = StoredModule(name, version, context.store.path_of(name, version), action.prefix)
    kept = (context.store.root, Path(context.environ.get("HOME", "/")))
    sentence, changes = plan_deletion(stored, kept)
    carry_out(Replacement(action.full_name, (sentence,), changes, {}), context, dry_run=False)
