"""The ipykernel that an environment has, of its own or of its modules: found by importing it there."""

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
# Returns the words that start a command as the kernel is started.
Start = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True)
class IPyKernel:
    """An ipykernel.

    Parameters
    ----------
    version
        Empty when it cannot be imported.
    own
        The kernelspec that it would install itself.
    problem
        Why it cannot be imported; empty when it is just not there.
    """

    version: str = ""
    own: Mapping[str, Any] | None = None
    problem: str = ""


def probe_ipykernel(start: Start, python: str, environ: Mapping[str, str]) -> IPyKernel:
    """Return the ipykernel of `python`, which is run under `environ` by the words of `start`.

    Raises
    ------
    ModuleError
        When the environment's module cannot be loaded; in its own words.
    StackenvError
        When the Python does not run, hangs, or says nothing.
    """
    try:
        # The user site counts, for a kernel may see it.
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
    """Return whether the environment of `record` can have an ipykernel; asked of the disk, not by a process.

    What is packed, and what the user has outside of environments, is not looked into.
    """
    if record.packed or record.user_site or NAME in record.allow_shadow:
        return True
    if any(canonicalize_name(name) == NAME for name, _, _ in record.pinned):
        return True
    return any(not is_stub(path) for path in find_in_packages(Path(record.path), f"{NAME}-*-info"))
