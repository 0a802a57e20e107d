"""Why an environment without a module must be kept: what is in it, and what depends on it."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stackenv.account import storage_places
from stackenv.cleaning.leftover_environments import Leftover
from stackenv.environments.context import Context
from stackenv.environments.foreign_files import list_foreign
from stackenv.environments.venv import read_configuration
from stackenv.errors import StackenvError
from stackenv.jupyter.foreign_kernels import list_named_paths
from stackenv.output import shorten_list


def find_reason_to_keep(leftover: Leftover, context: Context) -> str:
    """Return why only its user may delete an environment; empty if stackenv may."""
    prefix = str(leftover.prefix)
    foreign = list_foreign(replace(leftover.record, path=prefix))
    if foreign:
        return (
            f"it contains files that were not installed: {shorten_list(foreign)}; move them elsewhere, or "
            f"delete everything yourself: rm -r {shlex.quote(prefix)}"
        )
    for venv in list_venvs(context):
        with contextlib.suppress(OSError, ValueError, StackenvError):
            if is_below(read_configuration(venv / "pyvenv.cfg").get("home", ""), prefix):
                return f"the venv {venv} uses its Python"
    for kernel in list_kernels_on(prefix, context):
        typed = f"jupyter kernelspec remove {shlex.quote(kernel.name)}"
        return f"the Jupyter kernel {kernel} uses it; to remove the kernel: {typed}"
    return ""


def list_venvs(context: Context) -> Iterator[Path]:
    """Yield the venvs of this user, in the usual places and wherever a module uses one."""
    yield from storage_places.list_venvs(context.environ, context.configuration)
    yield from (Path(module.prefix) for module in context.store.list_modules())


def list_kernels_on(prefix: str, context: Context) -> Iterator[Path]:
    """Yield the folders of the user's own kernelspecs that name a path below `prefix`."""
    for folder, words in list_named_paths(context.environ):
        if any(is_below(word, prefix) for word in words):
            yield folder


def is_below(path: str, folder: str) -> bool:
    """Return whether `path` is in `folder`, by its name or by its real path."""
    if not path.startswith("/"):
        return False
    # A venv's python is a link to a file outside of it.
    pairs = ((os.path.normpath(path), os.path.normpath(folder)), tuple(map(os.path.realpath, (path, folder))))
    return any(f"{inner}/".startswith(f"{outer}/") for inner, outer in pairs)
