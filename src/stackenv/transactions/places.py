"""Where the changes in a journal may be: below the folder of modules, and in marked environments."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.plain_files import read_file_bytes

LARGEST = 1 << 20
# What an update copies before it replaces it, and the list of it, by which that folder is known.
BACKUP, LISTING = "before-update-", "listing.json"
BACKUP_LISTING = re.compile(rf"{BACKUP}[0-9a-f]{{32}}/{re.escape(LISTING)}")


@dataclass(frozen=True)
class Marks:
    """Files by which a folder is an environment, as patterns below it.

    Parameters
    ----------
    own
        That stackenv alone writes: a folder with one may be deleted.
    others
        That other tools write; a folder with one may be deleted when it has been moved aside for that.
    """

    own: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Places:
    """The folder of modules, `root`, and each environment that has one of `marks`, by this user's journals.

    Whoever can write a folder on the way can have it lead elsewhere; so folders' links are followed first.
    """

    root: Path
    marks: Marks

    def is_environment(self, folder: Path) -> bool:
        """Return whether `folder` holds one of the marks."""
        patterns = (*self.marks.own, *self.marks.others)
        return any(is_file(mark) for pattern in patterns for mark in folder.glob(pattern))

    def holds(self, path: Path) -> bool:
        """Return whether `path` really is below the folder of modules or an environment, or a link there."""
        parents = Path(os.path.realpath(path.parent), path.name).parents
        return Path(os.path.realpath(self.root)) in parents or any(map(self.is_environment, parents))

    def names(self, path: Path) -> bool:
        """Return whether `path`, as it is written, is below the folder of modules."""
        return self.root in path.parents

    def is_mark(self, folder: Path, mark: Path) -> bool:
        """Return whether `mark` is what proves, by its name, that `folder` may be deleted.

        Also when `folder` is that, in an environment, which holds the marks.
        """
        if folder not in mark.parents:
            return False
        if BACKUP_LISTING.fullmatch(mark.relative_to(folder.parent).as_posix()):
            return True
        patterns = (*self.marks.own, *(self.marks.others if is_aside(folder.name) else ()))
        names = {mark.relative_to(outer) for outer in (folder, folder.parent)}
        return any(
            len(name.parts) == len(Path(pattern).parts) and name.match(pattern)
            for name in names
            for pattern in patterns
        )

    @staticmethod
    def is_marked_text(text: str) -> bool:
        """Return whether `text` is one of stackenv's."""
        return STACKENV_UUID in text

    @staticmethod
    def is_own_file(path: Path) -> bool:
        """Return whether `path` is a file that stackenv wrote."""
        if not is_file(path) or path.lstat().st_size > LARGEST:
            return False
        try:
            return STACKENV_UUID.encode() in read_file_bytes(path)
        except OSError:
            return False


def is_file(path: Path) -> bool:
    """Return whether `path` is a file, and no link."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def is_aside(name: str, original: str = "") -> bool:
    """Return whether `name` is what a folder, `original`, is called while it is removed."""
    return name.startswith(f".{original}") and ".removing" in name[len(original) :]


def is_staged(name: str, final: str) -> bool:
    """Return whether `name` is what a folder that becomes `final` is called while it is made."""
    return name.startswith(f".{final}.staged-")
