"""The hand-over of a script to Slurm; what Slurm says is shown as it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from stackenv.errors import StackenvError

# The job's number, and the cluster where there are several (sbatch(1), --parsable).
ANSWER = re.compile(r"(\d+)(?:;(\S+))?")


@dataclass(frozen=True)
class Submitted:
    """A job that Slurm has taken: its number, its cluster where there are several, what Slurm said."""

    job_id: str
    cluster: str
    words: str


def submit(script: str, environ: Mapping[str, str]) -> Submitted:
    """Have sbatch take `script`.

    Raises
    ------
    StackenvError
        When there is no sbatch, or it does not take the script: with its own words.
    """
    sbatch = shutil.which("sbatch", path=environ.get("PATH", ""))
    if sbatch is None:
        raise StackenvError(
            "the job was not submitted: there is no sbatch on PATH",
            "log in to a node of the cluster; without --submit the script is printed",
        )
    done = subprocess.run(
        [sbatch, "--parsable"],
        input=os.fsencode(script),
        env=dict(environ),
        capture_output=True,
        check=False,
    )
    words = os.fsdecode(done.stderr).strip()
    # A site's filter may say something on stdout too; the number is the last.
    lines = os.fsdecode(done.stdout).split()
    answer = ANSWER.fullmatch(lines[-1]) if lines else None
    if done.returncode or not answer:
        raise StackenvError(
            f"Slurm did not take the job (sbatch, status {done.returncode}):\n{words or 'it says nothing'}",
            find_cure(words),
        )
    return Submitted(answer.group(1), answer.group(2) or "", words)


def find_cure(words: str) -> str:
    """Return what to type next when Slurm has refused with `words`."""
    if "partition" in words.lower():
        return "sinfo --summarize shows the partitions; stackenv job --partition P"
    if "account" in words.lower():
        return "sacctmgr show associations user=$USER shows your accounts; stackenv job --account A"
    return "without --submit the script is printed: stackenv job ... > job.sh, change it, then sbatch job.sh"
