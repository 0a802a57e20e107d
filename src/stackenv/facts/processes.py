"""The processes of this user on this node, and the files that they use (proc(5))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# They hold the mounts of packed environments.
HOLDERS = ("squashfuse", "enter_namespace.py")
ACTIVE = ("VIRTUAL_ENV", "CONDA_PREFIX")


@dataclass(frozen=True)
class Process:
    """A running process: its number, and its command line as one text."""

    pid: int
    command: str


def list_users(folder: Path) -> list[Process]:
    """Return the other processes of this user, on this node, that work with something below `folder`.

    By what they run, where they are, what they have mapped or open, what their command line names; a
    Python also by the environment that was active when it was started.
    """
    real = f"{os.path.realpath(folder)}/"
    own = list_ancestors(os.getpid())
    found = []
    for entry in sorted(Path("/proc").iterdir()):
        if not entry.name.isdigit() or int(entry.name) in own:
            continue
        # Processes end while they are looked at, and those of others cannot be.
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")
            if entry.stat().st_uid != os.geteuid() or any(h in w for h in HOLDERS for w in words[:4]):
                continue
            if any(f"{path}/".startswith(real) for path in list_paths(entry, words)):
                found.append(Process(int(entry.name), " ".join(filter(str.isprintable, filter(None, words)))))
    return found


def list_ancestors(pid: int) -> set[int]:
    """Return `pid` and the processes that it was started by."""
    found = set()
    while pid > 0:
        found.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def list_paths(process: Path, words: list[str]) -> Iterator[str]:
    """Yield the paths that `process`, a folder of /proc started as `words`, has to do with."""
    executable = (process / "exe").readlink()
    yield str(executable)
    here = str((process / "cwd").readlink())
    yield here
    yield from (os.path.normpath(os.path.join(here, word)) for word in words)  # noqa: PTH118
    # A shell or an editor that inherits them has nothing to do with the environment.
    if executable.name.startswith("python"):
        for entry in (process / "environ").read_bytes().decode("utf-8", "surrogateescape").split("\0"):
            name, _, value = entry.partition("=")
            if name in ACTIVE:
                yield os.path.realpath(value)
    for line in (process / "maps").read_text(errors="surrogateescape").splitlines():
        _, slash, path = line.partition("/")
        if slash:
            yield f"/{path}"
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            yield str(descriptor.readlink())
