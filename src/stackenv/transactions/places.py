"""Which paths a journal may change: those below the folder of modules, and in marked environments."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.plain_files import read_file_bytes

LARGEST = 1 << 20
# The backup folder of an update, and the list in it by which the folder is recognised.
BACKUP, LISTING = "before-update-", "listing.json"
BACKUP_LISTING = re.compile(rf"{BACKUP}[0-9a-f]{{32}}/{re.escape(LISTING)}")


@dataclass(frozen=True)
class Marks:
    """Files by which a folder is recognised as an environment, as patterns relative to it.

    Parameters
    ----------
    own
        Files that only stackenv writes; a folder with one of them may be deleted.
    others
        Files of other tools; a folder with one of them may be deleted after it was moved aside for removal.
    """

    own: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Places:
    """The paths that this user's journals may change: the folder of modules, `root`, and environments.

    An environment has one of `marks`. Links in the path are resolved first, because others who can write a
    parent folder can replace it by a link.
    """

    root: Path
    marks: Marks

    def is_environment(self, folder: Path) -> bool:
        """Return whether `folder` contains one of the marks."""
        patterns = (*self.marks.own, *self.marks.others)
        return any(is_file(mark) for pattern in patterns for mark in folder.glob(pattern))

    def holds(self, path: Path) -> bool:
        """Return whether `path`, perhaps a link, is really in the folder of modules or an environment."""
        parents = Path(os.path.realpath(path.parent), path.name).parents
        return Path(os.path.realpath(self.root)) in parents or any(map(self.is_environment, parents))

    def names(self, path: Path) -> bool:
        """Return whether `path`, without resolving links, is below the folder of modules."""
        return self.root in path.parents

    def is_mark(self, folder: Path, mark: Path) -> bool:
        """Return whether `mark` has a name which proves that `folder` may be deleted.

        `folder` is an environment, or the folder in an environment that contains the marks.
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
        """Return whether `text` contains the mark of stackenv."""
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
    """Return whether `path` is a regular file, not a link."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def is_aside(name: str, original: str = "") -> bool:
    """Return whether `name` is the name of the folder `original` while it is removed."""
    return name.startswith(f".{original}") and ".removing" in name[len(original) :]


def is_staged(name: str, final: str) -> bool:
    """Return whether `name` is the name of the future folder `final` while it is created."""
    return name.startswith(f".{final}.staged-")
