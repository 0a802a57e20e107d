"""The processes of this user on this node, and the files that they use (proc(5))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.plain_files import read_file_bytes, read_file_text

# Programs that hold the mounts of packed environments, and do not count as users of them.
HOLDERS = ("squashfuse", "enter_namespace.py")
ACTIVE = ("VIRTUAL_ENV", "CONDA_PREFIX")


@dataclass(frozen=True)
class Process:
    """A running process: its number, and its command line as one text."""

    pid: int
    command: str


def list_processes_using(folder: Path, inherited: bool = False) -> list[Process]:
    """Return the other processes of this user on this node that use files below `folder`.

    A process uses `folder` if it runs a program from there, has its current folder there, has mapped or
    opened a file there, or names it on its command line. A Python also counts if an environment in `folder`
    was active when it started. With `inherited`, this holds for every process: a shell script may still
    start its Python, although an editor never will.

    The parents of this command count only if they run a program from `folder`: a Jupyter in whose terminal
    the command was typed counts, but a shell that is in the folder does not.
    """
    real = f"{os.path.realpath(folder)}/"
    ancestors = list_ancestors(os.getpid())
    found = []
    for entry in sorted(Path("/proc").iterdir()):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        # A process may end meanwhile, and those of other users cannot be read.
        with contextlib.suppress(OSError):
            words = read_file_bytes(entry / "cmdline").decode("utf-8", "surrogateescape").split("\0")
            if entry.stat().st_uid != os.geteuid() or any(h in w for h in HOLDERS for w in words[:4]):
                continue
            started = int(entry.name) in ancestors
            # The executable of a venv's Python is that of its base; only argv[0] names the venv.
            paths = [words[0], *list_run(entry)] if started else list_paths(entry, words, inherited)
            if any(f"{path}/".startswith(real) for path in paths):
                found.append(Process(int(entry.name), " ".join(filter(str.isprintable, filter(None, words)))))
    return found


def list_ancestors(pid: int) -> set[int]:
    """Return `pid` and the numbers of its parent processes."""
    found = set()
    while pid > 0:
        found.add(pid)
        try:
            pid = int(read_file_text(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def find_active_variable(folder: Path, environ: Mapping[str, str]) -> str:
    """Return the variable in `environ` of an active environment below `folder`; empty if none is active."""
    real = f"{os.path.realpath(folder)}/"
    return next((n for n in ACTIVE if environ.get(n) and is_below(environ[n], real)), "")


def is_below(path: str, real: str) -> bool:
    return f"{os.path.realpath(path)}/".startswith(real)


def list_run(process: Path) -> Iterator[str]:
    """Yield the program that `process` runs and the files that it has mapped: libraries, extensions."""
    yield str((process / "exe").readlink())
    for line in read_file_text(process / "maps", errors="surrogateescape").splitlines():
        _, slash, path = line.partition("/")
        if slash:
            yield f"/{path}"


def list_paths(process: Path, words: list[str], inherited: bool) -> Iterator[str]:
    """Yield the paths that `process`, a folder of /proc with the command line `words`, uses."""
    executable = (process / "exe").readlink()
    here = str((process / "cwd").readlink())
    yield here
    yield from (os.path.normpath(os.path.join(here, word)) for word in words)  # noqa: PTH118
    if inherited or executable.name.startswith("python"):
        for entry in read_file_bytes(process / "environ").decode("utf-8", "surrogateescape").split("\0"):
            name, _, value = entry.partition("=")
            if name in ACTIVE:
                yield os.path.realpath(value)
    yield from list_run(process)
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            yield str(descriptor.readlink())
