"""How a command that makes something carries out its plan: privately or for a group, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.places import require_empty, require_finished
from stackenv.errors import explain
from stackenv.output import tell
from stackenv.record import Record, read_command_words
from stackenv.transactions.changes import RemoveFolder
from stackenv.transactions.interruption import ignore_stopping, stopping_at_signals
from stackenv.transactions.plan import Plan, Step
from stackenv.transactions.scratch import Scratch
from stackenv.transactions.transaction import carry_out_plan


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


def carry_out(plan: Plan, record: Record, context: Context) -> None:
    """Carry out `plan`, which makes the module and, where it is ours, the environment of `record`.

    Raises
    ------
    StackenvError
        What the failing step raised, after the undo.
    """
    failures: list[BaseException] = []
    path = Path(record.path)
    found_empty = record.owned and path.is_dir()
    for folder in (context.store.root, context.journal.folder):
        context.access.make_folder(folder)
    arranged = Arrangement(record, context, failures).arrange(plan)
    try:
        carry_out_plan(arranged, context.journal, shlex.join(read_command_words()), tell)
    except BaseException as error:
        if found_empty and not os.path.lexists(path):
            context.access.make_folder(path)
        if failures and error is not failures[0]:
            # The undo has failed too: what went wrong first is what the user must know.
            tell(f"not all could be undone; the next stackenv tries again: {explain(error)}")
            raise failures[0] from error
        raise


@dataclass(frozen=True)
class Arrangement:
    """What each plan gets around its own steps; `failures` hears what a step has raised."""

    record: Record
    context: Context
    failures: list[BaseException]

    def arrange(self, plan: Plan) -> Plan:
        """Return `plan` with a last look before it, and access for a project's group before its end."""
        path, access = Path(self.record.path), self.context.access
        first, *middle, last = plan.steps
        if self.record.owned:
            first = self._behind(lambda: access.make_folder(path), first)
            if access.group is not None:
                middle.append(
                    Step(f"give the group of {self.context.shared} access", lambda: access.give_tree(path))
                )
        made = [folder for folder in path.parents if not folder.exists()] if self.record.owned else []
        look = Step(
            f"see whether {self.record.full_name} is still free",
            self._look,
            tuple(RemoveFolder(str(f)) for f in (self.context.store.root / self.record.name, *made)),
        )
        return replace(plan, steps=tuple(map(self._heard, (look, first, *middle, last))))

    def _look(self) -> None:
        """Look again, now that nobody else can: since the plan was made another may have made the same."""
        old = self.context.store.read(self.context.store.path_of(self.record.name, self.record.version))
        if old is None or os.path.lexists(old.prefix):
            self.context.store.require_free(self.record.name, self.record.version)
        if self.record.owned:
            require_empty(Path(self.record.path))
        else:
            require_finished(Path(self.record.path))
        if self.context.shared:
            self.context.access.make_folder(self.context.store.root / self.record.name)
            if self.record.owned and Path(self.record.path).is_relative_to(self.context.shared):
                self.context.access.make_folder(Path(self.record.path).parent)

    @staticmethod
    def _behind(before: Callable[[], None], step: Step) -> Step:
        def carry_out_both() -> None:
            before()
            step.carry_out()

        return replace(step, carry_out=carry_out_both)

    def _heard(self, step: Step) -> Step:
        def carry_out_heard() -> None:
            try:
                step.carry_out()
            except BaseException as error:
                # The undo that follows must come to its end.
                ignore_stopping()
                self.failures.append(error)
                raise

        return replace(step, carry_out=carry_out_heard)
