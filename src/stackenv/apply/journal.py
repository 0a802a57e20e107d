"""The journal: who is changing a module now, and what is left to do when that is interrupted.

One file a module, in the folder .stackenv of the modules' folder (Lmod does not look at names that
begin with a dot). Made by O_EXCL, it is the lock too, for flock does not hold on every NFS; it names
host and process. What a killed command has left, the next one undoes or finishes.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.apply.changes import carry_out_change
from stackenv.apply.files import write_file
from stackenv.apply.owner import GONE_AFTER_S, Owner, beating, is_older, read_start
from stackenv.errors import BusyError, StackenvError
from stackenv.model.plan import Change, describe_change, parse_change

__all__ = ["Journal", "OpenJournal", "read_start"]


@dataclass(frozen=True)
class Entry:
    """What a journal says: of which module, by whom, what to do when they are gone."""

    subject: str
    command: str
    owner: Owner
    complete_when: str
    changes: tuple[Change, ...]

    def text(self) -> str:
        return json.dumps(
            {
                "stackenv": STACKENV_UUID,
                "version": 1,
                "subject": self.subject,
                "command": self.command,
                "host": self.owner.host,
                "pid": self.owner.pid,
                "start": self.owner.start,
                "complete_when": self.complete_when,
                "changes": [describe_change(change) for change in self.changes],
            },
            indent=1,
        )


def parse_entry(text: str) -> Entry:
    """Return the entry in `text`; raise ValueError when it is none."""
    try:
        data = json.loads(text)
        owner = Owner(data["host"], data["pid"], data["start"])
        changes = tuple(map(parse_change, data["changes"]))
        return Entry(data["subject"], data["command"], owner, data["complete_when"], changes)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a journal: {error}") from error


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
        path = self.folder / (subject.replace("/", "@") + ".json")
        entry = Entry(subject, command, Owner.current(), complete_when, ())
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

    def _create(self, path: Path, entry: Entry) -> None:
        draft = path.with_name(f".{path.name}.{entry.owner.host}.{entry.owner.pid}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(draft, entry.text())
            # Whole from the start, and refused where one is: also on NFS (link(2), open(2)).
            os.link(draft, path)
        except FileExistsError:
            raise busy(read_entry(path) or entry, path) from None
        except OSError as error:
            raise StackenvError(
                f"{path} could not be made: {error.strerror}; nothing was changed",
                f"look at the permissions and the free space: ls -ld {self.folder.parent}; "
                f"df -h {self.folder.parent}",
            ) from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()

    def recover(self) -> list[str]:
        """Undo or finish what killed commands have left; return a sentence for each.

        What a running command has open is left alone. A folder that is not there or cannot be read
        holds nothing to recover.
        """
        sentences = []
        for path in sorted(self.folder.glob("*.json*")) if self.folder.is_dir() else []:
            if path.name.startswith("."):
                # A draft: whoever was killed over it had not begun, or has a whole journal beside it.
                if is_older(path, GONE_AFTER_S):
                    with contextlib.suppress(OSError):
                        path.unlink()
                continue
            entry = read_entry(path)
            if entry is None or (recovering_owner(path) or entry.owner).is_alive(path):
                continue
            sentences += self._recover(path, entry)
        return sentences

    def _recover(self, path: Path, entry: Entry) -> list[str]:
        me = Owner.current()
        base = path.name.partition(".recovery.")[0]
        taken = path.with_name(f"{base}.recovery.{me.host}.{me.pid}.{me.start}")
        try:
            path.rename(taken)
            # Fresh, for commands on other hosts: they must not take it over from this one.
            os.utime(taken)
        except FileNotFoundError:
            return []  # another command was faster
        except OSError as error:
            return [f"an interrupted `{entry.command}` is still there: {path}: {error.strerror}"]
        if entry.complete_when and Path(entry.complete_when).exists():
            taken.unlink()
            return [f"{entry.subject} was complete when `{entry.command}` was interrupted; it is kept"]
        done = "undone" if entry.complete_when else "finished"
        try:
            with beating(taken):
                for change in entry.changes:
                    carry_out_change(change)
            taken.unlink()
        except (StackenvError, OSError) as error:
            return [
                f"`{entry.command}` was interrupted; what it had begun with {entry.subject} cannot be {done} "
                f"now: {error}"
            ]
        if not entry.changes:
            return []
        return [f"`{entry.command}` was interrupted; what it had begun with {entry.subject} is {done}"]


def recovering_owner(path: Path) -> Owner | None:
    """Return who is recovering, by the file's name; None when nobody is."""
    _, _, words = path.name.partition(".recovery.")
    host, _, rest = words.rpartition(".")[0].rpartition(".")
    return Owner(host, int(rest), words.rpartition(".")[2]) if rest.isdigit() else None


def read_entry(path: Path) -> Entry | None:
    """Return what the journal `path` says; None when it is gone, or not whole yet."""
    try:
        return parse_entry(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def busy(entry: Entry, path: Path) -> BusyError:
    return BusyError(
        f"{entry.subject} is being changed now by process {entry.owner.pid} on {entry.owner.host} "
        f"(`{entry.command}`); nothing was changed",
        f"wait until it is done; if that process is gone although {path} is still there, it counts as "
        f"gone after {GONE_AFTER_S // 60} minutes",
    )


def unfinished(entry: Entry, path: Path) -> StackenvError:
    owner = recovering_owner(path)
    if owner and owner != Owner.current() and owner.is_alive(path):
        return busy(replace(entry, owner=owner), path)
    return StackenvError(
        f"`{entry.command}` was interrupted, and what it had begun with {entry.subject} could not be undone "
        "or finished yet; nothing was changed",
        f"stackenv list tries again, and says why it cannot; what is left to do stands in {path}",
    )


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
        write_file(self.path, self.entry.text())
        self.settled = not changes

    def carry_out(self, changes: Iterable[Change]) -> None:
        """Carry out `changes` one after the other, and cross each out."""
        left = list(changes)
        while left:
            carry_out_change(left.pop(0))
            # What cannot be crossed out, on a full disk, is carried out once more at worst.
            with contextlib.suppress(StackenvError):
                self.note(left)
        self.settled = True
