"""Start a program as cron does, without environment variables."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

TIMEOUT_S = 60
ROOT = Path("/")


def run_bare(
    words: Sequence[str], environ: Mapping[str, str], folder: Path = ROOT
) -> subprocess.CompletedProcess[bytes]:
    """Run the command `words` in `folder` with only the variables `environ`; return its status and output.

    Raises
    ------
    OSError
        If it cannot be started.
    TimeoutExpired
        If it does not end within `TIMEOUT_S`.
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
    """Return whether the Python `program` starts without any variables; raise as `run_bare` does."""
    return run_bare([program, "-I", "-S", "-c", ""], {}).returncode == 0
