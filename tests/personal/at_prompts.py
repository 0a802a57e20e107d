"""Type lines at the prompts of a shell in a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PROMPT = "ready>"
TIMEOUT_S = 120.0
# Line editing is off, because it redraws lines. The prompt is typed in two pieces, so that the echo of what
# was typed is not mistaken for it.
SHELLS = {
    "bash": (("bash", "--norc", "--noprofile", "--noediting", "-i"), "PS1='rea''dy> '"),
    "zsh": (("zsh", "-f", "-i", "-o", "no_zle"), "unsetopt promptcr promptsp; PROMPT='rea''dy> '"),
    "tcsh": (("tcsh", "-f", "-i"), "unset edit; set prompt = 'rea''dy> '"),
}


def type_at_prompts(name: str, lines: Sequence[str], environ: Mapping[str, str], folder: Path) -> str:
    """Type `lines`, each at the next prompt of the shell, and exit; return the shell's output."""
    command, prompt = SHELLS[name]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environ, "HISTFILE": os.devnull},
        cwd=folder,
        start_new_session=True,
    ) as shell:
        os.close(theirs)
        said = b""
        try:
            os.write(ours, f"{prompt}\n".encode())
            for number, line in enumerate([*lines, "exit"], start=1):
                said = read_until(ours, said, number)
                os.write(ours, f"{line}\n".encode())
            said = read_until(ours, said, None)
        finally:
            os.close(ours)
            # A shell that has not ended gets SIGHUP.
            shell.wait(TIMEOUT_S)
    return said.decode(errors="replace")


def read_until(terminal: int, said: bytes, prompts: int | None) -> bytes:
    """Read until the output has `prompts` prompts or the shell has ended; return `said` and what was read."""
    end = time.monotonic() + TIMEOUT_S
    while prompts is None or said.count(PROMPT.encode()) < prompts:
        if not select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError(said.decode(errors="replace"))
        try:
            found = os.read(terminal, 65536)
        except OSError:
            # This is how Linux reports that the other side is closed.
            break
        if not found:
            break
        said += found
    return said
