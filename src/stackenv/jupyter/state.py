"""Whether a kernel can start, from the files on disk; no process is started."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from stackenv.environments.launch import LAUNCH_FILE
from stackenv.environments.store import ModuleStore
from stackenv.errors import StackenvError, explain
from stackenv.jupyter.ipykernel import may_have_ipykernel
from stackenv.jupyter.kernels import StoredKernel
from stackenv.plain_files import read_file_text
from stackenv.record import RECORD_FILE, Record, parse_record


@dataclass(frozen=True)
class KernelState:
    """Whether a kernel starts: `name` is ok or one of the states below; then the problem and the hint."""

    name: str
    problem: str = ""
    hint: str = ""

    @property
    def starts(self) -> bool:
        return self.name in ("ok", "renamed")

    @property
    def can_go(self) -> bool:
        """Whether what it started is permanently gone; for other faults, only the user can decide."""
        return self.name in ("environment gone", "module gone")


def judge_kernel(stored: StoredKernel) -> KernelState:
    """Return the state of `stored`: that of its environment, or else that of its module."""
    remove = f"stackenv kernel remove {shlex.quote(stored.name)}"
    prefix = Path(stored.environment)
    if not prefix.is_dir() and not prefix.parent.is_dir():
        what = f"its environment {prefix} is not available, and neither is the folder above it"
        look = f"check whether its file system is available: ls -ld {shlex.quote(str(prefix))}"
        return KernelState("environment unavailable", what, look)
    if not prefix.is_dir():
        return KernelState("environment gone", f"its environment {prefix} no longer exists", remove)
    for needed in (RECORD_FILE, LAUNCH_FILE, "bin/python"):
        if not (prefix / needed).exists():
            what = f"{prefix / needed} is missing, and the kernel cannot start without it"
            return KernelState("environment gone", what, remove)
    try:
        record = parse_record(read_file_text(prefix / RECORD_FILE), str(prefix / RECORD_FILE))
    except (OSError, ValueError, StackenvError) as error:
        look = f"stackenv check; if you do not need the kernel: {remove}"
        what = f"the record of its environment cannot be read: {explain(error)}"
        return KernelState("record unreadable", what, look)
    return judge_module(stored, record, remove)


def judge_module(stored: StoredKernel, record: Record, remove: str) -> KernelState:
    """Return the state of `stored` from the module and the ipykernel of its environment, that of `record`."""
    modulefile = Path(record.module_folder, f"{record.full_name}.lua")
    if not modulefile.parent.parent.is_dir():
        what = f"its modules folder {record.module_folder} is not available"
        look = f"check whether its file system is available: ls -ld {shlex.quote(record.module_folder)}"
        return KernelState("environment unavailable", what, look)
    module = ModuleStore(Path(record.module_folder)).read(modulefile)
    if module is None or not stored.is_of(module.prefix):
        return KernelState("module gone", f"its module {modulefile} no longer exists", remove)
    again = f"stackenv kernel add {shlex.quote(record.full_name)}"
    if not may_have_ipykernel(record):
        what = f"ipykernel is not installed in {stored.environment} or its base modules"
        return KernelState("no ipykernel", what, f"{again} --install")
    if record.full_name != stored.module:
        return KernelState(
            "renamed", f"its module is now called {record.full_name}; the kernel still starts", again
        )
    return KernelState("ok")


@dataclass(frozen=True)
class ListedKernel:
    """A kernel that stackenv made.

    Parameters
    ----------
    name
        The kernel's name, as `jupyter kernelspec list` shows it.
    display_name
        Its name in Jupyter.
    module, modulefile, environment
        The full name of its module, the modulefile, and the folder of the environment.
    path
        The folder of its kernelspec.
    state
        `ok`, or what is wrong with it, in two words.
    problem, hint
        What is wrong and what to type; empty when nothing is.
    """

    name: str
    display_name: str
    module: str
    modulefile: str
    environment: str
    path: str
    state: str
    problem: str
    hint: str


def describe_kernel(stored: StoredKernel) -> ListedKernel:
    """Return the data about `stored`, with its state."""
    state = judge_kernel(stored)
    return ListedKernel(
        name=stored.name,
        module=stored.module,
        display_name=stored.display_name,
        path=str(stored.folder),
        environment=stored.environment,
        modulefile=str(stored.modulefile),
        state=state.name,
        problem=state.problem,
        hint=state.hint,
    )
