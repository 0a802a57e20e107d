"""The personal modules that there are."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from stackenv.environments.context import Context
from stackenv.environments.store import StoredModule
from stackenv.errors import StackenvError


@dataclass(frozen=True)
class ListedModule:
    """A module as `stackenv list --json` prints it; `problem` is empty when its record can be read."""

    module: str
    environment: str
    modulefile: str
    kind: str = ""
    modules: tuple[str, ...] = ()
    python: str = ""
    description: str = ""
    problem: str = ""


def list_modules(context: Context) -> list[StoredModule]:
    """Return the personal modules.

    Raises
    ------
    StackenvError
        When their folder cannot be read.
    """
    try:
        return list(context.store.list_modules())
    except OSError as error:
        folder = error.filename or context.store.root
        raise StackenvError(
            f"{folder} cannot be read: {error.strerror}", f"ls -ld {shlex.quote(str(folder))}"
        ) from error


def describe_listed(module: StoredModule) -> ListedModule:
    """Return what `list` shows of `module`."""
    try:
        record = module.read_record(contents=False)
    except StackenvError as error:
        return ListedModule(module.full_name, module.prefix, str(module.path), problem=error.message)
    return ListedModule(
        module.full_name,
        module.prefix,
        str(module.path),
        record.kind,
        record.modules,
        record.python.version if record.python else "",
        record.description,
    )
