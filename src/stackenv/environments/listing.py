"""The personal modules that there are."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from stackenv.environments.context import Context
from stackenv.environments.store import StoredModule
from stackenv.errors import StackenvError


@dataclass(frozen=True)
class ListedModule:
    """A module as `stackenv list --json` prints it.

    `marks` are some of loaded (in this shell), default (of several versions), packed and broken; `problem` is
    empty but for what is broken.
    """

    module: str
    environment: str
    modulefile: str
    kind: str = ""
    marks: tuple[str, ...] = ()
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


def describe_listed(module: StoredModule, context: Context) -> ListedModule:
    """Return what `list` shows of `module`."""
    loaded = [
        path for path in context.environ.get("_LMFILES_", "").split(":") if path.endswith(module.path.name)
    ]
    in_shell = os.path.realpath(module.path) in map(os.path.realpath, loaded)
    is_default = context.store.read_default(module.name) == module.version
    marks = (*(["loaded"] if in_shell else []), *(["default"] if is_default else []))
    named = (module.full_name, module.prefix, str(module.path))
    try:
        record = module.read_record(contents=False)
    except StackenvError as error:
        return ListedModule(*named, marks=(*marks, "broken"), problem=error.message)
    return ListedModule(
        *named,
        record.kind,
        (*marks, *(["packed"] if record.packed else [])),
        record.modules,
        record.python.version if record.python else "",
        record.description,
    )
