"""Kernels in the user's Jupyter folder that do not start because their target is gone."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

from stackenv.account.account import Account
from stackenv.errors import StackenvError
from stackenv.health.finding import Finding, RunCommand
from stackenv.jupyter.foreign_kernels import describe_fault, list_foreign_kernels
from stackenv.jupyter.kernels import KERNEL_FILE, StoredKernel, list_kernels
from stackenv.jupyter.state import judge_kernel

WHY = "notebooks cannot start this kernel, and Jupyter does not say why"


def find_kernels(account: Account) -> Iterator[Finding]:
    """Yield a finding for each broken kernel, whoever created it."""
    # If Jupyter's folder cannot be determined, there are no kernels.
    with contextlib.suppress(StackenvError):
        for kernel in list_kernels(account.environ):
            yield from check_own_kernel(kernel)
        for folder in list_foreign_kernels(account.environ):
            yield from check_foreign_kernel(folder)


def check_own_kernel(kernel: StoredKernel) -> Iterator[Finding]:
    """Yield a finding if `kernel`, which stackenv wrote, is broken."""
    state = judge_kernel(kernel)
    if not state.starts:
        # A copy must be removed by the user who made it.
        removed = state.can_go and not kernel.is_copy
        fixes = (RunCommand(tuple(shlex.split(state.hint))),) if removed else ()
        what = f"the kernel {kernel.display_name!r} does not start: {state.problem}"
        yield Finding("kernels", "broken", what, str(kernel.path), WHY, state.hint, fixes)


def check_foreign_kernel(folder: Path) -> Iterator[Finding]:
    """Yield a finding if the kernelspec in `folder`, which stackenv did not write, is broken."""
    problem = describe_fault(folder)
    if problem:
        name = folder.name
        hint = f"jupyter kernelspec remove {shlex.quote(name)}"
        hint += f"; or, without jupyter: {shlex.join(('rm', '-r', str(folder)))}"
        what = f"the kernel {name!r} does not start: {problem}"
        yield Finding("kernels", "broken", what, str(folder / KERNEL_FILE), WHY, hint)
