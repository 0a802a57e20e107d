"""Plans, carried out under the journal: whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable

from stackenv.apply.journal import Journal
from stackenv.model.plan import Change, Plan, Replacement


def carry_out_plan(plan: Plan, journal: Journal, command: str, tell: Callable[[str], None]) -> None:
    """Carry out the steps of `plan`; undo all of them when one fails or is interrupted.

    `tell` hears each step's sentence before it begins.

    Raises
    ------
    StackenvError
        What the failing step raised, after the undo.
    """
    undo: list[Change] = []
    with journal.changing(plan.subject, command, plan.complete_when) as open_journal:
        try:
            for step in plan.steps:
                tell(step.sentence)
                undo = [*step.undo, *undo]
                open_journal.note(undo)
                step.carry_out()
        except BaseException:
            open_journal.carry_out(undo)
            raise
        open_journal.settled = True


def carry_out_replacement(
    replacement: Replacement, journal: Journal, command: str, tell: Callable[[str], None]
) -> None:
    """Carry out the changes of `replacement`; when that is interrupted the next command finishes them."""
    with journal.changing(replacement.subject, command) as open_journal:
        for sentence in replacement.sentences:
            tell(sentence)
        open_journal.note(replacement.changes)
        open_journal.carry_out(replacement.changes)
