"""A user at a terminal, who types before the command asks, and when it does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from terminals import open_terminal


def answer(
    words: Sequence[str], environ: Mapping[str, str], folder: Path, typed: str, early: str = ""
) -> tuple[int, str]:
    """Run a command on a terminal; return its status and output.

    `early` is typed before the command starts, `typed` when it asks a question.
    """
    outer, inner = open_terminal(columns=300)
    os.write(outer, early.encode())
    with subprocess.Popen(words, env=environ, cwd=folder, stdin=inner, stdout=inner, stderr=inner) as process:
        os.close(inner)
        shown, asked = b"", False
        try:
            while part := os.read(outer, 4096):
                shown += part
                if not asked and b"[y/N]: " in shown:
                    asked = True
                    os.write(outer, typed.encode())
        except OSError:  # the other end is closed
            pass
        os.close(outer)
    return process.returncode, shown.decode()
