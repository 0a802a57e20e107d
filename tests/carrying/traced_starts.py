"""One traced start of an environment's Python: packages, messages, variables of children, system calls."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from users import User

LOOK = """\
import importlib.util, json, os, subprocess, sys

try:
    import needle

    value = needle.find()
except ImportError as error:
    value = str(error)
numpy = importlib.util.find_spec("numpy")
child = subprocess.run(["/usr/bin/env", "-0"], stdout=subprocess.PIPE, check=True)
found = {
    "needle": value,
    "numpy": numpy and numpy.origin,
    "path": sys.path,
    "prefix": sys.prefix,
    "environ": dict(os.environ),
    "child": os.fsdecode(child.stdout).split("\\0")[:-1],
}
print(json.dumps(found))
"""
# A line of strace: the system call and its first path.
CALL = re.compile(r'^(\w+)\([^"]*"([^"]*)"')


@dataclass(frozen=True)
class Start:
    """What the program `LOOK` has found, and what was observed of it.

    Parameters
    ----------
    needle
        The value that the stack's package `needle` finds, or why it cannot be imported.
    numpy
        The file of numpy; None if numpy is not found.
    path, prefix, environ
        As in sys and os.
    given, child
        The variables that Python was started with, and those of a child of it, sorted.
    said
        The lines on stderr.
    calls
        The system calls of the process, as names and paths in their order, without those of its children.
    """

    needle: int | str
    numpy: str | None
    path: list[str]
    prefix: str
    environ: dict[str, str]
    given: list[str]
    child: list[str]
    said: list[str]
    calls: list[tuple[str, str]]

    @property
    def interpreters(self) -> int:
        """How often the environment's Python was started: 1, plus 1 for each time it executed itself."""
        return len([path for name, path in self.calls if name == "execve" and self.is_interpreter(path)])

    def is_interpreter(self, path: str) -> bool:
        return re.fullmatch(re.escape(self.prefix) + r"/bin/python[0-9.]*", path) is not None

    def looks(self, *paths: str | Path) -> list[str]:
        """Return which of `paths` were accessed, opened or not; a path is repeated for each access."""
        wanted = {str(path) for path in paths}
        return [path for name, path in self.calls if path in wanted and name != "execve"]

    def opened(self, *paths: str | Path) -> list[str]:
        """Return which of `paths` were opened."""
        wanted = {str(path) for path in paths}
        return [path for name, path in self.calls if path in wanted and name.startswith("open")]


def read_environment(user: User, load: str = "", **changes: str) -> dict[str, str]:
    """Return the variables of a shell with Lmod after `load`, without those that only bash has."""
    shell = user.run(f"{load}\nexec env -0", **changes)
    assert shell.returncode == 0, shell.stderr
    return dict(entry.split("=", 1) for entry in shell.stdout.split("\0")[:-1])


def bare(user: User) -> dict[str, str]:
    """Return the variables that cron, an editor or sshd gives the user's programs: without those of Lmod."""
    return {"HOME": str(user.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LOGNAME": "somebody"}


def start(python: str | Path, environ: Mapping[str, str], scratch: Path, within: Sequence[str] = ()) -> Start:
    """Start `python` with the program `LOOK` and the variables `environ` under strace, in `scratch`.

    `within` is a command that runs it, for example as another user or where something is hidden.
    """
    program, trace = scratch / "look.py", scratch / "trace"
    program.write_text(LOOK)
    trace.unlink(missing_ok=True)
    done = subprocess.run(
        [*within, "strace", "-qq", "-e", "trace=execve,%file", "-o", str(trace), str(python), program],
        env=dict(environ),
        cwd=scratch,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    calls = [match.groups() for match in map(CALL.match, trace.read_text().splitlines()) if match]
    return Start(
        **{key: found[key] for key in ("needle", "numpy", "path", "prefix", "environ")},
        given=sorted(f"{name}={value}" for name, value in environ.items()),
        child=sorted(found["child"]),
        said=done.stderr.splitlines(),
        calls=[(name, path) for name, path in calls],
    )
