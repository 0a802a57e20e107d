"""Interactive shells on a terminal of their own, and what they write there."""

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
from collections.abc import Mapping
from pathlib import Path

SHELLS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--private", "-i"),
}
# Between the cells of a table.
GAP = re.compile(" {3,}")
COMPINIT = "autoload -Uz compinit; compinit -D -u"


def read_table(text: str) -> list[list[str]]:
    """Return the cells, but for empty ones, of each row below the titles of a table in a pipe."""
    return [GAP.split(line.rstrip()) for line in text.splitlines()[1:]]


class Terminal:
    """A shell on a terminal, and what it writes there."""

    def __init__(self, command: tuple[str, ...], environ: Mapping[str, str], folder: Path) -> None:
        self.leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            **{"stdin": follower, "stdout": follower, "stderr": follower},
            env=environ,
            cwd=folder,
        )
        os.close(follower)
        self.marks = 0

    def type(self, keys: str, timeout_s: float = 30) -> str:
        """Type `keys` and a line that prints a mark; return what the terminal shows until then."""
        self.marks += 1
        # The mark is not in what is typed, which the terminal shows too.
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
