"""What keeps an environment that no module leads to any more: what is in it, and what stands on it."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stackenv.cleaning.leftover_environments import Leftover
from stackenv.environments.context import Context
from stackenv.errors import StackenvError
from stackenv.output import shorten_list


def say_what_keeps(leftover: Leftover, context: Context) -> str:
    """Return why only its user may delete an environment; empty when nothing keeps it."""
    from stackenv.environments.foreign_files import list_foreign
    from stackenv.environments.venv import read_configuration

    prefix = str(leftover.prefix)
    foreign = list_foreign(replace(leftover.record, path=prefix))
    if foreign:
        return (
            f"it holds what was not installed: {shorten_list(foreign)}; take that elsewhere, or delete all "
            f"of it yourself: rm -r {shlex.quote(prefix)}"
        )
    for venv in list_venvs(context):
        with contextlib.suppress(OSError, ValueError, StackenvError):
            if is_below(read_configuration(venv / "pyvenv.cfg").get("home", ""), prefix):
                return f"the venv {venv} was made with its Python"
    for kernel in list_kernels_on(prefix, context):
        return f"the Jupyter kernel {kernel} starts it: jupyter kernelspec remove {shlex.quote(kernel.name)}"
    return ""


def list_venvs(context: Context) -> Iterator[Path]:
    """Yield the venvs that this user has: where they usually are, and wherever a module leads to one."""
    from stackenv.account.storage_places import list_venvs as list_usual

    yield from list_usual(context.environ, context.configuration)
    yield from (Path(module.prefix) for module in context.store.list_modules())


def list_kernels_on(prefix: str, context: Context) -> Iterator[Path]:
    """Yield the folders of kernelspecs, of the user but not of stackenv, that name a place below `prefix`."""
    from stackenv.jupyter.kernels import KERNEL_FILE, find_kernels_folder, read_kernel

    with contextlib.suppress(OSError, StackenvError):
        for file in sorted(find_kernels_folder(context.environ).glob(f"*/{KERNEL_FILE}")):
            with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
                data = json.loads(file.read_text(encoding="utf-8"))
                places = [*data.get("argv", ()), *(data.get("env") or {}).values()]
                if read_kernel(file.parent) is None and any(is_below(str(p), prefix) for p in places):
                    yield file.parent


def is_below(path: str, folder: str) -> bool:
    """Tell whether `path` is in `folder`, by its name or in truth."""
    if not path.startswith("/"):
        return False
    # A venv's python is a link that leads out of it.
    pairs = ((os.path.normpath(path), os.path.normpath(folder)), tuple(map(os.path.realpath, (path, folder))))
    return any(f"{inner}/".startswith(f"{outer}/") for inner, outer in pairs)
