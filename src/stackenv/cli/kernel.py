"""`stackenv kernel`: Jupyter kernels that run in environments."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.completers import complete_kernels
from stackenv.cli.json_option import json_option, set_result, show_steps
from stackenv.cli.options import (
    CommandGroup,
    dry_run_option,
    loaded_name_argument,
    quiet_option,
    shared_option,
    verbose_option,
)
from stackenv.output import print_line, print_message, print_table, print_warning


@click.group(cls=CommandGroup)
def kernel() -> None:
    """Use environments as Jupyter kernels in notebooks.

    A kernel starts with its environment's module and base modules loaded, whatever modules or environment
    Jupyter itself was started with. It requires ipykernel, in the environment or in its modules.

    \b
    Example:
      stackenv kernel add biopy --install
      stackenv kernel list
    """


@kernel.command()
@loaded_name_argument
@click.option("--display-name", help="Show this name in Jupyter (default: the module and its base modules).")
@click.option("--install", is_flag=True, help="Install ipykernel into the environment if it has none.")
@verbose_option
@quiet_option
@shared_option
@dry_run_option
@json_option
def add(
    name: str, display_name: str | None, install: bool, shared: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Add a Jupyter kernel for an environment.

    The kernel is yours alone, even if the environment belongs to a project. Every Jupyter that looks into
    your Jupyter folder finds it: ~/.local/share/jupyter, or JUPYTER_DATA_DIR if set. It keeps working when
    you rename the environment or change its modules, and `stackenv remove` removes it too. If the kernel
    already exists, it is rewritten.

    \b
    Example:
      stackenv kernel add biopy
      stackenv kernel add biopy --install --display-name "Biology"
    """
    from stackenv.environments.context import open_context, recover
    from stackenv.jupyter.add import KernelRequest, add_kernel, plan_kernel

    context = open_context(shared)
    request = KernelRequest(name, display_name, install)
    request.check()
    if dry_run:
        show_steps(plan_kernel(request, context).sentences, as_json)
        return
    recover(context)
    added = add_kernel(request, context)
    if as_json:
        set_result(added)
        return
    print_message(
        f"Added the kernel {added.display_name!r} (ipykernel {added.ipykernel_version}); to use it, reload "
        "the Jupyter page"
    )
    print_line(added.path)


@kernel.command("list")
@quiet_option
@json_option
def listing(as_json: bool) -> None:
    """List your stackenv kernels and their problems.

    \b
    Example:
      stackenv kernel list
    """
    from stackenv.environments.context import open_context, recover
    from stackenv.jupyter.kernels import find_kernels_folder, list_kernels
    from stackenv.jupyter.state import describe_kernel

    context = open_context()
    recover(context)
    found = [describe_kernel(stored) for stored in list_kernels(context.environ)]
    if as_json:
        set_result(found)
        return
    rows = [(row.module, row.state, row.display_name, row.path) for row in found]
    print_table(("MODULE", "STATE", "NAME IN JUPYTER", "FOLDER"), rows)
    for row in found:
        if row.problem:
            print_warning(f"{row.name}: {row.problem}", row.hint)
    if not found:
        folder = find_kernels_folder(context.environ)
        print_message(f"no stackenv kernels in {folder}; to add one: stackenv kernel add NAME")


@kernel.command()
@click.argument("name", metavar="NAME[/VERSION]", shell_complete=complete_kernels)
@quiet_option
@shared_option
@dry_run_option
@json_option
def remove(name: str, shared: Path | None, dry_run: bool, as_json: bool) -> None:
    """Remove a Jupyter kernel but keep its environment.

    NAME is the name of the module, even if that is gone, or the kernel's own name, as `stackenv kernel list
    --json` shows it. You are not asked for confirmation: `stackenv kernel add` can create the kernel again. A
    running kernel keeps running.

    \b
    Example:
      stackenv kernel remove biopy
    """
    from stackenv.environments.context import open_context, recover
    from stackenv.jupyter.remove import choose_kernel, plan_removal, remove_kernel

    context = open_context(shared)
    if not dry_run:
        recover(context)
    stored = choose_kernel(name, context)
    if dry_run:
        show_steps(plan_removal(stored).sentences, as_json)
        return
    remove_kernel(stored)
    if as_json:
        from stackenv.cli.results import RemovedKernel

        names = (stored.name, stored.display_name, stored.module)
        set_result(RemovedKernel(*names, stored.environment, str(stored.folder)))
        return
    print_message(f"Removed the kernel {stored.display_name!r}; {stored.environment} was not changed")
