"""All changes of a command, made completely or not at all: steps with an undo, then a switch."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from stackenv.errors import BusyError, StackenvError, TakenError, explain
from stackenv.output import SCREEN, clear_status, print_error, print_message, show_status
from stackenv.plain_files import read_file_bytes
from stackenv.record import read_command_words
from stackenv.transactions.changes import Change
from stackenv.transactions.interruption import ignoring_stopping, leaving_rest
from stackenv.transactions.journal import Journal, OpenJournal


@dataclass(frozen=True)
class Step:
    """One step that makes something beside what is there, or changes that in place after it was copied.

    `sentence` is what a dry run prints, and `doing` what a terminal shows meanwhile; without it the terminal
    goes on to show what it did, or, where that is nothing, the sentence. `undo` takes the step back, in the
    order given, also when it was interrupted.
    """

    sentence: str
    carry_out: Callable[[], None]
    undo: tuple[Change, ...] = ()
    doing: str = ""


def find_nothing() -> str:
    """Return that there is no problem."""
    return ""


@dataclass(frozen=True)
class Switch:
    """The changes that put a result in its place, each of which can be carried out twice.

    Parameters
    ----------
    sentences
        What a dry run prints.
    changes
        In their order. Only the first can find its place taken (`MakeFile`): then the steps are undone.
    seen
        Files and what they held when the changes were decided on; None for one that was not there.
        When another command has changed one meanwhile, nothing is done.
    find_problem
        Is asked before the last change, a deletion: why that must not be, or an empty text. (The successor
        of a killed command does not ask.)
    """

    sentences: tuple[str, ...]
    changes: tuple[Change, ...]
    seen: Mapping[str, str | None] = field(default_factory=dict)
    find_problem: Callable[[], str] = find_nothing


@dataclass(frozen=True)
class Transaction:
    """All that one command changes. While its steps run, an interruption is undone; from the switch on it is
    finished.

    Parameters
    ----------
    subject
        The full name of the module that is changed: nobody else may change it meanwhile.
    switch
        Is called when all steps are done.
    steps
        In their order.
    also
        Full names of further modules that nobody else may change meanwhile.
    """

    subject: str
    switch: Callable[[], Switch]
    steps: tuple[Step, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a dry run prints, where it is known before the steps are done what the switch is."""
        return (*(step.sentence for step in self.steps), *self.switch().sentences)

    @classmethod
    def of(cls, subject: str, switch: Switch, also: tuple[str, ...] = ()) -> Transaction:
        """Return the transaction that is nothing but `switch`."""
        return cls(subject, lambda: switch, (), also)


def carry_out(
    transaction: Transaction,
    journal: Journal,
    command: str = "",
    print_message: Callable[[str], None] = print_message,
) -> None:
    """Carry out `transaction` under `journal`, for whom its modules are.

    When a step fails or is interrupted all are undone, and nothing interrupts that; from the moment on at
    which the changes of the switch are noted they are finished instead, by the next command if need be.

    Parameters
    ----------
    command
        As it was typed, for those who find the journal; empty: that of this process.
    print_message
        Hears each sentence before what it says is done, but for steps where a terminal shows them.

    Raises
    ------
    BusyError
        When another command changes one of its modules, or has changed one since it was decided on.
    StackenvError
        What the failing step raised, after the undo; when the disk refuses the switch, of which the rest
        stays noted.
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
    """Carry out the steps of `transaction`, note in `held` that the switch is to be finished; return it."""
    for step in transaction.steps:
        if not (show_status(step.doing) if step.doing else SCREEN.status):
            print_message(step.sentence)
        held.note((*step.undo, *held.said.undo))
        step.carry_out()
    switch = transaction.switch()
    clear_status()
    require_as_seen(switch.seen)
    for sentence in switch.sentences:
        print_message(sentence)
    held.commit(switch.changes)
    return switch


def undo(held: OpenJournal) -> None:
    """Undo what `held` has noted; of what cannot be, tell why: the user must know what went wrong first."""
    try:
        with ignoring_stopping() if held.said.undo else contextlib.nullcontext():
            held.undo()
    except (StackenvError, OSError) as error:
        print_error(
            f"some changes could not be undone; the next stackenv command tries again: {explain(error)}"
        )


def finish(held: OpenJournal, switch: Switch, print_message: Callable[[str], None]) -> None:
    """Carry out the changes of `switch`, the last one only without a problem."""
    held.finish(but=1)
    problem = switch.find_problem()
    if problem:
        print_message(problem)
        held.drop()
    held.finish()


def require_as_seen(seen: Mapping[str, str | None]) -> None:
    """Raise BusyError when one of the files `seen` holds something else by now."""
    for path, text in seen.items():
        if read_text(Path(path)) != text:
            raise BusyError(
                f"{path} was changed by another command just now; nothing was changed",
                "look at it, then run the same command again",
            )


def read_text(path: Path) -> str | None:
    """Return what the file `path` holds; None when it is not there or cannot be read."""
    try:
        return read_file_bytes(path).decode("utf-8", "surrogateescape")
    except OSError:
        return None
