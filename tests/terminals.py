"""Interactive shells and commands, each on a terminal of its own, and what they write there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SHELLS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--private", "-i"),
}
# Separates the cells of a table.
GAP = re.compile(" {3,}")
COMPINIT = "autoload -Uz compinit; compinit -D -u"


def read_table(text: str) -> list[list[str]]:
    """Return the non-empty cells of each row, without the titles, of a table that was printed to a pipe."""
    return [GAP.split(line.rstrip()) for line in text.splitlines()[1:]]


def open_terminal(columns: int) -> tuple[int, int]:
    """Return both ends of a new terminal of `columns`: the user's, and that of the programs."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    return leader, follower


def show(
    command: Sequence[str | Path],
    environ: Mapping[str, str],
    folder: Path,
    columns: int = 80,
    typed: str = "",
) -> tuple[int, str]:
    """Run `command` on a terminal, with `typed` as answer to a question; return its status and output."""
    leader, follower = open_terminal(columns)
    process = subprocess.Popen(
        ["setsid", "--ctty", *command],
        **dict.fromkeys(("stdin", "stdout", "stderr"), follower),
        env={"TERM": "xterm-256color", **environ},
        cwd=folder,
    )
    os.close(follower)
    seen = b""
    while select.select([leader], [], [], 120)[0]:
        try:
            more = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        seen += more
        if typed and seen.endswith(b": "):
            os.write(leader, typed.encode())
            typed = ""
    os.close(leader)
    return process.wait(60), seen.decode(errors="replace").replace("\r\n", "\n")


class Terminal:
    """A shell on a terminal."""

    def __init__(
        self, command: tuple[str, ...], environ: Mapping[str, str], folder: Path, columns: int = 200
    ) -> None:
        self.leader, follower = open_terminal(columns)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            **{"stdin": follower, "stdout": follower, "stderr": follower},
            env=environ,
            cwd=folder,
        )
        os.close(follower)
        self.marks = 0

    def type(self, keys: str, timeout_s: float = 30) -> str:
        """Type `keys` and a line that prints a mark; return the output up to the mark."""
        self.marks += 1
        # The typed line, which the terminal shows too, does not contain the mark.
        os.write(self.leader, f"{keys}\nprintf 'ma%s\\n' rk{self.marks}.\n".encode())
        seen, until = b"", time.monotonic() + timeout_s
        while f"mark{self.marks}.".encode() not in seen:
            ready, _, _ = select.select([self.leader], [], [], max(0, until - time.monotonic()))
            assert ready, f"no answer to {keys!r}: {seen.decode(errors='replace')}"
            seen += os.read(self.leader, 65536)
        return seen.decode(errors="replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.leader)
