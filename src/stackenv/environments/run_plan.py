"""How a command changes the disk: privately or for a group, whole or not at all."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.output import tell
from stackenv.record import read_command_words
from stackenv.transactions import transaction
from stackenv.transactions.interruption import ignore_stopping, stopping_at_signals
from stackenv.transactions.scratch import Scratch
from stackenv.transactions.transaction import Step, Transaction


@contextlib.contextmanager
def working_in(context: Context) -> Iterator[Context]:
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


def plan_access(path: Path, context: Context, whose: str = "") -> tuple[Step, ...]:
    """Return the step that gives a project's group access to the environment at `path`; none without one."""
    if context.access.group is None:
        return ()
    sentence = f"{whose and f'{whose}: '}give the group of {context.shared} access"
    return (Step(sentence, lambda: context.access.give_tree(path)),)
