"""`stackenv clean`: what can be removed, how much space that frees, and its removal."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.json_option import json_option, set_result
from stackenv.cli.options import dry_run_option, quiet_option, shared_option, yes_option
from stackenv.output import (
    can_ask,
    confirm,
    format_bytes,
    format_count,
    print_line,
    print_message,
    print_table,
    showing_progress,
)

if TYPE_CHECKING:
    from stackenv.cleaning.reclaimable import Reclaimable
    from stackenv.cli.results import RemovableItem

OTHER_NODES = (
    "jobs and sessions on other nodes cannot be seen from here: wait until those that may use it have ended"
)


@click.command()
@yes_option
@quiet_option
@shared_option
@dry_run_option
@json_option
def clean(yes: bool, shared: Path | None, dry_run: bool, as_json: bool) -> None:
    """Find and remove what is no longer needed.

    This covers archives, indexes and unused packages of conda, the caches of pip, unused entries in uv's
    cache, modules without an environment, environments without a module, environments that `stackenv rebuild`
    has replaced, and broken Jupyter kernels. You are asked before each class is removed; with --json, nothing
    is removed without --yes.

    Some things are kept, and the output says how to remove them: downloaded models of Hugging Face and
    PyTorch, uv caches that are not in use here, and caches whose tool would also delete files that it did not
    create. Anything that your processes on this node are using is kept; processes on other nodes
    cannot be seen.

    \b
    Example:
      stackenv clean --dry-run
      stackenv clean
    """
    from stackenv.cleaning.finders import FINDERS, list_reclaimable
    from stackenv.cleaning.removal import remove_agreed
    from stackenv.environments.context import open_context, recover

    context = open_context(shared)
    if not dry_run:
        recover(context)
    with showing_progress("looking", len(FINDERS)) as advance:
        found = list_reclaimable(context, print_message, advance)
    removable = [item for item in found if not item.kept]
    is_removing = bool(removable) and not dry_run and (yes or not as_json)
    described = [describe(item) for item in found] if as_json else []
    if as_json:
        set_result(described)
    else:
        print_reclaimable(found)
    if not is_removing:
        return
    if not yes and not can_ask():
        print_message(
            "nothing was removed, because there is no terminal to ask on; to remove everything listed: "
            "stackenv clean --yes"
        )
        return
    removed: list[Reclaimable] = []
    for item, problem, hint in remove_agreed(removable, context, functools.partial(agree, yes)):
        if not problem:
            removed.append(item)
        if as_json:
            number = found.index(item)
            described[number] = replace(described[number], removed=not problem, problem=problem, hint=hint)
    if removed:
        size, inodes = sum(item.size_bytes for item in removed), sum(item.inodes for item in removed)
        print_message(f"Removed {format_bytes(size)}, {format_count(inodes, 'file')}")


def agree(yes: bool, kind: str, items: Sequence[Reclaimable]) -> bool:
    """Say what the removal of `items` does; return whether the user wants it."""
    from stackenv.cleaning.reclaimable import DeleteEnvironment
    from stackenv.slurm.queue import list_jobs

    actions = [action for item in items for action in item.actions]
    facts = [action.sentence for action in actions]
    if any(isinstance(action, DeleteEnvironment) for action in actions):
        facts += [OTHER_NODES, *(f"  your job {job}" for job in list_jobs())]
    size, inodes = sum(i.size_bytes for i in items), sum(i.inodes for i in items)
    question = f"Remove {kind}: {format_bytes(size)}, {format_count(inodes, 'file')}?"
    return confirm(question, "stackenv clean --yes", yes, facts)


def describe(item: Reclaimable) -> RemovableItem:
    """Return `item`, which was not removed yet, as `--json` prints it."""
    from stackenv.cli.results import RemovableItem

    return RemovableItem(
        category=item.kind,
        what=item.what,
        paths=item.places,
        size_bytes=item.size_bytes,
        file_count=item.inodes,
        kept_reason=item.kept,
        steps=tuple(action.sentence for action in item.actions),
        removed=False,
        problem="",
        hint="",
    )


def print_reclaimable(found: Sequence[Reclaimable]) -> None:
    """Print a table of what can be removed, and below it what is kept and why."""
    going = [item for item in found if not item.kept]
    if going:
        rows = [(i.kind, format_bytes(i.size_bytes), f"{i.inodes:,}", i.what) for i in going]
        sums = (sum(i.size_bytes for i in going), sum(i.inodes for i in going))
        rows.append(("total", format_bytes(sums[0]), f"{sums[1]:,}", ""))
        print_table(("KIND", "SIZE", "FILES", "WHAT"), rows)
    else:
        print_line("nothing to clean")
    for item in found:
        if item.kept:
            print_message(f"kept: {item.what} ({format_bytes(item.size_bytes)}): {item.kept}")
