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
# The fields of changes that do not contain a path.
CONTENTS = ("text", "own_line", "sha256", "leads_to")
# The end of the name of a journal that was set aside because it could not be read.
BROKEN = ".broken"
# Larger than any journal of stackenv: a file of another user must not fill the memory.
LARGEST = 64 * 1024 * 1024
LARGEST_PID = 2**31 - 1


@dataclass(frozen=True)
class Note:
    """The contents of a journal: the module, the command, and the changes to make if the command is killed.

    Parameters
    ----------
    undo
        The changes that undo everything done so far.
    finish
        The changes to finish instead, as soon as there are any. If the file of the first one exists already,
        `undo` is carried out after all.
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
    """Return the note in `text`; raise ValueError if it is not a note."""
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
    """Return the process that `data` describes; old journals lack `boot` and `pid_namespace`."""
    pid = data["pid"]
    if type(pid) is not int or not 0 < pid <= LARGEST_PID:
        raise ValueError(f"not a process number: {pid!r}")
    later = {name: text_of(data, name) for name in ("boot", "pid_namespace") if name in data}
    return Process(printable(text_of(data, "host")), pid, text_of(data, "start"), **later)


def text_of(data: Mapping[str, Any], name: str) -> str:
    """Return the field `name` of `data`; raise ValueError if it is not a text."""
    value = data[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text")
    return value


def check_path(text: str) -> None:
    """Raise ValueError if `text` is not an absolute path, or contains `..`."""
    if not text.startswith("/") or "\0" in text or ".." in Path(text).parts:
        raise ValueError(f"not a path: {text!r}")


def describe_change(change: Change) -> dict[str, Any]:
    """Return `change` as plain data that `parse_change` can read."""
    values = {field.name: getattr(change, field.name) for field in fields(change)}
    if isinstance(change, Together):
        values["changes"] = [describe_change(each) for each in change.changes]
    return {"change": type(change).__name__, **values}


def parse_change(data: Mapping[str, Any]) -> Change:
    """Return the change that `data` describes; raise ValueError if a field has a wrong type."""
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
    """Return `text` with `?` instead of characters that would steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


@dataclass(frozen=True)
class FoundNote:
    """A journal file that was found.

    Parameters
    ----------
    note
        Its contents; None if they cannot be read.
    user
        The number of its owner.
    regular
        Whether it is a regular file, not a link or a device.
    mode
        Its permissions.
    """

    note: Note | None
    user: int
    regular: bool
    mode: int

    @property
    def is_ours(self) -> bool:
        """Whether it belongs to this user."""
        return self.regular and self.user == os.geteuid()

    @property
    def can_be_trusted(self) -> bool:
        """Whether only this user can have written it; otherwise it must not be carried out."""
        return self.is_ours and not self.mode & (stat.S_IWGRP | stat.S_IWOTH)

    @property
    def user_name(self) -> str:
        try:
            return pwd.getpwuid(self.user).pw_name
        except KeyError:
            return f"user {self.user}"


def look_at(path: Path) -> FoundNote | None:
    """Return the journal `path`, without following a link; None if it does not exist."""
    try:
        status = path.lstat()
        # Reading must not block if someone puts a device or a pipe in its place.
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
    """Return the note in `text`; None if it is not one, or its module does not match the file `name`."""
    try:
        note = parse_note(text.decode("utf-8"))
    except ValueError:
        return None
    return note if note.subject.replace("/", "@") == name.partition(".json")[0] else None


def read_note(path: Path) -> Note | None:
    """Return the contents of the journal `path`; None if it is missing or cannot be trusted."""
    found = look_at(path)
    return found.note if found and found.can_be_trusted else None
