"""The script of a job in one of the user's environments."""

from __future__ import annotations

from dataclasses import replace

from stackenv.environments.context import Context
from stackenv.lmod.package import find_lmod_package
from stackenv.slurm.job import JobRequest, describe_job
from stackenv.slurm.script import render_job


def write_script(context: Context, name: str, request: JobRequest, command: tuple[str, ...]) -> str:
    """Return the script of the job that is asked for."""
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
