"""The contents of a journal, and whether they can be trusted: others may write in a project's folder."""

from __future__ import annotations

import json
import os
import pwd
import stat
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from stackenv import STACKENV_UUID
from stackenv.transactions.backup import RestoreTree
from stackenv.transactions.changes import (
    Change,
    ExchangeFolder,
    MakeFile,
    MovePath,
    RemoveFile,
    RemoveFolder,
    RemoveTree,
    Together,
    WriteFile,
    WriteLink,
)
from stackenv.transactions.process import Process

KINDS: Mapping[str, Callable[..., Change]] = {
    kind.__name__: kind
    for kind in (
        *(WriteFile, WriteLink, MakeFile, RemoveFile, RemoveTree, RemoveFolder),
        *(MovePath, ExchangeFolder, RestoreTree, Together),
    )
}
# These fields of changes hold something else than a path.
CONTENTS = ("text", "own_line", "sha256", "leads_to")
# Behind the name of a journal that nobody could read, and that is out of the way.
BROKEN = ".broken"
# Larger than any that stackenv writes: nobody's file may fill the memory of another's command.
LARGEST = 64 * 1024 * 1024
LARGEST_PID = 2**31 - 1


@dataclass(frozen=True)
class Note:
    """What a journal says: of which module, by whom, what to do when they are gone.

    Parameters
    ----------
    undo
        The changes that take back what was done so far.
    finish
        Those that are to be finished instead, from the moment on at which there are any; the `undo` is for
        when the first of them finds its place taken.
    """

    subject: str
    command: str
    process: Process
    undo: tuple[Change, ...] = ()
    finish: tuple[Change, ...] = ()

    def text(self) -> str:
        return json.dumps(
            {
                "stackenv": STACKENV_UUID,
                "version": 2,
                "subject": self.subject,
                "command": self.command,
                **asdict(self.process),
                "undo": [describe_change(change) for change in self.undo],
                "finish": [describe_change(change) for change in self.finish],
            },
            indent=1,
        )


def parse_note(text: str) -> Note:
    """Return the note in `text`; raise ValueError when it is none."""
    try:
        data = json.loads(text)
        lists = (data["undo"], data["finish"])
        if data.get("stackenv", STACKENV_UUID) != STACKENV_UUID or not all(
            isinstance(changes, list) for changes in lists
        ):
            raise ValueError("not a journal")
        return Note(
            printable(text_of(data, "subject")),
            printable(text_of(data, "command")),
            parse_process(data),
            *(tuple(map(parse_change, changes)) for changes in lists),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a journal: {error}") from error


def parse_process(data: Mapping[str, Any]) -> Process:
    """Return the process that `data` names; before there were `boot` and `pid_namespace`, without them."""
    pid = data["pid"]
    if type(pid) is not int or not 0 < pid <= LARGEST_PID:
        raise ValueError(f"not a process number: {pid!r}")
    later = {name: text_of(data, name) for name in ("boot", "pid_namespace") if name in data}
    return Process(printable(text_of(data, "host")), pid, text_of(data, "start"), **later)


def text_of(data: Mapping[str, Any], name: str) -> str:
    """Return the text `name` of `data`; raise ValueError when it is something else."""
    value = data[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text")
    return value


def check_path(text: str) -> None:
    """Raise ValueError when `text` is no absolute path without `..`."""
    if not text.startswith("/") or "\0" in text or ".." in Path(text).parts:
        raise ValueError(f"not a path: {text!r}")


def describe_change(change: Change) -> dict[str, Any]:
    """Return `change` as plain data; `parse_change` reads it back."""
    values = {field.name: getattr(change, field.name) for field in fields(change)}
    if isinstance(change, Together):
        values["changes"] = [describe_change(each) for each in change.changes]
    return {"change": type(change).__name__, **values}


def parse_change(data: Mapping[str, Any]) -> Change:
    """Return the change that `describe_change` described; raise ValueError for a field of another type."""
    values = {name: value for name, value in data.items() if name != "change"}
    if data["change"] == Together.__name__:
        values["changes"] = tuple(map(parse_change, values["changes"]))
    change = KINDS[data["change"]](**values)
    for field in fields(change):
        value = getattr(change, field.name)
        if field.name == "changes":
            continue
        if field.name in ("executable", "synced"):
            if not isinstance(value, bool):
                raise ValueError(f"{field.name} is neither true nor false")
        elif not isinstance(value, str):
            raise ValueError(f"{field.name} is not a text")
        elif field.name not in CONTENTS:
            check_path(value)
    return change


def printable(text: str) -> str:
    """Return `text` without what would steer the terminal of who reads it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


@dataclass(frozen=True)
class FoundNote:
    """A journal as it lies there.

    Parameters
    ----------
    note
        What it says; None when that cannot be read.
    user
        The number of the user it belongs to.
    regular
        Whether it is a file, and no link or device.
    mode
        Its permissions.
    """

    note: Note | None
    user: int
    regular: bool
    mode: int

    @property
    def is_ours(self) -> bool:
        """Whether this user made it."""
        return self.regular and self.user == os.geteuid()

    @property
    def can_be_believed(self) -> bool:
        """Whether nobody else can have written what it says: only then it may be carried out."""
        return self.is_ours and not self.mode & (stat.S_IWGRP | stat.S_IWOTH)

    @property
    def user_name(self) -> str:
        try:
            return pwd.getpwuid(self.user).pw_name
        except KeyError:
            return f"user {self.user}"


def look_at(path: Path) -> FoundNote | None:
    """Return the journal `path`, without following a link; None when it is gone."""
    try:
        status = path.lstat()
        # A device or a pipe that somebody puts in its place must not hold the command up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError:
        return FoundNote(None, status.st_uid, stat.S_ISREG(status.st_mode), stat.S_IMODE(status.st_mode))
    with open(descriptor, "rb") as stream:  # noqa: PTH123 (a descriptor)
        status = os.fstat(descriptor)
        regular, note = stat.S_ISREG(status.st_mode), None
        if regular and status.st_size <= LARGEST:
            note = parse_named(stream.read(LARGEST), path.name)
    return FoundNote(note, status.st_uid, regular, stat.S_IMODE(status.st_mode))


def parse_named(text: bytes, name: str) -> Note | None:
    """Return the note in `text`; None when it is none, or not of the module that the file `name` is of."""
    try:
        note = parse_note(text.decode("utf-8"))
    except ValueError:
        return None
    return note if note.subject.replace("/", "@") == name.partition(".json")[0] else None


def read_note(path: Path) -> Note | None:
    """Return what the journal `path` says; None when it is gone, or cannot be believed."""
    found = look_at(path)
    return found.note if found and found.can_be_believed else None
