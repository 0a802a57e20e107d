"""What a journal says, and whether it can be believed: in a project's folder others write files too."""

from __future__ import annotations

import json
import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from stackenv import STACKENV_UUID
from stackenv.transactions.plan import Change, WriteFile, describe_change, parse_change
from stackenv.transactions.process import Process

# Larger than any that stackenv writes: nobody's file may fill the memory of another's command.
LARGEST = 64 * 1024 * 1024
LARGEST_PID = 2**31 - 1


@dataclass(frozen=True)
class Entry:
    """What a journal says: of which module, by whom, what to do when they are gone."""

    subject: str
    command: str
    owner: Process
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
                "boot": self.owner.boot,
                "pid_namespace": self.owner.pid_namespace,
                "complete_when": self.complete_when,
                "changes": [describe_change(change) for change in self.changes],
            },
            indent=1,
        )


def parse_entry(text: str) -> Entry:
    """Return the entry in `text`; raise ValueError when it is none."""
    try:
        data = json.loads(text)
        if data.get("stackenv", STACKENV_UUID) != STACKENV_UUID or not isinstance(data["changes"], list):
            raise ValueError("not a journal")
        return Entry(
            printable(text_of(data, "subject")),
            printable(text_of(data, "command")),
            parse_process(data),
            check_path(text_of(data, "complete_when"), may_be_empty=True),
            tuple(check_change(parse_change(change)) for change in data["changes"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a journal: {error}") from error


def parse_process(data: Mapping[str, Any]) -> Process:
    """Return the owner that `data` names; before there were `boot` and `pid_namespace`, without them."""
    pid = data["pid"]
    if type(pid) is not int or not 0 < pid <= LARGEST_PID:
        raise ValueError(f"not the number of a process: {pid!r}")
    later = {name: text_of(data, name) for name in ("boot", "pid_namespace") if name in data}
    return Process(printable(text_of(data, "host")), pid, text_of(data, "start"), **later)


def text_of(data: Mapping[str, Any], name: str) -> str:
    """Return the text `name` of `data`; raise ValueError when it is something else."""
    value = data[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def check_path(text: str, may_be_empty: bool = False) -> str:
    """Return `text`, an absolute path without `..`; raise ValueError when it is something else."""
    if (may_be_empty and not text) or (
        text.startswith("/") and "\0" not in text and ".." not in Path(text).parts
    ):
        return text
    raise ValueError(f"no path: {text!r}")


def check_change(change: Change) -> Change:
    """Return `change`; raise ValueError when one of its fields is of another type."""
    for field in fields(change):
        value = getattr(change, field.name)
        if field.name == "executable":
            if not isinstance(value, bool):
                raise ValueError("executable is neither true nor false")
        elif not isinstance(value, str):
            raise ValueError(f"{field.name} is no text")
        elif not (isinstance(change, WriteFile) and field.name == "text"):
            check_path(value)
    return change


def printable(text: str) -> str:
    """Return `text` without what would steer the terminal of who reads it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


@dataclass(frozen=True)
class FoundEntry:
    """A journal as it lies there.

    Parameters
    ----------
    entry
        What it says; None when that cannot be read.
    user
        The number of the user it belongs to.
    regular
        Whether it is a file, and no link or device.
    mode
        Its permissions.
    """

    entry: Entry | None
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


def look_at(path: Path) -> FoundEntry | None:
    """Return the journal `path`, without following a link; None when it is gone."""
    try:
        status = path.lstat()
        # A device or a pipe that somebody puts in its place must not hold the command up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError:
        return FoundEntry(None, status.st_uid, stat.S_ISREG(status.st_mode), stat.S_IMODE(status.st_mode))
    with open(descriptor, "rb") as stream:  # noqa: PTH123 (a descriptor)
        status = os.fstat(descriptor)
        regular, entry = stat.S_ISREG(status.st_mode), None
        if regular and status.st_size <= LARGEST:
            entry = parse_named(stream.read(LARGEST), path.name)
    return FoundEntry(entry, status.st_uid, regular, stat.S_IMODE(status.st_mode))


def parse_named(text: bytes, name: str) -> Entry | None:
    """Return the entry in `text`; None when it is none, or not of the module that the file `name` is of."""
    try:
        entry = parse_entry(text.decode("utf-8"))
    except ValueError:
        return None
    return entry if entry.subject.replace("/", "@") == name.partition(".json")[0] else None


def read_entry(path: Path) -> Entry | None:
    """Return what the journal `path` says; None when it is gone, or cannot be believed."""
    found = look_at(path)
    return found.entry if found and found.can_be_believed else None
