"""The Slurm script of a job in one of the user's environments."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace

from stackenv.configuration.caches import list_variables
from stackenv.environments.context import Context
from stackenv.environments.stack import find_own_module
from stackenv.lmod.bindings import Lmod, find_lmod_package
from stackenv.modulefile.dialect import quote_sh
from stackenv.slurm.job import JobRequest, JobSpec, describe_job

# bash treats these as keywords at the beginning of a command (bash(1), "Reserved Words").
RESERVED_WORD = re.compile(
    r"case|coproc|do|done|elif|else|esac|fi|for|function|if|in|select|then|time|until|while"
)

# Slurm sets none of these in a job that has no steps yet, or is not part of an array. If the array was
# requested when the script was submitted (sbatch --array), the job keeps its index.
INHERITED = """\
# If this is submitted inside another job: drop what that job passes on.
unset "${{!SLURM_STEP@}}" "${{!SLURM_CPU_BIND@}}" {names}
"""
NUMBER = """\
if [ -n "${SLURM_ARRAY_TASK_ID-}" ] &&
    scontrol --oneliner show job "$SLURM_JOB_ID" | grep -qv ArrayTaskId=; then
    unset "${!SLURM_ARRAY_@}"
fi
"""
# The same as in the launcher of kernels (shell/launch.sh), in bash.
LEAVE = """\
# Deactivate what is active where this is submitted, and reset where Python looks.
for active in VIRTUAL_ENV "${{!CONDA_PREFIX@}}"; do
    while [[ -n ${{!active-}} && :$PATH: == *":${{!active}}/bin:"* ]]; do
        PATH=:$PATH: && PATH=${{PATH/":${{!active}}/bin:"/:}} && PATH=${{PATH#:}} && PATH=${{PATH%:}}
    done
done
unset "${{!CONDA_PREFIX_@}}" \\
    {names}
"""
# In most jobs, BASH_ENV and the variables that sbatch exports define `module`. With --export=NONE and in
# cron, only the login's files do, and their place depends on the site. The purge removes what was loaded and
# active where the job was submitted; sticky modules stay.
LOAD = """\
# Load the module {name}, whatever is loaded where this is submitted.
[ -n "${{LMOD_PKG-}}" ] || LMOD_PKG={package}
command -v module >/dev/null || . "$LMOD_PKG/init/bash" || exit
module --quiet purge
{leave}{base_folders}{own}module use {folder}
module load {name} || exit
"""
# A folder that is already on MODULEPATH keeps its place: each type of node may have its own.
BASE_FOLDERS = """\
for folder in {folders}; do
    case ":${{MODULEPATH-}}:" in *":$folder:"*) ;; *) module use --append "$folder" ;; esac
done
"""
# If this module is missing, for example on some nodes, the job works anyway.
OWN = """\
# Send downloads to the site's caches.
{variables}module --quiet try-load {name}
[[ ":${{LOADEDMODULES-}}:" == *:{name}:* ]] ||
    echo "stackenv: no module "{name}" on $HOSTNAME: caches may fill your home; run stackenv job again" >&2
"""
# srun reads SLURM_EXPORT_ENV, which sbatch --export=NONE sets in the job: its tasks would get nothing of what
# is loaded here. Since Slurm 22.05, srun does not read SLURM_CPUS_PER_TASK.
THREADS = """\
# As many threads as CPUs; srun's tasks get the same CPUs and the same environment.
export SRUN_CPUS_PER_TASK="${{SLURM_CPUS_PER_TASK:-{cpus}}}" SLURM_EXPORT_ENV=ALL
{threads}
"""


def write_script(context: Context, name: str, request: JobRequest, command: tuple[str, ...]) -> str:
    """Return the script of the requested job."""
    module = context.store.find(name, default=True)
    # Others may have written the record of a project's environment, so the name comes from the module store.
    record = replace(
        module.read_record(),
        name=module.name,
        version=module.version,
        module_folder=str(context.store.root),
    )
    package = find_lmod_package(context.environ)
    own = find_own_module(context.environ)
    variables = list_cache_variables(context) if own else ()
    return render_job(
        describe_job(record, request, context.configuration.jobs, own, variables, package, command)
    )


def list_cache_variables(context: Context) -> tuple[tuple[str, str], ...]:
    """Return the variables in the paths of caches that a loaded module has set, with their values.

    Variables of the login, such as TMPDIR, are left out, because a job has its own.
    """
    named = {name: context.environ.get(name, "") for name in list_variables(context.configuration.caches)}
    usable = {name: value for name, value in named.items() if value and value.isprintable()}
    if not usable:
        return ()
    left = Lmod.find(context.environ).purged().environ
    return tuple((name, value) for name, value in usable.items() if name not in left)


def render_job(spec: JobSpec) -> str:
    """Return the script; what Slurm reads comes before the first command."""
    lines = ["#!/bin/bash", *map(render_directive, spec.directives)]
    if spec.account_hint:
        lines.append(f"# --account: {spec.account_hint}")
    lines += [*spec.header, "# Written by `stackenv job`. Edit it as you like; to submit it: sbatch FILE"]
    parts = (
        "\n".join(lines) + "\n",
        render_inherited(spec),
        render_load(spec),
        render_threads(spec),
        render_command(spec.command),
    )
    return "\n".join(parts)


def render_directive(directive: tuple[str, str]) -> str:
    """Return the #SBATCH line for an option, with its value if it has one."""
    option, value = directive
    return f"#SBATCH --{option}={value}" if value else f"#SBATCH --{option}"


def render_inherited(spec: JobSpec) -> str:
    """Return the lines that unset what the job inherits from where it is submitted."""
    number = "" if spec.array else NUMBER
    return INHERITED.format(names=" ".join(spec.inherited)) + number


def render_load(spec: JobSpec) -> str:
    """Return the lines that load the module, and end the job if that fails."""
    folders = " ".join(map(quote_sh, spec.modulepath))
    return LOAD.format(
        name=quote_sh(spec.full_name),
        package=quote_sh(spec.lmod_package),
        leave=LEAVE.format(names=" \\\n    ".join(textwrap.wrap(" ".join(spec.active_variables), 100))),
        base_folders=BASE_FOLDERS.format(folders=folders) if folders else "",
        own=render_own(spec) if spec.own_module else "",
        folder=quote_sh(spec.module_folder),
    )


def render_own(spec: JobSpec) -> str:
    """Return the lines that load stackenv's module, and print a message if it is missing.

    A value that is set where the job is submitted, but not by a module, takes precedence.
    """
    lines = (f"[[ -v {name} ]] || export {name}={quote_sh(value)}\n" for name, value in spec.cache_variables)
    return OWN.format(name=quote_sh(spec.own_module), variables="".join(lines))


def render_threads(spec: JobSpec) -> str:
    """Return the lines that make programs start as many threads as they have CPUs."""
    threads = "\n".join(f'export {name}="$SRUN_CPUS_PER_TASK"' for name in spec.threads)
    return THREADS.format(cpus=spec.cpus, threads=threads)


def render_command(words: Sequence[str]) -> str:
    """Return the lines of the command, quoted so that bash expands nothing in it."""
    first, *others = words
    quoted = f"'{first}'" if RESERVED_WORD.fullmatch(first) else quote_sh(first)
    return " ".join([quoted, *map(quote_sh, others)]) + "\n"
