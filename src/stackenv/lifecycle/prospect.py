"""What an update of one package means for one environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# due: the update would change it; current: there is nothing newer; held: the modules bring it, and it is
# left alone; refused: it cannot be updated, or nobody can tell how; updated and failed: what came of it.
State = Literal["due", "current", "held", "refused", "updated", "failed"]
# Of what an installer says.
LONGEST = 400


@dataclass(frozen=True)
class PackageChange:
    """One package that an update exchanges, adds or removes.

    Parameters
    ----------
    name
        As its metadata has it.
    before, after
        Its versions; empty where it is not there.
    requirement
        What makes the installer take exactly this.
    source, sha256
        The file name of what is installed and its checksum, where they are known.
    """

    name: str
    before: str
    after: str
    requirement: str = ""
    source: str = ""
    sha256: str = ""

    @property
    def sentence(self) -> str:
        if not self.before or not self.after:
            return f"{self.name} {self.after or self.before} is {'added' if self.after else 'removed'}"
        return f"{self.name} {self.before} -> {self.after}"


@dataclass(frozen=True)
class Prospect:
    """What an update would do to one environment, or what it has done.

    Parameters
    ----------
    name
        The module's full name; of a conda environment without a module its path.
    prefix, kind
        The environment's folder; `venv` or `conda`.
    now, then
        The versions of the package before and after; `then` is empty where nobody can tell.
    module
        The module that brings the package, and holds it at this version; empty for none.
    state
        What is to become of it.
    changes
        All that is exchanged with it, the package itself first; empty when nothing is, or nobody can tell.
    problem, hint
        Why it is left alone or has failed, and what to type; empty when there is nothing to say.
    """

    name: str
    prefix: str
    kind: str
    now: str = ""
    then: str = ""
    module: str = ""
    state: State = "due"
    changes: tuple[PackageChange, ...] = ()
    problem: str = ""
    hint: str = ""

    @property
    def further(self) -> tuple[PackageChange, ...]:
        """What else changes with the package."""
        return self.changes[1:]


def cut_short(words: str) -> str:
    """Return the beginning of an installer's `words`: what it says can be of any length."""
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}..."
