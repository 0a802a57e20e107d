"""The processes of this user on this node, and the files that they use (proc(5))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A running process: its number, and its command line as one text."""

    pid: int
    command: str


def list_users(folder: Path) -> list[Process]:
    """Return the other processes of this user, on this node, that work with something below `folder`.

    By what they run, where they are, what they have mapped or open, and what their command line names.
    """
    real = f"{os.path.realpath(folder)}/"
    found = []
    for entry in sorted(Path("/proc").iterdir()):
        if not entry.name.isdigit() or int(entry.name) in (os.getpid(), os.getppid()):
            continue
        # Processes end while they are looked at, and those of others cannot be.
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == os.geteuid() and any(
                f"{p}/".startswith(real) for p in list_paths(entry)
            ):
                words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
                found.append(Process(int(entry.name), " ".join(filter(None, words))))
    return found


def list_paths(process: Path) -> Iterator[str]:
    """Yield the paths that `process`, a folder of /proc, has to do with."""
    for name in ("exe", "cwd"):
        yield str((process / name).readlink())
    yield from (process / "cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")
    for line in (process / "maps").read_text(errors="surrogateescape").splitlines():
        _, slash, path = line.partition("/")
        if slash:
            yield f"/{path}"
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            yield str(descriptor.readlink())
