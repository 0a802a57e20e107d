"""Plans, carried out under the journal: whole, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from stackenv.errors import BusyError
from stackenv.transactions.changes import Change
from stackenv.transactions.interruption import leaving_rest
from stackenv.transactions.journal import Journal
from stackenv.transactions.plan import Plan, Replacement


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
            with leaving_rest():
                open_journal.carry_out(undo)
            raise
        open_journal.settled = True


def carry_out_replacement(
    replacement: Replacement, journal: Journal, command: str, tell: Callable[[str], None]
) -> None:
    """Carry out the changes of `replacement`; when that is interrupted the next command finishes them.

    Raises
    ------
    BusyError
        When another command changes one of its modules, or has changed one since it was decided on.
    StackenvError
        When the disk refuses; what is left to do stays noted.
    """
    with contextlib.ExitStack() as stack:
        for subject in replacement.also:
            stack.enter_context(journal.changing(subject, command))
        open_journal = stack.enter_context(journal.changing(replacement.subject, command))
        require_as_seen(replacement)
        for sentence in replacement.sentences:
            tell(sentence)
        open_journal.note(replacement.changes)
        open_journal.carry_out(replacement.changes)


def carry_out_exchange(
    plan: Plan,
    exchange: Callable[[], Replacement],
    journal: Journal,
    command: str,
    tell: Callable[[str], None],
    find_problem: Callable[[], str],
) -> None:
    """Carry out the steps of `plan`, then what puts their result in the place of what was there.

    Until the last step is done all of it is undone when it fails or is interrupted; from then on it is
    finished. So `plan.complete_when` must be a file that never exists. The last change deletes what was
    there: not when `find_problem` returns a sentence, which `tell` hears. (The successor of a killed
    command does not ask.)

    Raises
    ------
    BusyError
        When another command changes the module, or has changed it since it was decided on.
    StackenvError
        What the failing step raised, after the undo; when the disk refuses the exchange.
    """
    undo: list[Change] = []
    with journal.changing(plan.subject, command, plan.complete_when) as open_journal:
        try:
            for step in plan.steps:
                tell(step.sentence)
                undo = [*step.undo, *undo]
                open_journal.note(undo)
                step.carry_out()
            replacement = exchange()
            require_as_seen(replacement)
            for sentence in replacement.sentences:
                tell(sentence)
        except BaseException:
            with leaving_rest():
                open_journal.carry_out(undo)
            raise
        *exchanging, deletion = replacement.changes
        with leaving_rest():
            open_journal.commit(replacement.changes)
            open_journal.carry_out(exchanging, behind=(deletion,))
            problem = find_problem()
            if problem:
                tell(problem)
                open_journal.note(())
            else:
                open_journal.carry_out((deletion,))


def require_as_seen(replacement: Replacement) -> None:
    """Raise BusyError when a file was changed since `replacement` was decided on."""
    for path, text in replacement.seen.items():
        if read_text(Path(path)) != text:
            raise BusyError(
                f"{path} was changed by another command just now; nothing was changed",
                "look at it, and type the same again",
            )


def read_text(path: Path) -> str | None:
    """Return what the file `path` holds; None when it is not there or cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return None
