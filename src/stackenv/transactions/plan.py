"""What a command is about to change: steps, each with its undo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Callable, Union


@dataclass(frozen=True)
class WriteFile:
    """Make the file `path` hold `text`."""

    path: str
    text: str
    executable: bool = False


@dataclass(frozen=True)
class RemoveFile:
    """Delete the file or link `path`; it may be gone already."""

    path: str


@dataclass(frozen=True)
class RemoveTree:
    """Delete the folder `path`, if no file is in it or it holds the file `proof`: then it is ours."""

    path: str
    proof: str


@dataclass(frozen=True)
class RemoveFolder:
    """Delete the folder `path` if it is empty; it may be gone already."""

    path: str


@dataclass(frozen=True)
class MovePath:
    """Rename `source` to `target`, on one file system; it may have happened already."""

    source: str
    target: str


@dataclass(frozen=True)
class RestoreTree:
    """Make the environment at `path` what it was when its folder `kept` was made; then delete `kept`."""

    path: str
    kept: str


Change = Union[WriteFile, RemoveFile, RemoveTree, RemoveFolder, MovePath, RestoreTree]
CHANGES: Mapping[str, Callable[..., Change]] = {
    kind.__name__: kind for kind in (WriteFile, RemoveFile, RemoveTree, RemoveFolder, MovePath, RestoreTree)
}


def describe_change(change: Change) -> dict[str, Any]:
    """Return `change` as plain data; `parse_change` reads it back."""
    return {"change": type(change).__name__, **asdict(change)}


def parse_change(data: Mapping[str, Any]) -> Change:
    """Return the change that `describe_change` described."""
    fields = {name: value for name, value in data.items() if name != "change"}
    return CHANGES[data["change"]](**fields)


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
