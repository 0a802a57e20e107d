"""How a command changes the disk: privately or for a group, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.places import require_empty, require_finished
from stackenv.output import tell
from stackenv.record import Record, read_command_words
from stackenv.transactions import transaction
from stackenv.transactions.changes import RemoveFolder
from stackenv.transactions.interruption import ignore_stopping, stopping_at_signals
from stackenv.transactions.scratch import Scratch
from stackenv.transactions.transaction import Step, Transaction


@contextlib.contextmanager
def making(context: Context) -> Iterator[Context]:
    """Within the block all that is started has its temporary files in a folder that goes with the block.

    A signal to stop ends the block by an exception, after what was started.
    """
    with stopping_at_signals(), context.access.applied():
        scratch = Scratch.make()
        try:
            yield replace(context, environ={**context.environ, "TMPDIR": str(scratch.folder)})
        finally:
            scratch.drop()


def carry_out(planned: Transaction, context: Context) -> None:
    """Carry out `planned`, as that of `transactions.transaction` does; an undo comes to its end."""
    command = shlex.join(read_command_words())
    with context.access.applied():
        transaction.carry_out(planned, context.journal, command, tell, ignore_stopping)


@contextlib.contextmanager
def keeping_empty_folder(path: Path, context: Context) -> Iterator[None]:
    """When the block fails, `path` is an empty folder again if it was one."""
    found = path.is_dir() and not any(path.iterdir())
    try:
        yield
    except BaseException:
        if found and not os.path.lexists(path):
            context.access.make_folder(path)
        raise


def surround(steps: Sequence[Step], record: Record, context: Context) -> tuple[Step, ...]:
    """Return `steps`, which make the environment of `record` or write into it, with what goes around them.

    Before them a last look, after them access for a project's group.
    """
    path, access = Path(record.path), context.access
    made = [folder for folder in (path, *path.parents) if not folder.exists()] if record.owned else []

    def look() -> None:
        require_free(record, context)
        if record.owned:
            access.make_folder(path)

    look_step = Step(
        f"see whether {record.full_name} is still free",
        look,
        tuple(RemoveFolder(str(f)) for f in (context.store.root / record.name, *made)),
    )
    give = Step(f"give the group of {context.shared} access", lambda: access.give_tree(path))
    return (look_step, *steps, *([give] if record.owned and access.group is not None else []))


def require_free(record: Record, context: Context) -> None:
    """Look again, now that nobody else can: since the plan was made another may have made the same."""
    path = Path(record.path)
    old = context.store.read(context.store.path_of(record.name, record.version))
    if old is None or os.path.lexists(old.prefix):
        context.store.require_free(record.name, record.version)
    if record.owned:
        require_empty(path)
    else:
        require_finished(path)
    if context.shared:
        context.access.make_folder(context.store.root / record.name)
        if record.owned and path.is_relative_to(context.shared):
            context.access.make_folder(path.parent)
