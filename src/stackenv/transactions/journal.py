"""The journal: who is changing a module now, and what is left to do when that is interrupted.

One file a module, in the folder .stackenv of the modules' folder (Lmod does not look at names that
begin with a dot). Made by O_EXCL, it is the lock too, for flock does not hold on every NFS; it names
host and process. What a killed command has left, the next one undoes or finishes.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from stackenv.errors import StackenvError, explain, quote_word
from stackenv.transactions.changes import carry_out_change
from stackenv.transactions.files import current_umask, write_file
from stackenv.transactions.journal_file import Entry, look_at, read_entry
from stackenv.transactions.lock_errors import (
    is_interrupted,
    name_recovery,
    refusal,
    tell_foreign,
    tell_open,
    unfinished,
)
from stackenv.transactions.places import find_outside, is_complete, spares_module
from stackenv.transactions.plan import Change
from stackenv.transactions.process import GONE_AFTER_S, Process, beating, is_older, read_start

__all__ = ["Entry", "Journal", "JournalFullError", "OpenJournal", "read_entry", "read_start"]

# Behind the name of a journal that nobody could read, and that is out of the way.
BROKEN = ".broken"
FULL = (errno.ENOSPC, errno.EDQUOT)


class JournalFullError(StackenvError):
    """The disk, or the user's share of it, has no room for a journal; nothing was changed."""


def write_entry(path: Path, entry: Entry) -> None:
    """Write `entry` to `path`, which others may read and nobody else may write: it is carried out."""
    before = current_umask()
    os.umask(before | 0o022)
    try:
        write_file(path, entry.text())
    except StackenvError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in FULL:
            raise JournalFullError(error.message, error.hint) from error
        raise
    finally:
        os.umask(before)


class Journal:
    """The journals of one modules' folder."""

    def __init__(self, modules: Path) -> None:
        self.folder = modules / ".stackenv"

    @contextlib.contextmanager
    def changing(self, subject: str, command: str, complete_when: str = "") -> Iterator[OpenJournal]:
        """Keep others from changing the module `subject` while the block runs.

        Raises
        ------
        BusyError
            When somebody else is changing it.
        StackenvError
            When the folder cannot be written.
        """
        path = self._path_of(subject)
        entry = Entry(subject, command, Process.current(), complete_when, ())
        self._create(path, entry)
        journal = OpenJournal(path, entry)
        try:
            for other in self.folder.glob(f"{path.name}.recovery.*"):
                raise unfinished(read_entry(other) or entry, other)
            with beating(path):
                yield journal
        finally:
            if journal.settled:
                path.unlink(missing_ok=True)

    def _path_of(self, subject: str) -> Path:
        return self.folder / (subject.replace("/", "@") + ".json")

    def require_unchanged(self, subject: str) -> None:
        """Raise StackenvError while there is a journal of the module `subject`, of whomever."""
        path = self._path_of(subject)
        if os.path.lexists(path):
            raise refusal(subject, path)
        for other in self.folder.glob(f"{path.name}.recovery.*"):
            raise refusal(subject, other)

    def _create(self, path: Path, entry: Entry) -> None:
        owner = entry.owner
        draft = path.with_name(f".{path.name}.{name_place(owner)}.{owner.pid}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            require_folder(self.folder)
            write_entry(draft, entry)
            # Whole from the start, and refused where one is: also on NFS (link(2), open(2)).
            os.link(draft, path, follow_symlinks=False)
        except FileExistsError:
            raise refusal(entry.subject, path) from None
        except OSError as error:
            kind = JournalFullError if error.errno in FULL else StackenvError
            raise kind(
                f"{path} could not be made: {error.strerror}; nothing was changed",
                f"look at the permissions and the free space: ls -ld {quote_word(self.folder.parent)}; "
                f"df -h {quote_word(self.folder.parent)}",
            ) from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()

    def recover(self) -> list[str]:
        """Undo or finish what this user's killed commands have left; return a sentence for each.

        What a running command has open is left alone, and what another user has left: whoever may
        write here could have it say anything. A folder that is not there or cannot be read holds
        nothing to recover.
        """
        sentences = []
        if self.folder.is_symlink():
            return [
                f"{self.folder} is a link, and nothing in it is looked at: ls -l {quote_word(self.folder)}"
            ]
        for path in sorted(self.folder.glob("*.json*")) if self.folder.is_dir() else []:
            if path.name.startswith("."):
                # A draft: whoever was killed over it had not begun, or has a whole journal beside it.
                found = look_at(path)
                if found and found.is_ours and is_older(path, GONE_AFTER_S):
                    with contextlib.suppress(OSError):
                        path.unlink()
            elif not path.name.endswith(BROKEN):
                sentences += self._attend(path)
        return sentences

    def _attend(self, path: Path) -> list[str]:
        found = look_at(path)
        if found is None:
            return []
        if not found.is_ours:
            return [tell_foreign(found, path)] if is_interrupted(found, path) else []
        if not found.can_be_believed:
            return [tell_open(path)]
        if found.entry is None:
            return set_aside(path) if is_older(path, GONE_AFTER_S) else []
        return self._recover(path, found.entry) if is_interrupted(found, path) else []

    def _recover(self, path: Path, entry: Entry) -> list[str]:
        outside = find_outside(entry.changes, self.folder.parent)
        if outside:
            return [
                f"{path}: an interrupted `{entry.command}` would change {outside}, which is neither a module "
                f"nor in an environment: it is left alone; if nothing is to be done there: "
                f"rm {quote_word(path)}"
            ]
        base = path.name.partition(".recovery.")[0]
        taken = path.with_name(f"{base}.recovery.{name_recovery(Process.current())}")
        try:
            ended_s = path.lstat().st_mtime
            path.rename(taken)
            # Fresh, for commands on other hosts: they must not take it over from this one.
            os.utime(taken, follow_symlinks=False)
        except FileNotFoundError:
            return []  # another command was faster
        except OSError as error:
            return [f"an interrupted `{entry.command}` is still there: {path}: {error.strerror}"]
        if read_entry(taken) != entry:
            return [f"{taken} was exchanged just now: it is left alone; ls -l {quote_word(taken)}"]
        return self._finish(taken, entry, ended_s)

    def _finish(self, taken: Path, entry: Entry, ended_s: float) -> list[str]:
        if is_complete(entry):
            taken.unlink()
            return [f"{entry.subject} was complete when `{entry.command}` was interrupted; it is kept"]
        done = "undone" if entry.complete_when else "finished"
        try:
            with beating(taken):
                for change in entry.changes:
                    if not spares_module(change, entry):
                        carry_out_change(change, ended_s)
            taken.unlink()
        except (StackenvError, OSError) as error:
            return [
                f"`{entry.command}` was interrupted; what it had begun with {entry.subject} cannot be {done} "
                f"now: {explain(error)}"
            ]
        if not entry.changes:
            return []
        return [f"`{entry.command}` was interrupted; what it had begun with {entry.subject} is {done}"]


def require_folder(folder: Path) -> None:
    """Raise StackenvError when `folder` leads elsewhere: others may have put it there."""
    if folder.is_symlink():
        raise StackenvError(
            f"{folder} is a link, and must be a folder; nothing was changed", f"rm {quote_word(folder)}"
        )


def name_place(owner: Process) -> str:
    """Return where the number of `owner` means something, for the name of a draft."""
    return f"{owner.host}-{owner.pid_namespace}"


def set_aside(path: Path) -> list[str]:
    """Rename the journal `path`, of this user, which cannot be read; return a sentence."""
    aside = path.with_name(f"{path.name}{BROKEN}")
    try:
        path.rename(aside)
    except OSError as error:
        return [f"{path} cannot be read as a journal, and not be set aside: {error.strerror}"]
    return [f"{path} cannot be read as a journal: it is set aside, {aside}; what it was about is not undone"]


class OpenJournal:
    """The journal of a change that is under way."""

    def __init__(self, path: Path, entry: Entry) -> None:
        self.path = path
        self.entry = entry
        # While True nothing is left to do if this process ends.
        self.settled = True

    def note(self, changes: Sequence[Change]) -> None:
        """Write what is to be done if this process is killed after now; durable when it returns."""
        self.entry = replace(self.entry, changes=tuple(changes))
        write_entry(self.path, self.entry)
        self.settled = not changes

    def commit(self, changes: Sequence[Change]) -> None:
        """Write what is to be finished, no more undone, if this process is killed after now."""
        self.entry = replace(self.entry, complete_when="")
        self.note(changes)

    def carry_out(self, changes: Iterable[Change], behind: Sequence[Change] = ()) -> None:
        """Carry out `changes` one after the other, and cross each out; those `behind` them stay noted."""
        left = list(changes)
        while left:
            change = left.pop(0)
            if not spares_module(change, self.entry):
                carry_out_change(change)
            # What cannot be crossed out, on a full disk, is carried out once more at worst.
            with contextlib.suppress(StackenvError):
                self.note([*left, *behind])
        self.settled = not behind
