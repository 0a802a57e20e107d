"""`stackenv kernel`: kernels of Jupyter that run in environments."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.options import EXIT_STATUS, CommandGroup, dry_run_option, json_option, shared_option
from stackenv.output import print_json, print_line, print_steps, print_table, tell


@click.group(cls=CommandGroup, epilog=EXIT_STATUS)
def kernel() -> None:
    """Kernels of Jupyter: an environment in a notebook.

    A kernel starts with its environment's module loaded, and what that stands on, whatever modules or
    environment Jupyter itself was started with. It needs ipykernel, in the environment or in its modules.

    \b
    Example:
      stackenv kernel add biopy --install
      stackenv kernel list
    """


@kernel.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]")
@click.option("--display-name", help="What Jupyter shows, instead of module and modules.")
@click.option("--install", is_flag=True, help="Install ipykernel into the environment, if it has none.")
@shared_option
@dry_run_option
@json_option
def add(
    name: str, display_name: str | None, install: bool, shared: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Give an environment a kernel in Jupyter.

    It is yours alone, of a project's environment too, and is found by each Jupyter that looks into your
    Jupyter folder: ~/.local/share/jupyter, or JUPYTER_DATA_DIR. It stays right when the environment gets
    another name or other modules; `stackenv remove` removes it too. Added again, it is written anew.

    \b
    Example:
      stackenv kernel add biopy
      stackenv kernel add biopy --install --display-name "Biology"
    """
    from stackenv.environments.context import open_context
    from stackenv.jupyter.add import KernelRequest, add_kernel, plan_kernel

    context = open_context(shared)
    request = KernelRequest(name, display_name, install)
    request.check()
    if dry_run:
        print_steps(plan_kernel(request, context).sentences, as_json)
        return
    context.recover()
    added = add_kernel(request, context)
    if as_json:
        print_json(added)
        return
    tell(
        f"in Jupyter, {added.display_name!r} is among the kernels when the page is reloaded "
        f"(ipykernel {added.ipykernel})"
    )
    print_line(added.folder)


@kernel.command("list", epilog=EXIT_STATUS)
@json_option
def listing(as_json: bool) -> None:
    """List the kernels that `kernel add` has made, and what is wrong with them.

    \b
    Example:
      stackenv kernel list
    """
    from stackenv.environments.context import open_context
    from stackenv.jupyter.kernels import find_kernels_folder, list_kernels
    from stackenv.jupyter.state import describe_kernel

    context = open_context()
    context.recover()
    found = [describe_kernel(stored) for stored in list_kernels(context.environ)]
    if as_json:
        print_json(found)
        return
    rows = [(row.module, row.state, row.display_name, row.folder) for row in found]
    print_table(("MODULE", "STATE", "NAME IN JUPYTER", "FOLDER"), rows)
    for row in found:
        if row.problem:
            tell(f"{row.kernel}: {row.problem}; type: {row.hint}")
    if not found:
        folder = find_kernels_folder(context.environ)
        tell(f"there are no kernels of stackenv in {folder}; stackenv kernel add NAME makes one")


@kernel.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]")
@shared_option
@dry_run_option
def remove(name: str, shared: Path | None, dry_run: bool) -> None:
    """Take a kernel out of Jupyter; its environment stays.

    NAME is that of the module, which may be gone, or the kernel's own, as `kernel list --json` tells it.
    Nothing is asked: `stackenv kernel add` makes it again. A kernel that is running goes on.

    \b
    Example:
      stackenv kernel remove biopy
    """
    from stackenv.environments.context import open_context
    from stackenv.jupyter.remove import choose_kernel, plan_removal, remove_kernel

    context = open_context(shared)
    if not dry_run:
        context.recover()
    stored = choose_kernel(name, context)
    if dry_run:
        print_steps(plan_removal(stored).sentences)
        return
    remove_kernel(stored)
    tell(f"the kernel {stored.display_name!r} is gone; {stored.environment} stays as it is")
