"""What a command is about to change: steps, each with its undo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from stackenv.transactions.backup import RestoreTree
from stackenv.transactions.changes import Change, MovePath, RemoveFile, RemoveFolder, RemoveTree, WriteFile

__all__ = [
    "Change",
    "MovePath",
    "Plan",
    "RemoveFile",
    "RemoveFolder",
    "RemoveTree",
    "Replacement",
    "RestoreTree",
    "Step",
    "WriteFile",
]


@dataclass(frozen=True)
class Step:
    """One step of a plan.

    `sentence` is what a dry run prints; `undo` takes the step back, in the order given, also when
    it was interrupted.
    """

    sentence: str
    carry_out: Callable[[], None]
    undo: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The steps by which a command makes something new; all of them, or none.

    `subject` is the module's full name, which nobody else may change meanwhile. When `complete_when`
    exists the last step was done.
    """

    subject: str
    steps: tuple[Step, ...]
    complete_when: str


@dataclass(frozen=True)
class Replacement:
    """Changes of what is there already, which an interrupted command's successor finishes.

    Each can be carried out twice.

    Parameters
    ----------
    subject
        The full name of the module that is changed.
    sentences
        What a dry run prints.
    changes
        In their order.
    seen
        Files and what they held when the changes were decided on; None for one that was not there.
        When another command has changed one meanwhile, nothing is done.
    also
        Full names of further modules that nobody else may change meanwhile.
    """

    subject: str
    sentences: tuple[str, ...]
    changes: tuple[Change, ...]
    seen: Mapping[str, str | None]
    also: tuple[str, ...] = ()
