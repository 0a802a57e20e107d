"""What a submission script for Slurm says: pure, from a record, what was asked for, and the policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stackenv.describe.packed import ENTRANCE
from stackenv.model.environment import Record
from stackenv.policy import JobsPolicy

# What starts as many threads as the node has CPUs, unless it is told: OpenMP, the libraries below numpy,
# and numexpr.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class JobRequest:
    """What a user asks Slurm for, in sbatch's own words; empty where that is left to others.

    Parameters
    ----------
    cpus
        For each task.
    ntasks
        0 where it is left to Slurm.
    """

    partition: str = ""
    account: str = ""
    nodes: str = ""
    ntasks: int = 0
    cpus: int = 1
    mem: str = ""
    time: str = ""
    array: str = ""

    @property
    def has_several_tasks(self) -> bool:
        return self.nodes not in ("", "1") or self.ntasks > 1


@dataclass(frozen=True)
class JobSpec:
    """A submission script, as data.

    Parameters
    ----------
    directives
        Options of sbatch and their values.
    account_hint
        What to read where no account is named; empty for nothing.
    header
        Lines of the site's own.
    full_name
        Of the module.
    module_folder
        Where the module is.
    modulepath
        Where the modules beneath it were found.
    lmod_package
        The folder of Lmod, for where the job's own shell has no `module`.
    threads
        Names of variables that take a number of threads.
    cpus
        That number, where Slurm does not say it.
    command
        The words to run.
    """

    directives: tuple[tuple[str, str], ...]
    account_hint: str
    header: tuple[str, ...]
    full_name: str
    module_folder: str
    modulepath: tuple[str, ...]
    lmod_package: str
    threads: tuple[str, ...]
    cpus: int
    command: tuple[str, ...]


def describe_job(
    record: Record, request: JobRequest, policy: JobsPolicy, lmod_package: str, command: Sequence[str]
) -> JobSpec:
    """Return the script that runs `command` in the environment of `record`.

    It does not depend on what is loaded where it is submitted from. Several tasks are started by srun,
    one by itself: a program that starts MPI or srun of its own is not put below another srun.
    """
    words = tuple(command)
    if record.packed and record.packed.way == "namespace":
        # One mount for the command and all that it starts; on several nodes, one on each.
        words = (f"{record.path}/{ENTRANCE}", "run", *words)
    if request.has_several_tasks:
        words = ("srun", *words)
    # Lmod 8.6 runs the second line of a folder's name as a command.
    found = (f for f in record.modulepath.split(":") if f.startswith("/") and f.isprintable())
    folders = (folder for folder in found if folder != record.module_folder)
    return JobSpec(
        directives=describe_directives(record.name, request, policy),
        account_hint="" if request.account else policy.account_hint or "",
        header=policy.header,
        full_name=record.full_name,
        module_folder=record.module_folder,
        modulepath=tuple(folders),
        lmod_package=lmod_package,
        threads=THREADS,
        cpus=request.cpus,
        command=words,
    )


def describe_directives(name: str, request: JobRequest, policy: JobsPolicy) -> tuple[tuple[str, str], ...]:
    """Return the options of sbatch, the site's defaults where nothing else was asked for."""
    asked = (
        ("job-name", name),
        ("partition", request.partition or ",".join(policy.partitions)),
        ("account", request.account),
        ("nodes", request.nodes),
        ("ntasks", str(request.ntasks or "")),
        ("cpus-per-task", str(request.cpus)),
        ("mem", request.mem),
        ("time", request.time or policy.time or ""),
        ("array", request.array),
    )
    return tuple((option, value) for option, value in asked if value)
