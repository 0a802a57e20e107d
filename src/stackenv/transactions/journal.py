"""The journal: which command is changing a module, and what is left to do if it is interrupted.

There is one file for each module, in the folder .stackenv of the folder of modules (Lmod ignores names that
begin with a dot). It contains the host and the process. It is also the lock: the command creates it
exclusively, because flock does not work on every NFS. If a command is killed, the next one undoes or finishes
its changes.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from stackenv.errors import StackenvError, TakenError, explain_with_hint, quote_word
from stackenv.transactions.access import Access
from stackenv.transactions.changes import Change, carry_out_change
from stackenv.transactions.files import current_umask, write_file, write_new_file
from stackenv.transactions.journal_file import BROKEN, Note, look_at, read_note
from stackenv.transactions.leftovers import JOURNALS
from stackenv.transactions.lock_errors import (
    DRAFT,
    describe_foreign_journal,
    describe_open_journal,
    is_interrupted,
    name_process,
    parse_process_name,
    refusal,
    unfinished,
)
from stackenv.transactions.places import Marks, Places
from stackenv.transactions.process import GONE_AFTER_S, Process, is_older, sending_heartbeat

NO_MARKS, PRIVATE = Marks(), Access()
FULL = (errno.ENOSPC, errno.EDQUOT)


class JournalFullError(StackenvError):
    """The disk or the user's quota is too full for a journal; nothing was changed."""


@contextlib.contextmanager
def writing_journal() -> Iterator[None]:
    """Within the block, create files that only their owner can write, because they will be carried out."""
    before = current_umask()
    os.umask(before | 0o022)
    try:
        yield
    except StackenvError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in FULL:
            raise JournalFullError(error.message, error.hint) from error
        raise
    finally:
        os.umask(before)


class Journal:
    """The journals of a folder of modules.

    They may change files in this folder and in environments with one of `marks`. New folders get `access`.
    """

    def __init__(self, modules: Path, marks: Marks = NO_MARKS, access: Access = PRIVATE) -> None:
        self.folder = modules / JOURNALS
        self.places = Places(modules, marks)
        self.access = access

    @contextlib.contextmanager
    def changing(self, subject: str, command: str) -> Iterator[OpenJournal]:
        """Within the block, prevent other commands from changing the module `subject`.

        Raises
        ------
        BusyError
            If another command is changing it.
        StackenvError
            If the folder cannot be written.
        """
        path = self._path_of(subject)
        note = Note(subject, command, Process.current())
        self._create(path, note)
        journal = OpenJournal(path, note)
        try:
            for other in self.folder.glob(f"{path.name}.recovery.*"):
                raise unfinished(read_note(other) or note, other)
            with sending_heartbeat(path):
                yield journal
        finally:
            if journal.settled:
                path.unlink(missing_ok=True)

    def _path_of(self, subject: str) -> Path:
        return self.folder / (subject.replace("/", "@") + ".json")

    def require_unchanged(self, subject: str) -> None:
        """Raise StackenvError if the module `subject` has a journal of any user."""
        path = self._path_of(subject)
        if os.path.lexists(path):
            raise refusal(subject, path)
        for other in self.folder.glob(f"{path.name}.recovery.*"):
            raise refusal(subject, other)

    def _create(self, path: Path, note: Note) -> None:
        if self.folder.is_symlink():
            raise StackenvError(
                f"{self.folder} is a link, but must be a folder; nothing was changed",
                f"rm {quote_word(self.folder)}",
            )
        try:
            # The file is complete from the start, and creating it fails if it exists, also on NFS (link(2)).
            with writing_journal():
                for folder in (self.places.root, self.folder):
                    self.access.make_folder(folder)
                write_new_file(path, note.text(), draft=name_process(note.process))
        except TakenError:
            raise refusal(note.subject, path) from None

    def recover(self) -> list[str]:
        """Undo or finish the changes of this user's killed commands; return a sentence for each.

        Journals of running commands are left alone, and so are those of other users, because everyone who
        can write here could put anything into them. If the folder is missing or cannot be read, there is
        nothing to recover.
        """
        if self.folder.is_symlink():
            return [f"{self.folder} is a link and is ignored: ls -l {quote_word(self.folder)}"]
        sentences = [s for path in list_journals(self.folder) for s in self._recover_file(path)]
        remove_drafts(self.folder)
        return sentences

    def _recover_file(self, path: Path) -> list[str]:
        found = look_at(path)
        if found is None:
            return []
        if not found.is_ours:
            return [describe_foreign_journal(found, path)] if is_interrupted(found, path) else []
        if not found.can_be_trusted:
            return [describe_open_journal(path)]
        if found.note is None:
            return set_aside(path) if is_older(path, GONE_AFTER_S) else []
        return self._recover(path, found.note) if is_interrupted(found, path) else []

    def _recover(self, path: Path, note: Note) -> list[str]:
        outside = next((c.path for c in (*note.undo, *note.finish) if not c.is_within(self.places)), "")
        if outside:
            return [
                f"{path}: an interrupted `{note.command}` would change {outside}, which is neither a "
                "module nor in an environment, and is left alone; if nothing needs to be done there: "
                f"rm {quote_word(path)}"
            ]
        base = path.name.partition(".recovery.")[0]
        taken = path.with_name(f"{base}.recovery.{name_process(Process.current())}")
        try:
            killed_s = path.lstat().st_mtime
            path.rename(taken)
            # A new time stamp, so that commands on other hosts do not take over the recovery.
            os.utime(taken, follow_symlinks=False)
        except FileNotFoundError:
            return []  # another command was faster
        except OSError as error:
            return [f"an interrupted `{note.command}` cannot be undone or finished: {path}: {error.strerror}"]
        if read_note(taken) != note:
            return [f"{taken} was replaced just now and is left alone; ls -l {quote_word(taken)}"]
        return settle_killed(taken, note, killed_s)


def settle_killed(path: Path, note: Note, killed_s: float) -> list[str]:
    """Undo or finish the changes in the journal `path` of a command that was killed at `killed_s`.

    The result is a sentence that says so, or none if there were no changes.
    """
    journal = OpenJournal(path, note)
    begun = f"`{note.command}` was interrupted; its changes to {note.subject}"
    try:
        with sending_heartbeat(path):
            done = journal.settle(killed_s)
        path.unlink()
    except (StackenvError, OSError) as error:
        done = "finished" if journal.said.finish else "undone"
        problem = "; hint: ".join(filter(None, explain_with_hint(error)))
        return [f"{begun} cannot be {done} now: {problem}"]
    return [f"{begun} were {done}"] if note.undo or note.finish else []


def list_journals(folder: Path) -> list[Path]:
    """Return the journals in `folder`, including those that are being recovered."""
    found = sorted(folder.glob("*.json*")) if folder.is_dir() else []
    return [path for path in found if path.name[0] != "." and not path.name.endswith(BROKEN)]


def remove_drafts(folder: Path) -> None:
    """Delete this user's drafts of journals in `folder` that no command is writing any more."""
    drafts = list(folder.glob(".*.json*")) if folder.is_dir() else []
    # Listed after the drafts: the writer of a draft has the journal open, or is in the draft's name.
    current = {path.name.partition(".json")[0] for path in list_journals(folder)}
    for draft in drafts:
        with contextlib.suppress(OSError):
            if draft.lstat().st_uid == os.geteuid() and is_abandoned(draft, current):
                draft.unlink()


def is_abandoned(draft: Path, current: Container[str]) -> bool:
    """Return whether no command will complete `draft`; `current` are the modules that have a journal."""
    subject, _, rest = draft.name[1:].partition(".json")
    if subject in current:
        return False
    found = DRAFT.fullmatch(rest.replace(".recovery", "", 1))
    process = parse_process_name(found.group(1) or "") if found else None
    if process:
        return not process.is_alive(draft)
    return bool(found) or is_older(draft, GONE_AFTER_S)


def set_aside(path: Path) -> list[str]:
    """Rename the journal `path` of this user, which cannot be read; return a sentence that says so."""
    aside = path.with_name(f"{path.name}{BROKEN}")
    try:
        path.rename(aside)
    except OSError as error:
        return [f"{path} is not a valid journal and cannot be renamed: {error.strerror}"]
    return [
        f"{path} is not a valid journal and was renamed to {aside}; the changes that it describes are "
        "not undone"
    ]


class OpenJournal:
    """The journal of a command that is running; `said` is its current contents."""

    def __init__(self, path: Path, said: Note) -> None:
        self.path = path
        self.said = said

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do if this process ends."""
        return not (self.said.undo or self.said.finish)

    def note(self, undo: Sequence[Change]) -> None:
        """Store the changes that undo everything if this process is killed from now on, and sync them."""
        self._write(replace(self.said, undo=tuple(undo)))

    def commit(self, finish: Sequence[Change]) -> None:
        """Store the changes that are finished, not undone, if this process is killed from now on."""
        self._write(replace(self.said, undo=self.said.undo if finish else (), finish=tuple(finish)))

    def undo(self, killed_s: float | None = None) -> None:
        """Carry out the stored changes that undo everything."""
        while self.said.undo:
            carry_out_change(self.said.undo[0], killed_s)
            self._cross_out(replace(self.said, undo=self.said.undo[1:]))

    def finish(self, killed_s: float | None = None, but: int = 0) -> None:
        """Carry out the stored changes to finish, except the last `but`.

        Raises
        ------
        TakenError
            If the file of the first change exists already: then everything must be undone instead.
        """
        try:
            while len(self.said.finish) > but:
                carry_out_change(self.said.finish[0], killed_s)
                self._cross_out(replace(self.said, undo=(), finish=self.said.finish[1:]))
        except TakenError:
            self._cross_out(replace(self.said, finish=()))
            raise

    def drop(self) -> None:
        """Remove the stored changes without carrying them out."""
        self._cross_out(replace(self.said, undo=(), finish=()))

    def settle(self, killed_s: float) -> str:
        """Finish or undo the stored changes of a command that was killed at `killed_s`; return which."""
        with contextlib.suppress(TakenError):
            if self.said.finish:
                self.finish(killed_s)
                return "finished"
        self.undo(killed_s)
        return "undone"

    def _write(self, said: Note) -> None:
        before, self.said = self.said, said
        try:
            with writing_journal():
                write_file(self.path, said.text())
        except StackenvError:
            self.said = before
            raise

    def _cross_out(self, said: Note) -> None:
        # If the disk is full, a change stays in the journal; at worst, it is carried out twice.
        with contextlib.suppress(StackenvError):
            self._write(said)
        self.said = said
