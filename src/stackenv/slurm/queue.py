"""The user's jobs in Slurm's queue."""

from __future__ import annotations

import shutil
import subprocess

from stackenv.captured_run import run_captured


def list_jobs() -> list[str]:
    """Return ID, name and nodes of this user's running jobs; nothing without Slurm."""
    squeue = shutil.which("squeue")
    if not squeue:
        return []
    try:
        words = [squeue, "--me", "--noheader", "--states=R,CG", "--format=%i %j on %N"]
        done = run_captured(words, timeout_s=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [] if done.returncode else done.stdout.split("\n")[:-1]
