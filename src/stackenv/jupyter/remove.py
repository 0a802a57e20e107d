"""Remove a kernel from Jupyter."""

from __future__ import annotations

import shlex

from stackenv.environments.context import Context
from stackenv.environments.module_update import read_texts
from stackenv.errors import StackenvError, UsageError
from stackenv.jupyter.kernels import StoredKernel, find_kernels_folder, list_kernels
from stackenv.transactions.changes import carry_out_change
from stackenv.transactions.transaction import Switch, require_as_seen


def plan_removal(stored: StoredKernel) -> Switch:
    """Return the changes that remove the kernel `stored`."""
    sentence = f"remove the Jupyter kernel {stored.folder}"
    return Switch((sentence,), stored.describe_removal(), read_texts([stored.path]))


def remove_kernel(stored: StoredKernel) -> None:
    """Remove the kernel `stored`.

    Raises
    ------
    StackenvError
        If another command has changed it in the meantime, or the disk refuses.
    """
    removal = plan_removal(stored)
    require_as_seen(removal.seen)
    # kernel.json goes last, so the kernel is recognised until it is gone, and nothing has to be undone.
    for change in removal.changes:
        carry_out_change(change)


def choose_kernel(name: str, context: Context) -> StoredKernel:
    """Return the kernel that `name` means: its own name, or its module's, with this modules folder first.

    Raises
    ------
    StackenvError
        If there is none.
    UsageError
        If there are several.
    """
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
                f"{name} matches several kernels: {', '.join(k.name for k in candidates)}",
                f"choose one: stackenv kernel remove {shlex.quote(candidates[0].name)}",
            )
    if meant:
        raise StackenvError(
            f"no kernel of {name} in {root}; {meant[0].name} belongs to {meant[0].modulefile}",
            f"to remove that one: stackenv kernel remove {shlex.quote(meant[0].name)}",
        )
    raise StackenvError(
        f"stackenv kernel {name} not found in {find_kernels_folder(context.environ)}",
        "`stackenv kernel list` shows your stackenv kernels; `jupyter kernelspec list` shows all others",
    )
