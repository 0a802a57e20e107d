"""The changes that a journal can contain; each can be carried out again after an interruption."""

from __future__ import annotations

import abc
import contextlib
import errno
import glob
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from stackenv.errors import StackenvError, TakenError
from stackenv.plain_files import SpecialFileError, read_file_bytes
from stackenv.transactions.file_hash import hash_file
from stackenv.transactions.files import write_file, write_link, write_new_file
from stackenv.transactions.places import Places, is_aside, is_file, is_staged

# The end of the name of a draft: transactions.files writes .NAME.RANDOM first (tempfile.mkstemp).
RANDOM = "[a-z0-9_]" * 8


@dataclass(frozen=True)
class Change(abc.ABC):
    """One change of `path`."""

    path: str

    @abc.abstractmethod
    def carry_out(self, killed_s: float | None = None) -> None:
        """Make the change; `killed_s` is the time at which its command was killed, if it was."""

    @abc.abstractmethod
    def is_within(self, places: Places) -> bool:
        """Return whether it only changes files in `places`, or files that are proven to be stackenv's."""


@dataclass(frozen=True)
class WriteFile(Change):
    """Write `text` to the file `path`; unless `synced`, a crash of the machine may leave it empty."""

    text: str
    executable: bool = False
    synced: bool = True

    def carry_out(self, killed_s: float | None = None) -> None:
        write_file(Path(self.path), self.text, self.executable, synced=self.synced)

    def is_within(self, places: Places) -> bool:
        path = Path(self.path)
        # A file that the user has removed meanwhile is written again, as the command intended.
        written = places.is_own_file(path) or not os.path.lexists(path)
        return places.holds(path) or (written and places.is_marked_text(self.text) and not places.names(path))


@dataclass(frozen=True)
class MakeFile(Change):
    """Create the file `path` with `text`; raise TakenError if another file exists there.

    A file with the line `own_line` does not count as another one: it was created, and edited since.
    """

    text: str
    own_line: str = ""

    def carry_out(self, killed_s: float | None = None) -> None:
        try:
            write_new_file(Path(self.path), self.text)
        except TakenError:
            if not self.is_made():
                raise

    def is_made(self) -> bool:
        """Return whether `path` is this file; it is not if it cannot be read or is not a regular file."""
        path, text = Path(self.path), self.text.encode("utf-8", "surrogateescape")
        try:
            found = read_file_bytes(path) if stat.S_ISREG(path.lstat().st_mode) else b""
        except OSError:
            return False
        own = self.own_line.encode("utf-8", "surrogateescape")
        return found == text or (own != b"" and own in found.split(b"\n"))

    def is_within(self, places: Places) -> bool:
        return places.holds(Path(self.path))


@dataclass(frozen=True)
class RemoveFile(Change):
    """Delete the file or link `path`; it may be gone already.

    With `sha256`, only a file with this SHA-256 is deleted, in any folder.
    """

    sha256: str = ""

    def carry_out(self, killed_s: float | None = None) -> None:
        if not self.sha256 or hash_if_there(Path(self.path)) == self.sha256:
            Path(self.path).unlink(missing_ok=True)

    def is_within(self, places: Places) -> bool:
        path = Path(self.path)
        if self.sha256 or places.holds(path) or not os.path.lexists(path):
            return True
        if path.is_symlink():
            target = Path(os.path.realpath(path))
            return places.is_environment(target) or not os.path.lexists(target)
        return places.is_own_file(path)


@dataclass(frozen=True)
class WriteLink(Change):
    """Make `path` a link to `leads_to`; it may replace a file of stackenv."""

    leads_to: str

    def carry_out(self, killed_s: float | None = None) -> None:
        write_link(Path(self.path), self.leads_to)

    def is_within(self, places: Places) -> bool:
        path = Path(self.path)
        if path.is_symlink() and str(path.readlink()) == self.leads_to:
            return True
        return places.holds(path) and (places.is_own_file(path) or not is_file(path))


@dataclass(frozen=True)
class RemoveTree(Change):
    """Delete the folder `path` if it has no files, or the file `mark`, which shows that it is stackenv's."""

    mark: str

    def carry_out(self, killed_s: float | None = None) -> None:
        remove_tree(Path(self.path), Path(self.mark))

    def is_within(self, places: Places) -> bool:
        return places.is_mark(Path(self.path), Path(self.mark))


@dataclass(frozen=True)
class RemoveFolder(Change):
    """Delete the folder `path` if it is empty; it may be gone already."""

    def carry_out(self, killed_s: float | None = None) -> None:
        remove_folder(Path(self.path))

    def is_within(self, places: Places) -> bool:
        # Allowed for every folder, because only an empty one is deleted.
        return True


@dataclass(frozen=True)
class MovePath(Change):
    """Rename the folder `path` to `target`, from where it is removed; it may be renamed already."""

    target: str

    def carry_out(self, killed_s: float | None = None) -> None:
        if os.path.lexists(self.path):
            Path(self.path).rename(self.target)

    def is_within(self, places: Places) -> bool:
        source, target = Path(self.path), Path(self.target)
        known = places.is_environment(source) or not os.path.lexists(source)
        return source.parent == target.parent and known and is_aside(target.name, source.name)


@dataclass(frozen=True)
class ExchangeFolder(Change):
    """Rename `path`, if it exists, to `aside`, then `new` to `path`; both may be renamed already.

    This is one change, because the first renaming must not be repeated after the second.
    """

    new: str
    aside: str

    def carry_out(self, killed_s: float | None = None) -> None:
        if not os.path.lexists(self.new):
            return
        if os.path.lexists(self.path) and not os.path.lexists(self.aside):
            Path(self.path).rename(self.aside)
        Path(self.new).rename(self.path)

    def is_within(self, places: Places) -> bool:
        path, new, aside = (Path(name) for name in (self.path, self.new, self.aside))
        known = all(places.is_environment(p) or not os.path.lexists(p) for p in (path, new, aside))
        named = is_staged(new.name, path.name) and is_aside(aside.name, path.name)
        return path.parent == new.parent == aside.parent and known and named


@dataclass(frozen=True)
class Together(Change):
    """Make all `changes`, which are in the folder `path`; each may be repeated after the others.

    It is for hundreds of small changes: the journal is rewritten after each change, with the texts of all
    remaining ones, which takes ten times as long as the changes themselves.
    """

    changes: tuple[Change, ...]

    @classmethod
    def of(cls, path: str, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return `changes` as a tuple with one change; empty if there are none."""
        return (cls(path, changes),) if changes else ()

    def carry_out(self, killed_s: float | None = None) -> None:
        for change in self.changes:
            carry_out_change(change, killed_s)

    def is_within(self, places: Places) -> bool:
        return all(change.is_within(places) for change in self.changes)


def carry_out_change(change: Change, killed_s: float | None = None) -> None:
    """Carry out one change.

    `killed_s` is the time at which its command was killed, if it was: later changes of users are not undone,
    and drafts that the command left beside its files are deleted.

    Raises
    ------
    StackenvError
        If something cannot be written (the message names the path), or the user's later work would be undone.
    """
    try:
        if killed_s is not None and isinstance(change, (WriteFile, WriteLink, MakeFile, RemoveFile)):
            remove_drafts(Path(change.path))
        change.carry_out(killed_s)
    except OSError as error:
        place = error.filename or change.path
        raise StackenvError(
            f"{place} could not be changed: {error.strerror}", "fix the cause and run the same command again"
        ) from error


def remove_drafts(path: Path) -> None:
    """Delete the drafts of the file `path` that killed commands of this user left."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.{RANDOM}"):
        with contextlib.suppress(OSError):
            if draft.lstat().st_uid == os.geteuid():
                draft.unlink()


def hash_if_there(path: Path) -> str:
    """Return the SHA-256 of the file `path`; empty if it is missing or not a regular file."""
    try:
        return hash_file(path)
    except (FileNotFoundError, IsADirectoryError, SpecialFileError):
        return ""


def open_up(folder: Path) -> None:
    """Let this user read and change `folder`; do nothing if it is a link, or not a folder."""
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENOENT):
            return
        raise
    try:
        # The descriptor stays the same folder; meanwhile, the name could be replaced by a link.
        Path(f"/proc/self/fd/{descriptor}").chmod(0o700)
    finally:
        os.close(descriptor)


def make_writable(function: object, path: str, _: object) -> None:
    """Let shutil.rmtree continue after an error in a folder that a package made read-only."""
    place = Path(path)
    open_up(place.parent)
    if function in (os.unlink, os.rmdir):
        with contextlib.suppress(FileNotFoundError):
            place.rmdir() if function is os.rmdir else place.unlink()
        return
    # The folder could not be opened or read. If it still cannot, the user should see the error.
    open_up(place)
    os.close(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY))
    shutil.rmtree(path, onerror=make_writable)


def delete(path: Path) -> None:
    """Delete the file, link or folder `path`."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=make_writable)
        return
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        open_up(path.parent)
        path.unlink(missing_ok=True)


def remove_tree(path: Path, mark: Path) -> None:
    """Delete the folder `path` if it contains the file `mark` or no file at all; else leave it as it is.

    `mark` is deleted last, so that an interrupted removal can be continued.
    """
    if not path.is_dir() or path.is_symlink():
        return
    on_the_way = [folder for folder in (*reversed(mark.parents), mark) if path in folder.parents]
    if mark.is_file():
        for folder in (path, *on_the_way[:-1]):
            for entry in folder.iterdir():
                if entry not in on_the_way:
                    delete(entry)
        delete(mark)
    # Folders without files are left if the folder's creation or removal was interrupted here.
    for folder in (*reversed(on_the_way[:-1]), path):
        remove_folder(folder)


def remove_folder(path: Path) -> None:
    """Delete the folder `path`; do nothing if it is missing or not empty."""
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        path.rmdir()
