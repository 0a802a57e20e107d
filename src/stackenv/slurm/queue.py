"""The user's jobs, as Slurm's queue lists them."""

from __future__ import annotations

import shutil
import subprocess


def list_jobs() -> list[str]:
    """Return number, name and nodes of this user's running jobs; nothing without Slurm."""
    squeue = shutil.which("squeue")
    if not squeue:
        return []
    try:
        done = subprocess.run(
            [squeue, "--me", "--noheader", "--states=R,CG", "--format=%i %j on %N"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [] if done.returncode else done.stdout.split("\n")[:-1]
