"""A program started as cron starts one, where nothing is set."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

TIMEOUT_S = 60
ROOT = Path("/")


def run_bare(
    words: Sequence[str], environ: Mapping[str, str], folder: Path = ROOT
) -> subprocess.CompletedProcess[bytes]:
    """Run the command `words` in `folder` with the variables `environ` alone; return its status and words.

    Raises
    ------
    OSError
        When it cannot be started.
    TimeoutExpired
        When it does not end within `TIMEOUT_S`.
    """
    return subprocess.run(
        words,
        env=dict(environ),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def starts_bare(program: str) -> bool:
    """Return whether the Python `program` starts where nothing is set; raise as `run_bare` does."""
    return run_bare([program, "-I", "-S", "-c", ""], {}).returncode == 0
