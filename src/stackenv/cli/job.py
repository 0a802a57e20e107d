"""`stackenv job`: a submission script for a command in an environment."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import click

from stackenv.cli.completers import complete_files, complete_partitions
from stackenv.cli.options import LEFT_OUT, Command, loaded_name_argument, shared_option
from stackenv.errors import UsageError
from stackenv.output import print_line, print_message, print_text, print_warning

if TYPE_CHECKING:
    from stackenv.cli.completers import Completer
    from stackenv.slurm.submit import Submitted


# The options of sbatch that this command has too, with their names here: they affect more than one line.
OWN_OPTIONS = {
    **{name: name for name in ("partition", "account", "nodes", "ntasks", "mem", "time", "array", "gpus")},
    **{"job-name": "job-name", "output": "output", "cpus-per-task": "cpus"},
}
# These affect how sbatch is called, not the job.
NO_OPTIONS_OF_JOBS = frozenset({"help", "usage", "version", "parsable", "test-only", "wait", "wrap", "quiet"})


def check_value(_context: click.Context, option: click.Parameter, value: str | None) -> str:
    """Return the value of an option that sbatch has too; empty if it was not given."""
    from stackenv.slurm.values import require_value

    if value is None:
        return ""
    require_value(name_option(str(option.name)), value)
    return value


def check_others(
    _context: click.Context, _option: click.Parameter, words: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the values of --sbatch, each an option of sbatch."""
    from stackenv.slurm.job import split_option
    from stackenv.slurm.values import require_value

    for word in words:
        require_value("sbatch", word)
        name = split_option(word)[0]
        if name in OWN_OPTIONS:
            raise UsageError(
                f"--sbatch {word}: `stackenv job` has an option of its own for this",
                f"--{OWN_OPTIONS[name]} VALUE",
            )
        if name in NO_OPTIONS_OF_JOBS:
            raise UsageError(f"--sbatch {word}: this option has no effect in a job script")
    return words


def name_option(parameter: str) -> str:
    """Return how sbatch spells the option that click passes as `parameter`."""
    return parameter.replace("_", "-")


def sbatch_option(
    *names: str, text: str, metavar: str = "", completer: Completer | None = None
) -> Callable[[Command], Command]:
    """Return an option that sbatch has too and whose value sbatch accepts; `completer` lists values."""
    metavar = metavar or names[0].strip("-").upper()
    return click.option(*names, metavar=metavar, callback=check_value, shell_complete=completer, help=text)


class JobCommand(click.Command):
    """A command that separates its options from those after the dashes, which may have the same names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse `args`; raise UsageError unless there is a command and only dashes before it."""
        dashes = args.index("--") if "--" in args else len(args)
        behind = tuple(args[dashes + 1 :])
        if ctx.resilient_parsing or {"-h", "--help"}.intersection(args[:dashes]):
            return super().parse_args(ctx, args)
        if not behind or not behind[0]:
            alone = len(args[:dashes]) == 1 and not args[0].startswith("-")
            name = shlex.quote(args[0]) if alone else "NAME"
            raise UsageError(
                "the command to run is missing: put it after --", f"stackenv job {name} -- python script.py"
            )
        rest = super().parse_args(ctx, list(args))
        if len(ctx.params["command"]) < len(behind):
            # click took the first word of the command as the name.
            rest = super().parse_args(ctx, [LEFT_OUT, *args])
        stray = ctx.params["command"][: -len(behind)]
        if stray:
            raise UsageError(
                f"{shlex.join(stray)} before -- is not an option of stackenv job",
                f"stackenv job {shlex.quote(ctx.params['name'])} -- {shlex.join([*stray, *behind])}",
            )
        return rest


@click.command(cls=JobCommand)
@loaded_name_argument
@click.argument(
    "command",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="-- COMMAND...",
    shell_complete=complete_files,
)
@sbatch_option(
    "--partition",
    "-p",
    text="Submit to these Slurm partitions, separated by commas.",
    completer=complete_partitions,
)
@sbatch_option("--account", "-A", text="Charge this Slurm account.")
@sbatch_option(
    "--nodes", "-N", metavar="N", text="Request this number of nodes; with several, srun starts the command."
)
@click.option(
    "--ntasks",
    "-n",
    metavar="N",
    type=click.IntRange(min=1),
    default=None,
    help="Start this number of tasks, with srun.",
)
@click.option(
    "--cpus",
    "-c",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Request this number of CPUs per task, and set the number of threads to it.",
)
@sbatch_option("--mem", metavar="SIZE", text="Request this much memory per node, such as 8G.")
@sbatch_option("--time", "-t", text="Set the time limit, such as 2:00:00 or 1-12 (days-hours).")
@sbatch_option(
    "--array", "-a", metavar="INDICES", text="Submit a job array with these indices, such as 1-20."
)
@sbatch_option(
    "--gpus",
    "-G",
    metavar="[TYPE:]N",
    text="Request this number of GPUs for the job, such as 1, or 2 of a type: a100:2.",
)
@sbatch_option(
    "--job-name", "-J", metavar="NAME", text="Set the name of the job (default: the name of the environment)."
)
@sbatch_option(
    "--output", "-o", metavar="FILE", text="Write the output to this file; %j stands for the job ID."
)
@click.option(
    "--sbatch",
    "others",
    multiple=True,
    metavar="OPTION",
    callback=check_others,
    help="Pass another option to sbatch, such as --sbatch qos=long or --sbatch exclusive.",
)
@click.option("--submit", "submit_it", is_flag=True, help="Submit the script with sbatch; print the job ID.")
@shared_option
def job(
    name: str,
    command: tuple[str, ...],
    ntasks: int | None,
    cpus: int,
    submit_it: bool,
    others: tuple[str, ...],
    shared: Path | None,
    **asked: str,
) -> None:
    """Print a Slurm script for a command.

    The script runs the command in the environment, whatever is loaded where you submit it. NAME can be
    omitted in a shell that has loaded the environment's module. The command is run exactly as you type it
    here: the script does not expand anything in it. In a job array, it finds its index in
    SLURM_ARRAY_TASK_ID.

    You can put further options in front of the script when you submit it: `sbatch OPTIONS job.sh`. If you set
    nodes and tasks only there or with --sbatch, the script starts the command once, without srun, as mpirun
    requires.

    \b
    Example:
      stackenv job biopy --cpus 4 --time 2:00:00 -- python script.py > job.sh; sbatch job.sh
      stackenv job biopy --submit -- python script.py
      stackenv job biopy --array 1-20 -- bash -c 'python script.py "$SLURM_ARRAY_TASK_ID"'
      stackenv job biopy --gpus 1 --sbatch qos=long --output logs/%j.out -- python train.py
    """
    from stackenv.environments.context import open_context, recover
    from stackenv.slurm.job import JobRequest, split_option
    from stackenv.slurm.script import write_script
    from stackenv.slurm.submit import list_stronger, submit

    context = open_context(shared)
    recover(context)
    request = JobRequest(ntasks=ntasks or 0, cpus=cpus, others=others, **asked)
    script = write_script(context, name, request, command)
    given = dict(map(split_option, others))
    typed = [*(name_option(option) for option, value in asked.items() if value), *given]
    require_output_folder(request.output, given.get("chdir", ""), submit_it)
    if submit_it:
        show(submit(script, context.environ, typed, context.configuration.jobs.account_hint or ""))
        return
    for variable in list_stronger(context.environ, typed):
        print_warning(
            f"{variable} is set in this shell, and sbatch prefers it to the script",
            f"unset {variable}, or use --submit",
        )
    print_text(script)


def require_output_folder(output: str, chdir: str, submit_it: bool) -> None:
    """Report an --output that Slurm could not write in a job that runs in `chdir`: the job would fail
    silently.

    Slurm does not create folders.

    Raises
    ------
    UsageError
        If the job is to be submitted. A script that is only printed may be submitted elsewhere.
    """
    path = Path(chdir, output)
    if not output or "%" in str(path.parent):
        return
    if output.endswith("/") or path.is_dir():
        what, hint = (
            f"--output {output} is a folder, but Slurm requires a file",
            f"{output.rstrip('/')}/%j.out",
        )
        hint = f"--output {hint}"
    elif not path.parent.is_dir():
        what = f"the folder {path.parent} of --output does not exist, and Slurm does not create it"
        hint = f"mkdir -p {shlex.quote(str(path.parent))}"
    else:
        return
    what += ": the job would fail without an error message"
    if submit_it:
        raise UsageError(f"{what}; nothing was submitted", hint)
    print_warning(what, hint)


def show(job: Submitted) -> None:
    """Print the number of `job`, and how to follow it."""
    if job.words:
        print_message(f"Slurm says: {job.words}")
    clusters = f" --clusters={job.cluster}" if job.cluster else ""
    output = f"; its output: {job.output}" if job.output else ""
    print_message(f"Submitted; to follow the job: squeue --jobs={job.job_id}{clusters}{output}")
    print_line(job.job_id)
