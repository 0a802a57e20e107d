"""`stackenv job`: a submission script for a command in an environment."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import click

from stackenv.cli.options import EXIT_STATUS, shared_option
from stackenv.environments.context import Context, open_context
from stackenv.errors import UsageError
from stackenv.output import print_line, print_text, tell
from stackenv.slurm.job import JobRequest, describe_job
from stackenv.slurm.values import describe_fault

# sbatch takes words, quotes, backslashes and comments of an #SBATCH line apart; no value of Slurm's has
# them. Whether there is such an account or partition, Slurm says.
VALUE = re.compile(r"""[^\s"'\\#]+""")


def check_value(_context: click.Context, option: click.Parameter, value: str | None) -> str:
    """Return the value of an option of sbatch; empty when it was not given."""
    if value is None:
        return ""
    if not VALUE.fullmatch(value) or not value.isprintable():
        raise UsageError(
            f"--{option.name} {value!r} cannot stand in a script for Slurm",
            "a word without white space, quotes, backslash and #",
        )
    hint = describe_fault(str(option.name), value)
    if hint:
        raise UsageError(f"Slurm does not take --{option.name} {value}", hint)
    return value


class JobCommand(click.Command):
    """A command that knows its options from those behind the dashes, which may have the same names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read `args`; raise UsageError unless there is a command, with nothing but dashes before it."""
        dashes = args.index("--") if "--" in args else len(args)
        behind = tuple(args[dashes + 1 :])
        if ctx.resilient_parsing or {"-h", "--help"}.intersection(args[:dashes]):
            return super().parse_args(ctx, args)
        if not behind or not behind[0]:
            raise UsageError(
                "there is no command to run: it stands behind --", "stackenv job NAME -- python script.py"
            )
        rest = super().parse_args(ctx, args)
        if len(ctx.params["command"]) < len(behind):
            raise UsageError(
                "there is no environment in front of --", f"stackenv job NAME -- {shlex.join(behind)}"
            )
        stray = ctx.params["command"][: -len(behind)]
        if stray:
            raise UsageError(
                f"{shlex.join(stray)} in front of -- is no option of stackenv job",
                f"stackenv job {ctx.params['name']} -- {shlex.join([*stray, *behind])}",
            )
        return rest


@click.command(cls=JobCommand, epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
@click.option("--partition", "-p", metavar="P", callback=check_value, help="One or more, with commas.")
@click.option("--account", "-A", metavar="A", callback=check_value, help="Who pays.")
@click.option("--nodes", "-N", metavar="N", callback=check_value, help="On several, srun starts the command.")
@click.option("--ntasks", "-n", type=click.IntRange(min=1), default=None, help="So many times by srun.")
@click.option("--cpus", "-c", type=click.IntRange(min=1), default=1, help="For each task; and its threads.")
@click.option("--mem", metavar="M", callback=check_value, help="Memory on each node, 8G say.")
@click.option("--time", "-t", metavar="T", callback=check_value, help="2:00:00 say, or 1-12 (days-hours).")
@click.option("--array", "-a", metavar="A", callback=check_value, help="One job for each number: 1-20.")
@click.option("--submit", is_flag=True, help="Hand the script to sbatch; print the job's number instead.")
@shared_option
def job(
    name: str,
    command: tuple[str, ...],
    ntasks: int | None,
    cpus: int,
    submit: bool,
    shared: Path | None,
    **asked: str,
) -> None:
    """Print a submission script that runs a command in an environment.

    The script does not depend on what is loaded where it is submitted. The command is run as it stands
    here: nothing in it is the script's. In an array it finds its number in SLURM_ARRAY_TASK_ID. Further
    options of sbatch stand in front of the script; with nodes and tasks that are said there, and not here,
    the command is started once, as mpirun wants it.

    \b
    Example:
      stackenv job biopy --cpus 4 --time 2:00:00 -- python script.py > job.sh; sbatch job.sh
      stackenv job biopy --submit -- python script.py
      stackenv job biopy --array 1-20 -- bash -c 'python script.py "$SLURM_ARRAY_TASK_ID"'
      stackenv job biopy -- python script.py | sbatch --gpus=1
    """
    context = open_context(shared)
    context.recover()
    script = write_script(context, name, JobRequest(ntasks=ntasks or 0, cpus=cpus, **asked), command)
    typed = [option for option, value in asked.items() if value]
    if submit:
        hand_over(script, typed, context)
        return
    tell_stronger(typed, context)
    print_text(script)


def tell_stronger(typed: Collection[str], context: Context) -> None:
    """Tell what sbatch will take from here instead of, or beside, what stands in the script."""
    from stackenv.slurm.submit import list_stronger

    for name in list_stronger(context.environ, typed):
        tell(f"{name} is set here, and sbatch takes it before the script: unset {name}, or --submit")


def hand_over(script: str, typed: Collection[str], context: Context) -> None:
    """Submit `script`; print its number, and tell how to look at it."""
    from stackenv.slurm.submit import submit

    taken = submit(script, context.environ, typed, context.configuration.jobs.account_hint or "")
    if taken.words:
        tell(f"Slurm says: {taken.words}")
    clusters = f" --clusters={taken.cluster}" if taken.cluster else ""
    output = f"; its output: {taken.output}" if taken.output else ""
    tell(f"submitted; to look at it: squeue --jobs={taken.job_id}{clusters}{output}")
    print_line(taken.job_id)


def write_script(context: Context, name: str, request: JobRequest, command: tuple[str, ...]) -> str:
    """Return the script of the job that is asked for."""
    from stackenv.lmod.package import find_lmod_package
    from stackenv.slurm.script import render_job

    module = context.store.find(name, default=True)
    # Others may write the record of a project's environment: how the module is called, the store knows.
    record = replace(
        module.read_record(),
        name=module.name,
        version=module.version,
        module_folder=str(context.store.root),
    )
    package = find_lmod_package(context.environ)
    return render_job(describe_job(record, request, context.configuration.jobs, package, command))
