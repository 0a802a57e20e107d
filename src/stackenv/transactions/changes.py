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

# What transactions.files adds to a dot and the name of the file that it writes (tempfile.mkstemp).
RANDOM = "[a-z0-9_]" * 8


@dataclass(frozen=True)
class Change(abc.ABC):
    """One change; `path` is what it is about."""

    path: str

    @abc.abstractmethod
    def carry_out(self, killed_s: float | None = None) -> None:
        """Carry it out. Of a command that was killed `killed_s` says when it was last alive."""

    @abc.abstractmethod
    def is_within(self, places: Places) -> bool:
        """Return whether it touches nothing but `places`, or what it proves to be stackenv's."""


@dataclass(frozen=True)
class WriteFile(Change):
    """Make the file `path` hold `text`; not `synced`, it may be empty after a failure of the machine."""

    text: str
    executable: bool = False
    synced: bool = True

    def carry_out(self, killed_s: float | None = None) -> None:
        write_file(Path(self.path), self.text, self.executable, synced=self.synced)

    def is_within(self, places: Places) -> bool:
        path = Path(self.path)
        # One that the user has removed meanwhile is made again, as the command had begun to.
        written = places.is_own_file(path) or not os.path.lexists(path)
        return places.holds(path) or (written and places.is_marked_text(self.text) and not places.names(path))


@dataclass(frozen=True)
class MakeFile(Change):
    """Make the file `path` with `text` where there is none; TakenError where there is another one.

    With `own_line` a file that has this line is no other one: somebody has changed it since it was made.
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
        """Return whether what is at `path` is this file; what cannot be read, or is no file, is another's."""
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

    With `sha256` only a file that holds just that, and then at whatever place it is.
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
    """Make `path` a link that `leads_to` what it says, in the place of a file of stackenv's, if any."""

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
    """Delete the folder `path`, if no file is in it or it holds the file `mark`: then it is stackenv's."""

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
        # Whatever folder it is, only an empty one goes.
        return True


@dataclass(frozen=True)
class MovePath(Change):
    """Rename the folder `path` to `target`, by which it is removed; it may have happened already."""

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
    """Rename `new` to `path`, and before that what is there to `aside`; it may have happened already.

    One change, for of two the first must not be carried out again once the second has been.
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
    """Carry out `changes`, about what is in the folder `path`; any may be done again after the rest.

    For hundreds of small ones: after each other change the journal is written again, with the texts of all
    that are left, which takes ten times as long as these.
    """

    changes: tuple[Change, ...]

    @classmethod
    def of(cls, path: str, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return `changes` as one; none where there are none."""
        return (cls(path, changes),) if changes else ()

    def carry_out(self, killed_s: float | None = None) -> None:
        for change in self.changes:
            carry_out_change(change, killed_s)

    def is_within(self, places: Places) -> bool:
        return all(change.is_within(places) for change in self.changes)


def carry_out_change(change: Change, killed_s: float | None = None) -> None:
    """Carry out one change.

    Of a command that was killed `killed_s` says when it was last alive: what users have done since is not
    undone, and what it had begun to write beside its files goes.

    Raises
    ------
    StackenvError
        When the disk refuses; the path is named. When there is work of a user that would be undone.
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
    """Delete what this user's killed commands have begun to write beside the file `path`."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.{RANDOM}"):
        with contextlib.suppress(OSError):
            if draft.lstat().st_uid == os.geteuid():
                draft.unlink()


def hash_if_there(path: Path) -> str:
    """Return the SHA-256 of what the file `path` holds; empty when there is none, or no regular file."""
    try:
        return hash_file(path)
    except (FileNotFoundError, IsADirectoryError, SpecialFileError):
        return ""


def open_up(folder: Path) -> None:
    """Let this user read and change `folder`; nothing when it is a link, or no folder."""
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENOENT):
            return
        raise
    try:
        # By the descriptor, which cannot be exchanged for a link meanwhile.
        Path(f"/proc/self/fd/{descriptor}").chmod(0o700)
    finally:
        os.close(descriptor)


def make_writable(function: object, path: str, _: object) -> None:
    """Let shutil.rmtree go on where a package has installed a folder without write permission."""
    place = Path(path)
    open_up(place.parent)
    if function in (os.unlink, os.rmdir):
        with contextlib.suppress(FileNotFoundError):
            place.rmdir() if function is os.rmdir else place.unlink()
        return
    # The folder could not be opened or read. If that is still so, the error is the user's to see.
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
    """Delete the folder `path`, if it holds the file `mark` or no file at all; else leave it as it is.

    `mark` goes last, so that an interrupted removal can be taken up again.
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
    # Folders without a file in them: of a removal, or of a making, that was interrupted here.
    for folder in (*reversed(on_the_way[:-1]), path):
        remove_folder(folder)


def remove_folder(path: Path) -> None:
    """Delete the folder `path`; nothing when it is not there or not empty."""
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        path.rmdir()
