"""The ipykernel of an environment or of its modules, found by importing it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from stackenv.environments.own_packages import is_stub
from stackenv.environments.package_folders import find_in_packages
from stackenv.errors import ModuleError, StackenvError
from stackenv.probe import ProbeError, run_probe
from stackenv.record import Record

NAME = "ipykernel"
PROBE = Path(__file__).with_name("probe_ipykernel.py")
TIMEOUT_S = 300
NOT_LOADED = 7
# Returns the words that start a command in the same way as the kernel.
Start = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True)
class IPyKernel:
    """An ipykernel.

    Parameters
    ----------
    version
        Empty if it cannot be imported.
    own
        The kernelspec that it would install itself.
    problem
        Why it cannot be imported; empty if it is simply not installed.
    """

    version: str = ""
    own: Mapping[str, Any] | None = None
    problem: str = ""


def probe_ipykernel(start: Start, python: str, environ: Mapping[str, str]) -> IPyKernel:
    """Return the ipykernel of `python`, which is started under `environ` with the words of `start`.

    Raises
    ------
    ModuleError
        If the environment's module cannot be loaded; the error contains Lmod's message.
    StackenvError
        If the Python does not run, hangs, or prints nothing.
    """
    try:
        # The user site is included, because a kernel may see it.
        data = run_probe((python,), PROBE, environ, TIMEOUT_S, start=start)
    except ProbeError as error:
        if error.process_status is None:
            raise
        kind = ModuleError if error.process_status == NOT_LOADED else StackenvError
        raise kind(f"{error.message}; nothing was changed") from None
    if "error" in data:
        return IPyKernel(problem="" if data["missing"] else str(data["error"]))
    return IPyKernel(str(data["version"]), data["own"])


def may_have_ipykernel(record: Record) -> bool:
    """Return whether the environment of `record` may have an ipykernel, from its files, without starting a
    process.

    Packed environments, and what the user has outside of environments, are not examined.
    """
    if record.packed or record.user_site or NAME in record.allow_shadow:
        return True
    if any(canonicalize_name(name) == NAME for name, _, _ in record.pinned):
        return True
    return any(not is_stub(path) for path in find_in_packages(Path(record.path), f"{NAME}-*-info"))
