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
    """Run `command`, and return its exit status and its output.

    Parameters
    ----------
    environ
        All its environment variables; None for those of this process.
    timeout_s
        The time after which it is killed.
    cwd
        Its current folder; None for that of this process. In "/", a Python imports no file of the user by
        accident.

    Raises
    ------
    OSError
        If it cannot be started.
    TimeoutExpired
        If it does not end within `timeout_s`.
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
    """Run `command`, and return the output that says why it failed; empty if it succeeded."""
    try:
        done = run_captured(command, timeout_s=timeout_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        return explain(error)
    return (done.stderr or done.stdout).strip() or f"exit status {done.returncode}" if done.returncode else ""
