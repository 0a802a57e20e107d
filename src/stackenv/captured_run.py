"""Run a program to its end, without input, and capture its output."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from stackenv.errors import explain


def run_captured(
    command: Sequence[str],
    environ: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    cwd: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `command`, and return its status and words.

    Parameters
    ----------
    environ
        All its variables; those of this process where None.
    timeout_s
        It is killed when it takes longer.
    cwd
        Its folder; that of this process where None. In "/" no file of the user's is imported by chance.

    Raises
    ------
    OSError
        When it cannot be started.
    TimeoutExpired
        When it does not end within `timeout_s`.
    """
    return subprocess.run(
        command,
        env=None if environ is None else dict(environ),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )


def find_failure(command: Sequence[str], timeout_s: float) -> str:
    """Run `command`, and return in its own words why it failed; empty when it did not."""
    try:
        done = run_captured(command, timeout_s=timeout_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        return explain(error)
    return (done.stderr or done.stdout).strip() or f"exit status {done.returncode}" if done.returncode else ""
