"""Makes all changes of a command completely or not at all: steps that can be undone, then a switch."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from stackenv.errors import BusyError, StackenvError, TakenError, explain_with_hint
from stackenv.output import SCREEN, clear_status, print_error, print_message, show_status
from stackenv.plain_files import read_file_bytes
from stackenv.record import read_command_words
from stackenv.transactions.changes import Change
from stackenv.transactions.interruption import ignoring_stopping, leaving_rest
from stackenv.transactions.journal import Journal, OpenJournal


@dataclass(frozen=True)
class Step:
    """One step, which creates something new, or changes something in place after a backup.

    A dry run prints `sentence`. A terminal shows `doing` during the step; without it, the terminal keeps its
    status line, or shows the sentence if there is none. The changes in `undo` undo the step, in their order,
    even if it was interrupted.
    """

    sentence: str
    carry_out: Callable[[], None]
    undo: tuple[Change, ...] = ()
    doing: str = ""


def find_nothing() -> str:
    """Return an empty text: there is no problem."""
    return ""


def ignore_sentence(_: str) -> None:
    """Do not print a step that the user knows from a question."""


@dataclass(frozen=True)
class Switch:
    """The changes that put a result in its place; each can be repeated.

    Parameters
    ----------
    sentences
        The sentences that a dry run prints.
    changes
        The changes in their order. Only the first can fail because its file exists (`MakeFile`): then the
        steps are undone.
    seen
        Files with their texts when the changes were planned; None for a missing one. If another command has
        changed one since, nothing is done.
    find_problem
        Called before the last change, a deletion; returns why it must not be made, or an empty text. (It is
        not called if another command finishes the changes of a killed one.)
    routine
        The one of `sentences` that a terminal with a status line does not print, because the command's last
        line says the same.
    """

    sentences: tuple[str, ...]
    changes: tuple[Change, ...]
    seen: Mapping[str, str | None] = field(default_factory=dict)
    find_problem: Callable[[], str] = find_nothing
    routine: str = ""


@dataclass(frozen=True)
class Transaction:
    """All changes of one command; if it is interrupted, the steps are undone, but the switch is finished.

    Parameters
    ----------
    subject
        The full name of the module that is changed. It is locked meanwhile.
    switch
        Called after all steps; returns the switch.
    steps
        The steps in their order.
    also
        The full names of further modules that are locked meanwhile.
    """

    subject: str
    switch: Callable[[], Switch]
    steps: tuple[Step, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """The sentences that a dry run prints, if the switch does not depend on the steps."""
        return (*(step.sentence for step in self.steps), *self.switch().sentences)

    @classmethod
    def of(cls, subject: str, switch: Switch, also: tuple[str, ...] = ()) -> Transaction:
        """Return the transaction that consists only of `switch`."""
        return cls(subject, lambda: switch, (), also)


def carry_out(
    transaction: Transaction,
    journal: Journal,
    command: str = "",
    print_message: Callable[[str], None] = print_message,
) -> None:
    """Carry out `transaction`, with its changes stored in `journal` and with the access of that.

    If a step fails or is interrupted, all steps are undone, and signals are ignored meanwhile. As soon as the
    changes of the switch are stored, they are finished instead, if necessary by the next command.

    Parameters
    ----------
    command
        The command as it was typed, for those who find the journal; if empty, that of this process.
    print_message
        Called with each sentence before it is carried out, except for steps that a terminal shows.

    Raises
    ------
    BusyError
        If another command is changing one of the modules, or has changed one since the changes were planned.
    StackenvError
        If a step fails, after the undo; if the switch cannot be written: then its remaining changes stay in
        the journal.
    """
    command = command or shlex.join(read_command_words())
    with contextlib.ExitStack() as stack:
        stack.enter_context(journal.access.applied())
        for subject in transaction.also:
            stack.enter_context(journal.changing(subject, command))
        held = stack.enter_context(journal.changing(transaction.subject, command))
        try:
            switch = carry_out_steps(transaction, held, print_message)
        except BaseException:
            with leaving_rest():
                if held.said.finish:
                    raise
                undo(held)
            raise
        with leaving_rest():
            try:
                finish(held, switch, print_message)
            except TakenError:
                undo(held)
                raise


def carry_out_steps(
    transaction: Transaction, held: OpenJournal, print_message: Callable[[str], None]
) -> Switch:
    """Carry out the steps of `transaction`; store the changes of its switch in `held`, and return it."""
    for step in transaction.steps:
        if not (show_status(step.doing) if step.doing else SCREEN.status):
            print_message(step.sentence)
        held.note((*step.undo, *held.said.undo))
        step.carry_out()
    switch = transaction.switch()
    shown = (switch.routine,) if SCREEN.status else ()
    clear_status()
    require_as_seen(switch.seen)
    for sentence in switch.sentences:
        if sentence not in shown:
            print_message(sentence)
    held.commit(switch.changes)
    return switch


def undo(held: OpenJournal) -> None:
    """Undo the changes stored in `held`; print an error if that fails, so that the original one is raised."""
    try:
        with ignoring_stopping() if held.said.undo else contextlib.nullcontext():
            held.undo()
    except (StackenvError, OSError) as error:
        problem, hint = explain_with_hint(error)
        print_error(
            f"some changes could not be undone; the next stackenv command tries again: {problem}", hint
        )


def finish(held: OpenJournal, switch: Switch, print_message: Callable[[str], None]) -> None:
    """Carry out the changes of `switch`, the last one only if there is no problem."""
    held.finish(but=1)
    problem = switch.find_problem()
    if problem:
        print_message(problem)
        held.drop()
    held.finish()


def require_as_seen(seen: Mapping[str, str | None]) -> None:
    """Raise BusyError if one of the files `seen` no longer has its text."""
    for path, text in seen.items():
        if read_text(Path(path)) != text:
            raise BusyError(
                f"{path} was changed by another command just now; nothing was changed",
                "look at it, then run the same command again",
            )


def read_text(path: Path) -> str | None:
    """Return the text of the file `path`; None if it is missing or cannot be read."""
    try:
        return read_file_bytes(path).decode("utf-8", "surrogateescape")
    except OSError:
        return None
