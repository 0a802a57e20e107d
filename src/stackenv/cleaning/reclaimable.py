"""What can go, how much it gives back, and how it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stackenv.health.finding import RunCommand


@dataclass(frozen=True)
class DeleteEnvironment:
    """Delete the environment at `prefix`, which the record in it says stackenv has made for `full_name`."""

    prefix: str
    full_name: str

    @property
    def sentence(self) -> str:
        return f"delete the environment {self.prefix}"


@dataclass(frozen=True)
class Reclaimable:
    """Something that nobody needs, as far as this node can tell.

    Parameters
    ----------
    kind
        Its class: a row of `stackenv.cleaning.finders.FINDERS`.
    what
        What it is, for people.
    places
        The files and folders that go.
    size_bytes, inodes
        What the file system gets back; of a file with several hard links nothing while one is left.
    actions
        How it goes.
    environ
        Environment variables for `actions` that are commands.
    watched
        The folders in which no process may be at work; none: `places`.
    kept
        Why it stays all the same; empty when it can go.
    judge
        Returns the same, as it is by then: asked again when it is to go, which may be hours later.
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
