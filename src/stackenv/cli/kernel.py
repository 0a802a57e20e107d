"""`stackenv kernel`: kernels of Jupyter that run in environments."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.options import EXIT_STATUS, CommandGroup, dry_run_option, json_option, shared_option
from stackenv.environments.context import Context, open_context
from stackenv.errors import StackenvError, UsageError
from stackenv.output import print_json, print_line, print_table, tell

if TYPE_CHECKING:
    from stackenv.jupyter.kernels import StoredKernel


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
    from stackenv.jupyter.add import KernelRequest, add_kernel, plan_kernel

    context = open_context(shared)
    request = KernelRequest(name, display_name, install)
    request.check()
    if not dry_run:
        context.recover()
        add_kernel(request, context, as_json)
        return
    sentences = plan_kernel(request, context).sentences
    if as_json:
        print_json({"steps": list(sentences)})
        return
    for sentence in sentences:
        print_line(sentence)


@kernel.command("list", epilog=EXIT_STATUS)
@json_option
def listing(as_json: bool) -> None:
    """List the kernels that `kernel add` has made, and what is wrong with them.

    \b
    Example:
      stackenv kernel list
    """
    from stackenv.jupyter.kernels import find_kernels_folder, list_kernels

    context = open_context()
    context.recover()
    found = [describe_kernel(stored) for stored in list_kernels(context.environ)]
    if as_json:
        print_json(found)
        return
    rows = [(f["module"], f["state"], f["display_name"], f["folder"]) for f in found]
    print_table(("MODULE", "STATE", "NAME IN JUPYTER", "FOLDER"), rows)
    for row in found:
        if row["problem"]:
            tell(f"{row['kernel']}: {row['problem']}; type: {row['hint']}")
    if not found:
        folder = find_kernels_folder(context.environ)
        tell(f"there are no kernels of stackenv in {folder}; stackenv kernel add NAME makes one")


def describe_kernel(stored: StoredKernel) -> dict[str, str]:
    """Return what `list` tells of `stored`; `problem` and `hint` are empty where `state` is ok."""
    from stackenv.jupyter.state import judge_kernel

    state, problem, hint = judge_kernel(stored)
    return {
        "kernel": stored.name,
        "module": stored.module,
        "display_name": stored.display_name,
        "folder": str(stored.folder),
        "environment": stored.environment,
        "modulefile": str(stored.modulefile),
        "state": state,
        "problem": problem,
        "hint": hint,
    }


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
    from stackenv.environments.module_update import see
    from stackenv.transactions.carry_out import require_as_seen
    from stackenv.transactions.changes import carry_out_change
    from stackenv.transactions.plan import Replacement

    context = open_context(shared)
    if not dry_run:
        context.recover()
    stored = choose_kernel(name, context)
    sentence = f"remove the Jupyter kernel {stored.folder}"
    removal = Replacement(stored.module, (sentence,), stored.describe_removal(), see([stored.path]))
    if dry_run:
        print_line(sentence)
        return
    require_as_seen(removal)
    # By kernel.json, the last to go, it is known until it is gone: nothing is left to undo.
    for change in removal.changes:
        carry_out_change(change)
    tell(f"the kernel {stored.display_name!r} is gone; {stored.environment} stays as it is")


def choose_kernel(name: str, context: Context) -> StoredKernel:
    """Return the kernel that `name` means: its own name, or its module's, of this folder of modules first.

    Raises
    ------
    StackenvError
        When there is none.
    UsageError
        When there are several.
    """
    from stackenv.jupyter.kernels import find_kernels_folder, list_kernels

    found = list(list_kernels(context.environ))
    root = str(context.store.root)
    exact = [k for k in found if name.lower() == k.name]
    meant = [k for k in found if name in (k.module, k.module.split("/")[0]) and not k.is_copy]
    here = [k for k in meant if k.module_folder == root]
    for candidates in (exact, here):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise UsageError(
                f"there are several kernels {name}: {', '.join(k.name for k in candidates)}",
                f"say which one: stackenv kernel remove {shlex.quote(candidates[0].name)}",
            )
    if meant:
        raise StackenvError(
            f"there is no kernel of {name} in {root}; {meant[0].name} is of {meant[0].modulefile}",
            f"if that is meant: stackenv kernel remove {shlex.quote(meant[0].name)}",
        )
    raise StackenvError(
        f"there is no kernel {name} of stackenv in {find_kernels_folder(context.environ)}",
        "stackenv kernel list shows what there is; one that stackenv did not write: jupyter kernelspec list",
    )
