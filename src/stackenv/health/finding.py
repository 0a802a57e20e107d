"""A finding of `stackenv check`: the problem, where it is, why it matters, and how to fix it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal, Union

from stackenv.errors import quote_word
from stackenv.output import format_count

# broken: something does not work, or will fail later; insecure: other users can take it over; warning: it
# works, but is costly or surprising; unchecked: the check could not run.
Level = Literal["broken", "insecure", "warning", "unchecked"]
# If there is a finding of these levels, `stackenv check` exits with status 1.
GRAVE: frozenset[Level] = frozenset({"broken", "insecure"})


# What a problem can break for other fixes: conda in every environment, or everything in its own environment.
Needed = Literal["conda", "environment"]

BACKUP = ".stackenv-backup"


def name_backup(path: str) -> str:
    """Return the path of the backup of the file `path`: beside it, under a name that no shell reads.

    In a folder like ~/.bashrc.d, shells read every file that is not hidden.
    """
    folder, _, name = path.rpartition("/")
    hidden = "." if folder.endswith(".d") and not name.startswith(".") else ""
    return f"{folder}/{hidden}{name}{BACKUP}"


@dataclass(frozen=True)
class RewriteFile:
    """Replace the contents `old` of the user's file `path` with `new`, and keep a backup beside it."""

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
    """Rename the user's file `path`, which contains `contents`, to `target`, which no program reads."""

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
    """Run the command `words`; if the first is `stackenv`, it is the stackenv that is running now."""

    words: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return shlex.join(self.words)

    @property
    def needs(self) -> frozenset[Needed]:
        """What must work before this command can work."""
        needs: list[tuple[Needed, bool]] = [
            ("environment", self.words[:2] == ("stackenv", "run")),
            ("conda", "conda" in self.words),
        ]
        return frozenset(need for need, applies in needs if applies)


Action = Union[RewriteFile, MoveAside, RunCommand]


@dataclass(frozen=True)
class Finding:
    """One problem that a rule has found.

    Parameters
    ----------
    rule
        The rule that found it: its key in `stackenv.health.rules`.
    level
        How serious it is.
    what
        The problem, in a sentence.
    where
        The file (with `:line` if one line is the cause), folder, variable or module with the problem.
    why
        What it means for the user.
    hint
        What to type or do.
    fix
        What `stackenv check --fix` does, in this order; empty if only the user can decide.
    parts
        The individual problems, if there are several; `what` may name only the first.
    hides
        The rules that are skipped because they would only find the effects of this problem.
    breaks
        What fails until this is fixed, if other fixes need it; empty otherwise.
    muted
        The reason for which the user has muted it; empty if it is not muted.
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
