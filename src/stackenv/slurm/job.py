"""What a submission script for Slurm says: pure, from a record, what was asked for, and the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stackenv.configuration.settings import JobSettings
from stackenv.environments.packed import ENTRANCE
from stackenv.lmod.module_table import LoadedModule
from stackenv.record import Record

# Without these, a thread for each CPU of the node: OpenMP, the libraries below numpy, and numexpr, which
# takes no more than the last allows, 64 by default.
THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    "NUMEXPR_MAX_THREADS",
)
# What tells that an environment is active, and where Python looks; the launcher of kernels (shell/launch.sh)
# forgets these too.
ACTIVE = (
    *("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL"),
    *("CONDA_PROMPT_MODIFIER", "CONDA_EXE", "CONDA_PYTHON_EXE", "_CE_CONDA", "_CE_M"),
    *("PYTHONPATH", "EBPYTHONPREFIXES", "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE"),
)
# What srun reads, sbatch hands on from the job that it is typed in, and Slurm sets only in a job that has
# asked for it. Without the first a step has the memory of its job, without the others a task a node.
MEMORY = ("SLURM_MEM_PER_CPU", "SLURM_MEM_PER_GPU", "SLURM_MEM_PER_NODE")
TASKS = ("SLURM_NTASKS", "SLURM_NPROCS")


@dataclass(frozen=True)
class JobRequest:
    """What a user asks Slurm for, in sbatch's own words; empty where that is left to others.

    Parameters
    ----------
    cpus
        For each task.
    ntasks
        0 where it is left to Slurm.
    others
        Further options of sbatch, as words: NAME or NAME=VALUE.
    """

    partition: str = ""
    account: str = ""
    nodes: str = ""
    ntasks: int = 0
    cpus: int = 1
    mem: str = ""
    time: str = ""
    array: str = ""
    gpus: str = ""
    job_name: str = ""
    output: str = ""
    others: tuple[str, ...] = ()

    @property
    def node_count(self) -> int:
        """The number of nodes, where `nodes` leaves no choice; else 0."""
        ends = self.nodes.split("-")
        numbers = {int(end) for end in ends if end.isdecimal()}
        return numbers.pop() if len(numbers) == 1 and all(end.isdecimal() for end in ends) else 0

    @property
    def task_count(self) -> int:
        """The number of tasks, where that is known; else 0. Slurm does not tell it to srun by itself."""
        return self.ntasks or (self.node_count if self.node_count > 1 else 0)

    @property
    def has_several_tasks(self) -> bool:
        return self.ntasks > 1 or (bool(self.nodes) and self.node_count != 1)


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
        Where its base modules were found.
    own_module
        The module of stackenv, which sends caches to their places; empty for none.
    cache_variables
        Variables that name those places, and that other modules have set, with their values.
    lmod_package
        The folder of Lmod, for where the job's own shell has no `module`.
    inherited
        Names of variables of another job's, in which this one may be submitted.
    array
        Whether an array was asked for.
    active_variables
        Names of variables that tell what is active where it is submitted.
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
    own_module: str
    cache_variables: tuple[tuple[str, str], ...]
    lmod_package: str
    inherited: tuple[str, ...]
    array: bool
    active_variables: tuple[str, ...]
    threads: tuple[str, ...]
    cpus: int
    command: tuple[str, ...]


def describe_job(
    record: Record,
    request: JobRequest,
    settings: JobSettings,
    own: LoadedModule | None,
    variables: Sequence[tuple[str, str]],
    lmod_package: str,
    command: Sequence[str],
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
    listed = dict.fromkeys([*record.modulepath.split(":"), own.folder if own else ""])
    found = (f for f in listed if f.startswith("/") and f.isprintable())
    folders = (folder for folder in found if folder != record.module_folder)
    return JobSpec(
        directives=describe_directives(record.name, request, settings),
        account_hint="" if request.account else settings.account_hint or "",
        header=settings.header,
        full_name=record.full_name,
        module_folder=record.module_folder,
        modulepath=tuple(folders),
        own_module=own.full_name if own else "",
        cache_variables=tuple(variables),
        lmod_package=lmod_package,
        inherited=list_inherited(request),
        array=bool(request.array),
        active_variables=ACTIVE,
        threads=THREADS,
        cpus=request.cpus,
        command=words,
    )


def list_inherited(request: JobRequest) -> tuple[str, ...]:
    """Return the variables of another job that are not for this one, since nobody has asked for them."""
    own = "SLURM_MEM_PER_NODE" if request.mem else ""
    memory = tuple(name for name in MEMORY if name != own)
    return (*memory, *(TASKS if request.has_several_tasks and not request.task_count else ()))


def describe_directives(name: str, request: JobRequest, settings: JobSettings) -> tuple[tuple[str, str], ...]:
    """Return the options of sbatch, the site's defaults where nothing else was asked for."""
    asked = (
        ("job-name", request.job_name or name),
        ("partition", request.partition or ",".join(settings.partitions)),
        ("account", request.account),
        ("nodes", request.nodes),
        ("ntasks", str(request.task_count or "")),
        ("cpus-per-task", str(request.cpus)),
        ("gpus", request.gpus),
        ("mem", request.mem),
        ("time", request.time or settings.time or ""),
        ("array", request.array),
        ("output", request.output),
    )
    given = tuple((option, value) for option, value in asked if value)
    # Last: of two that say the same sbatch takes the later one.
    return (*given, *(split_option(word) for word in request.others))


def split_option(word: str) -> tuple[str, str]:
    """Return name and value of the option of sbatch that is in one `word`; the value is empty without one."""
    name, _, value = word.partition("=")
    return name[2:] if name.startswith("--") else name, value
