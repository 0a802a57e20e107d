"""The contents of a Slurm script, as pure data from a record, a request and the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stackenv.configuration.settings import JobSettings
from stackenv.environments.packed import ENTRANCE
from stackenv.lmod.module_table import LoadedModule
from stackenv.record import Record

# Without these, OpenMP, the libraries of numpy, and numexpr start a thread for each CPU of the node; numexpr
# starts at most the number in the last, 64 by default.
THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    "NUMEXPR_MAX_THREADS",
)
# Variables that mark an environment as active, or say where Python looks; the launcher of kernels
# (shell/launch.sh) unsets them too.
ACTIVE = (
    *("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL"),
    *("CONDA_PROMPT_MODIFIER", "CONDA_EXE", "CONDA_PYTHON_EXE", "_CE_CONDA", "_CE_M"),
    *("PYTHONPATH", "EBPYTHONPREFIXES", "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE"),
)
# srun reads these, sbatch passes them on from the job in which it is called, and Slurm sets them only in a
# job that requested them. Without the first, a step has the memory of its job; without the others, one task
# per node.
MEMORY = ("SLURM_MEM_PER_CPU", "SLURM_MEM_PER_GPU", "SLURM_MEM_PER_NODE")
TASKS = ("SLURM_NTASKS", "SLURM_NPROCS")


@dataclass(frozen=True)
class JobRequest:
    """What a user requests from Slurm, in sbatch's own format; empty values are left to others.

    Parameters
    ----------
    cpus
        CPUs per task.
    ntasks
        0 leaves the number to Slurm.
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
        """The number of nodes, if `nodes` is a single number; otherwise 0."""
        ends = self.nodes.split("-")
        numbers = {int(end) for end in ends if end.isdecimal()}
        return numbers.pop() if len(numbers) == 1 and all(end.isdecimal() for end in ends) else 0

    @property
    def task_count(self) -> int:
        """The number of tasks if it is known; otherwise 0. Slurm itself does not pass it to srun."""
        return self.ntasks or (self.node_count if self.node_count > 1 else 0)

    @property
    def has_several_tasks(self) -> bool:
        return self.ntasks > 1 or (bool(self.nodes) and self.node_count != 1)


@dataclass(frozen=True)
class JobSpec:
    """A Slurm script, as data.

    Parameters
    ----------
    directives
        Options of sbatch and their values.
    account_hint
        The line for users who name no account; empty for none.
    header
        The site's own lines.
    full_name
        The full name of the module.
    module_folder
        The folder of the module.
    modulepath
        The folders in which its base modules were found.
    own_module
        stackenv's own module, which moves caches to their places; empty for none.
    cache_variables
        Variables in the paths of those places that other modules have set, with their values.
    lmod_package
        Lmod's folder, in case the job's shell does not define `module`.
    inherited
        Names of variables of the job in which this one may be submitted.
    array
        Whether a job array was requested.
    active_variables
        Names of variables that mark an environment as active where the job is submitted.
    threads
        Names of variables that set a number of threads.
    cpus
        That number, if Slurm does not set it.
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

    It does not depend on what is loaded where it is submitted. Several tasks are started by srun, a single
    one directly: a program that starts MPI or srun itself must not run under another srun.
    """
    words = tuple(command)
    if record.packed and record.packed.way == "namespace":
        # One mount for the command and everything that it starts; with several nodes, one per node.
        words = (f"{record.path}/{ENTRANCE}", "run", *words)
    if request.has_several_tasks:
        words = ("srun", *words)
    # Lmod 8.6 runs the second line of a folder name as a command.
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
    """Return the variables of another job that must not affect this one, because no one requested them."""
    own = "SLURM_MEM_PER_NODE" if request.mem else ""
    memory = tuple(name for name in MEMORY if name != own)
    return (*memory, *(TASKS if request.has_several_tasks and not request.task_count else ()))


def describe_directives(name: str, request: JobRequest, settings: JobSettings) -> tuple[tuple[str, str], ...]:
    """Return the options of sbatch, with the site's defaults for those that were not given."""
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
    # Last, because sbatch uses the later one of two equal options.
    return (*given, *(split_option(word) for word in request.others))


def split_option(word: str) -> tuple[str, str]:
    """Return name and value of the sbatch option in `word`; the value is empty if it has none."""
    name, _, value = word.partition("=")
    return name[2:] if name.startswith("--") else name, value
