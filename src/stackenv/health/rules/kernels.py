"""Kernels in the user's Jupyter folder that do not start."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from stackenv.account.account import Account
from stackenv.errors import StackenvError
from stackenv.health.finding import Finding, RunCommand
from stackenv.jupyter.kernels import KERNEL_FILE, find_kernels_folder, read_kernel
from stackenv.jupyter.state import judge_kernel

WHY = "a notebook with it does not get a kernel, and Jupyter does not say why"
BROKEN = ("environment gone", "environment away", "record unreadable", "module gone", "no ipykernel")
# For the others only the user knows what is to be done.
REMOVED = ("environment gone", "module gone")


def find_kernels(account: Account) -> Iterator[Finding]:
    """Yield a finding for each broken kernel, whoever has written it."""
    # Where nothing tells where Jupyter's folder is, there are no kernels.
    with contextlib.suppress(StackenvError, FileNotFoundError, NotADirectoryError):
        for folder in sorted(find_kernels_folder(account.environ).iterdir()):
            if (folder / KERNEL_FILE).is_file():
                yield from judge(folder)


def judge(folder: Path) -> Iterator[Finding]:
    """Yield the finding of the kernelspec in `folder`, if it is broken."""
    own = read_kernel(folder)
    if own:
        state, problem, hint = judge_kernel(own)
        if state in BROKEN:
            # A copy is its maker's to remove.
            removed = state in REMOVED and not own.is_copy
            fixes = (RunCommand(tuple(shlex.split(hint))),) if removed else ()
            what = f"the kernel {own.display_name!r} does not start: {problem}"
            yield Finding("kernels", "broken", what, str(own.path), WHY, hint, fixes)
        return
    problem = judge_foreign(folder / KERNEL_FILE)
    if problem:
        name = folder.name
        hint = f"jupyter kernelspec remove {shlex.quote(name)}"
        hint += f"; without jupyter: {shlex.join(('rm', '-r', str(folder)))}"
        what = f"the kernel {name!r} does not start: {problem}"
        yield Finding("kernels", "broken", what, str(folder / KERNEL_FILE), WHY, hint)


def judge_foreign(file: Path) -> str:
    """Return why the kernelspec `file`, which is not stackenv's, does not start; empty when it may."""
    try:
        argv = json.loads(file.read_bytes())["argv"]
        program = argv[0]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return "its file cannot be read, or names no program"
    gone = isinstance(program, str) and program.startswith("/") and not Path(program).exists()
    return f"its program {program} is gone" if gone else ""
