"""What an update of one package means for one environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# due: the update would change it; current: there is nothing newer; held: the modules provide it, and it is
# not updated; refused: it cannot be updated, or it is unknown how; updated and failed: the result.
State = Literal["due", "current", "held", "refused", "updated", "failed"]
# Characters of an installer's message that are shown.
LONGEST = 400


@dataclass(frozen=True)
class PackageChange:
    """One package that an update replaces, adds or removes.

    Parameters
    ----------
    name
        The name in its metadata.
    before, after
        Its versions; empty if it is not installed.
    requirement
        The requirement with which the installer takes exactly this version.
    source, sha256
        File name and checksum of what is installed, if known.
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
    """What an update would do to one environment, or did.

    Parameters
    ----------
    name
        The module's full name; for a conda environment without a module, its path.
    prefix, kind
        The environment's folder; `venv` or `conda`.
    now, then
        The versions of the package before and after; `then` is empty if unknown.
    module
        The module that provides the package and pins this version; empty if no module does.
    state
        Whether it is due, or its result.
    changes
        All packages that change with it, the package itself first; empty if none do, or if unknown.
    problem, hint
        Why it is not updated or failed, and the command that helps; otherwise empty.
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
    """Return the beginning of an installer's `words`, which can have any length."""
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}..."
