"""Submit a script to Slurm; Slurm's messages are shown unchanged."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from stackenv.errors import StackenvError

# The job ID, and the cluster if there are several (sbatch(1), --parsable).
ANSWER = re.compile(r"(\d+)(?:;(\S+))?")
# The path of the output is only extra information, not worth a longer wait.
TELL_S = 10
OUTPUT = re.compile(r"^ *StdOut=(/.+)$", re.MULTILINE)
# What scontrol prints for an array's job that has no number yet (slurm.h, NO_VAL).
NO_NUMBER = "4294967294"
# Set by Slurm or the site for all jobs; the other SLURM_ variables belong to one job.
OF_ALL_JOBS = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_MPI_TYPE")
# These override the lines of the script (sbatch(1), "INPUT ENVIRONMENT VARIABLES"); the variables of other
# options have the options' names.
STRONGER = {
    "mem": ("SBATCH_MEM_PER_CPU", "SBATCH_MEM_PER_GPU", "SBATCH_MEM_PER_NODE"),
    "time": ("SBATCH_TIMELIMIT",),
    "array": ("SBATCH_ARRAY_INX",),
}
# Hints by Slurm's message; the first match counts (slurm_strerror(3)), because messages about accounts also
# name partitions.
LIMIT = (
    "this exceeds a Slurm limit: ask for less; to see the time limits of the partitions: "
    "sinfo --format='%P %l'; your own limits: sacctmgr show associations user=$USER; your jobs: "
    "squeue --user=$USER"
)
ACCOUNT = "to list your accounts: sacctmgr show associations user=$USER; to use one: stackenv job --account A"
QOS = (
    "to list yours: sacctmgr show associations user=$USER format=account,qos; to use one: "
    "stackenv job --sbatch qos=Q"
)
PARTITION = "to list the partitions: sinfo --summarize; to use one: stackenv job --partition P"
HINTS = (
    (("policy", "usage threshold", "time limit"), LIMIT),
    (("account",), ACCOUNT),
    (("qos",), QOS),
    (("partition",), PARTITION),
)
# This makes sbatch wait until the job ends.
IN_THE_WAY = ("SBATCH_WAIT",)


@dataclass(frozen=True)
class Submitted:
    """A job that Slurm has accepted: its ID, its cluster if there are several, and Slurm's message.

    `output` is the file that it writes, or will write; empty if unknown.
    """

    job_id: str
    cluster: str
    words: str
    output: str


def list_stronger(environ: Mapping[str, str], typed: Collection[str]) -> tuple[str, ...]:
    """Return the variables in `environ` that override the options `typed` in sbatch."""
    names = (name for option in typed for name in (*STRONGER.get(option, ()), name_variable(option)))
    return tuple(name for name in dict.fromkeys(names) if name in environ)


def name_variable(option: str) -> str:
    """Return the variable that usually overrides `option` in sbatch."""
    return f"SBATCH_{option.upper().replace('-', '_')}"


def choose_environ(environ: Mapping[str, str], typed: Collection[str]) -> dict[str, str]:
    """Return the variables for sbatch, so that the job consists of what was typed and of nothing else.

    Inside a job, sbatch would pass on that job's variables, and the new job would use them. Elsewhere they
    were set by the user.
    """
    dropped = (*list_stronger(environ, typed), *IN_THE_WAY)
    in_job = "SLURM_JOB_ID" in environ
    return {
        name: value
        for name, value in environ.items()
        if name not in dropped and not (in_job and name.startswith("SLURM_") and name not in OF_ALL_JOBS)
    }


def submit(
    script: str, environ: Mapping[str, str], typed: Collection[str] = (), account_hint: str = ""
) -> Submitted:
    """Submit `script` with sbatch; its options `typed` take precedence over the variables in `environ`.

    Raises
    ------
    StackenvError
        If there is no sbatch, or it rejects the script; the error contains its message.
    """
    sbatch = shutil.which("sbatch", path=environ.get("PATH", ""))
    if sbatch is None:
        raise StackenvError(
            "the job was not submitted: sbatch not found on PATH",
            "log in to a node of the cluster; without --submit the script is printed",
        )
    chosen = choose_environ(environ, typed)
    done = subprocess.run(
        [sbatch, "--parsable"], input=os.fsencode(script), env=chosen, capture_output=True, check=False
    )
    words = os.fsdecode(done.stderr).strip()
    # A site's filter may also print to stdout; the job ID is the last word.
    lines = os.fsdecode(done.stdout).split()
    answer = ANSWER.fullmatch(lines[-1]) if lines else None
    if done.returncode or not answer:
        raise StackenvError(
            f"Slurm rejected the job (sbatch, status {done.returncode}):\n{words or 'without a message'}",
            find_hint(words, account_hint),
        )
    job_id, cluster = answer.group(1), answer.group(2) or ""
    return Submitted(job_id, cluster, words, find_output(job_id, cluster, chosen))


def find_output(job_id: str, cluster: str, environ: Mapping[str, str]) -> str:
    """Return the path of the job's output; empty if Slurm does not report it."""
    clusters = (f"--clusters={cluster}",) if cluster else ()
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            ["scontrol", *clusters, "show", "job", job_id],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TELL_S,
            check=False,
        )
        found = OUTPUT.search(os.fsdecode(done.stdout))
        return found.group(1).replace(NO_NUMBER, "NUMBER") if found else ""
    return ""


def find_hint(words: str, account_hint: str = "") -> str:
    """Return what to do next if Slurm has rejected a job with the message `words`."""
    said = words.lower()
    for signs, hint in HINTS:
        if any(sign in said for sign in signs):
            return f"{account_hint}; {hint}" if hint is ACCOUNT and account_hint else hint
    return (
        "print the script without --submit, edit it, then submit it: stackenv job ... > job.sh; sbatch job.sh"
    )
