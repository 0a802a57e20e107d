"""What a check has found: the fault, where it is, why it hurts, and how to fix it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal, Union

from stackenv.errors import quote_word
from stackenv.output import format_count

# broken: something does not work, or will not; insecure: others can take it over; warning: it works, and
# costs or surprises; unchecked: nobody could look.
Level = Literal["broken", "insecure", "warning", "unchecked"]
# With one of these the status of `stackenv check` is 1.
GRAVE: frozenset[Level] = frozenset({"broken", "insecure"})


# What a fault can break for the fixes of others: conda in each environment, or all in its own environment.
Needed = Literal["conda", "environment"]

BACKUP = ".stackenv-backup"


def name_backup(path: str) -> str:
    """Return where what the file `path` held is kept: beside it, and read by no shell.

    Of a folder like ~/.bashrc.d shells read each file, but hidden ones.
    """
    folder, _, name = path.rpartition("/")
    hidden = "." if folder.endswith(".d") and not name.startswith(".") else ""
    return f"{folder}/{hidden}{name}{BACKUP}"


@dataclass(frozen=True)
class RewriteFile:
    """Make the user's own file `path`, which holds `old`, hold `new`; what it held is kept beside it."""

    path: str
    old: bytes
    new: bytes

    @property
    def sentence(self) -> str:
        lines = self.old.count(b"\n") - self.new.count(b"\n")
        less = f", {format_count(lines, 'line')} shorter" if lines > 0 else ""
        return f"rewrite {self.path}{less}; backup: {name_backup(self.path)}"

    @property
    def needs(self) -> frozenset[Needed]:
        return frozenset()


@dataclass(frozen=True)
class MoveAside:
    """Rename the user's own file `path`, which holds `contents`, to `target`, which nobody reads."""

    path: str
    contents: bytes
    target: str

    @property
    def sentence(self) -> str:
        back = f"mv {quote_word(self.target)} {quote_word(self.path)}"
        return f"rename {self.path} to {self.target}; to undo: {back}"

    @property
    def needs(self) -> frozenset[Needed]:
        return frozenset()


@dataclass(frozen=True)
class RunCommand:
    """Run the program `words`; `stackenv` as the first of them is the one that runs now."""

    words: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return shlex.join(self.words)

    @property
    def needs(self) -> frozenset[Needed]:
        """What must work for it to work."""
        needs: list[tuple[Needed, bool]] = [
            ("environment", self.words[:2] == ("stackenv", "run")),
            ("conda", "conda" in self.words),
        ]
        return frozenset(need for need, applies in needs if applies)


Action = Union[RewriteFile, MoveAside, RunCommand]


@dataclass(frozen=True)
class Finding:
    """One fault.

    Parameters
    ----------
    rule
        Which rule has found it: its row in `stackenv.health.rules`.
    level
        How bad it is.
    what
        The fault, in a sentence.
    where
        The file (with `:line` where one line is at fault), folder, variable or module that has it.
    why
        What it does to the user.
    hint
        What to type or to do.
    fix
        What `stackenv check --fix` does, in this order; empty when only the user can decide.
    parts
        Each of several faults, where `what` may name the first alone.
    hides
        The rules that are skipped, since they would only find the effects of this fault.
    breaks
        What fails as long as this is not fixed; empty when nothing does that a fix would need.
    muted
        Why its user does not want to hear of it; empty when they do.
    """

    rule: str
    level: Level
    what: str
    where: str
    why: str
    hint: str
    fix: tuple[Action, ...] = ()
    parts: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    breaks: Needed | Literal[""] = ""
    muted: str = ""
