"""What can be deleted, how much space that frees, and how it is deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stackenv.health.finding import RunCommand


@dataclass(frozen=True)
class DeleteEnvironment:
    """Delete the environment at `prefix`, which stackenv created for `full_name` according to its record."""

    prefix: str
    full_name: str

    @property
    def sentence(self) -> str:
        return f"delete the environment {self.prefix}"


@dataclass(frozen=True)
class Reclaimable:
    """Something that is no longer needed, as far as this node can tell.

    Parameters
    ----------
    kind
        Its class: a row of `stackenv.cleaning.finders.FINDERS`.
    what
        Description for people.
    places
        The files and folders to delete.
    size_bytes, inodes
        What the file system gains; a file with several hard links counts only if all are deleted.
    actions
        How it is deleted.
    environ
        Environment variables for `actions` that are commands.
    watched
        The folders that no process may be using; `places` if empty.
    kept
        Why it must be kept; empty if it can be deleted.
    judge
        Returns the current reason; called again before the deletion, which may be hours later.
    """

    kind: str
    what: str
    places: tuple[str, ...]
    size_bytes: int
    inodes: int
    actions: tuple[RunCommand | DeleteEnvironment, ...]
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    watched: tuple[str, ...] = ()
    kept: str = ""
    judge: Callable[[], str] = field(default=str, repr=False)
