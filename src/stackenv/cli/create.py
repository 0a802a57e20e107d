"""`stackenv create`: a new environment on the modules, and its module."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, json_option, shared_option
from stackenv.environments.context import Context, open_context
from stackenv.environments.places import check_place
from stackenv.lifecycle.create import CreateRequest
from stackenv.output import print_json, print_line, tell
from stackenv.transactions.plan import Plan


@click.command(epilog=EXIT_STATUS)
@click.argument("name")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option("-r", "--requirements", multiple=True, type=click.Path(path_type=Path), help="A file of pip's.")
@click.option(
    "-m", "--module", "modules", multiple=True, help="Stand on this module; without it, on those loaded now."
)
@click.option("--python", "python_version", default="", help="Insist on this version: 3.12.")
@click.option("--path", type=click.Path(path_type=Path), help="The environment's folder.")
@click.option("--version", default="1.0", show_default=True, help="Of the module.")
@click.option("--conda", is_flag=True, help="A conda environment instead of a venv.")
@click.option("-c", "--channel", "channels", multiple=True, help="With --conda: a channel.")
@click.option("--allow-shadow", multiple=True, metavar="PACKAGE", help="May replace the stack's.")
@click.option(
    "--system-site-packages/--no-system-site-packages",
    default=True,
    show_default=True,
    help="See the packages of the module's base Python too.",
)
@click.option("--user-site", is_flag=True, help="See ~/.local too, behind the environment's packages.")
@click.option("--no-build-isolation", is_flag=True, help="Builds from source see the stack's packages.")
@click.option("--os-python", is_flag=True, help="Take the operating system's Python.")
@click.option(
    "--from",
    "from_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Make again what `stackenv export` has written to FILE, here or on another machine.",
)
@click.option("--description", default="", help="One line for `module spider` and `stackenv list`.")
@shared_option
@dry_run_option
@json_option
def create(name: str, packages: tuple[str, ...], dry_run: bool, as_json: bool, **options: object) -> None:
    """Make an environment on the loaded modules, as a module.

    Packages that the modules bring stay the modules': pip leaves them alone, unless --allow-shadow
    says otherwise. The environment is private to you, unless it is a project's (--shared).

    \b
    Example:
      module load SciPy-bundle
      stackenv create biopy biopython
      stackenv create biopy --from biopy.yaml
      module use ~/modules; module load biopy
    """
    request = CreateRequest(name=name, packages=packages, **options)  # type: ignore[arg-type]
    request.check()
    context = open_context(request.shared)
    context.store.check_writable()
    if not dry_run:
        context.recover()
    context.journal.require_unchanged(f"{request.name}/{request.version}")
    if request.path:
        request = replace(request, path=check_place(request.path, context, request.conda))
    from stackenv.environments.run_plan import carry_out, making
    from stackenv.environments.stack import require_loadable_name

    again = None
    with making(context) as context:
        if request.from_file:
            from stackenv.lifecycle.create_from import plan_from

            plan, again = plan_from(request, context)
            record = again.record
        elif request.conda:
            from stackenv.lifecycle.create_conda import plan_conda

            plan, record = plan_conda(request, context)
        else:
            from stackenv.lifecycle.create import plan_venv

            plan, record = plan_venv(request, context)
        check_place(Path(record.path), context, record.kind == "conda")
        require_loadable_name(record, context)
        if dry_run:
            print_plan(plan, as_json)
        else:
            carry_out(plan, record, context)
            for sentence in again.outcome.sentences() if again else ():
                tell(sentence)
            differences = again.outcome.describe() if again else {}
            report_created(context, record.full_name, as_json, differences)


def print_plan(plan: Plan, as_json: bool) -> None:
    """Print what `plan` would do."""
    if as_json:
        print_json({"steps": [step.sentence for step in plan.steps]})
        return
    for step in plan.steps:
        print_line(step.sentence)


def report_created(
    context: Context,
    full_name: str,
    as_json: bool,
    differences: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Print what is ready now, and what to type to use it."""
    module = context.store.find(full_name)
    others = [m for m in context.store.list_modules() if m.name == module.name]
    typed = module.name if len(others) == 1 else module.full_name
    use = f"ml use {describe_folder(context)}; ml {typed}"
    if as_json:
        record = module.read_record()
        print_json(
            {
                "module": module.full_name,
                "modulefile": str(module.path),
                "environment": module.prefix,
                "modules": list(record.modules),
                "packages": {p.name: p.version for p in record.packages},
                "use": use,
                **differences,
            }
        )
        return
    tell(f"{module.full_name} is ready, in {module.prefix}; in a shell or a job script:")
    print_line(use)


def describe_folder(context: Context) -> str:
    """Return the folder of modules as users type it behind `module use`."""
    home, root = context.environ.get("HOME", ""), str(context.store.root)
    if home and root.startswith(f"{home}/") and shlex.quote(root[len(home) :]) == root[len(home) :]:
        return f"~{root[len(home) :]}"
    return shlex.quote(root)
