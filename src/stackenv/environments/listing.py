"""Lists the personal modules."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from stackenv.environments.context import Context
from stackenv.environments.store import StoredModule
from stackenv.errors import StackenvError


@dataclass(frozen=True)
class ListedModule:
    """A personal module.

    Parameters
    ----------
    module, modulefile, environment
        Its full name, its file, and the folder of its environment.
    loaded
        Whether it is loaded in this shell.
    default
        Whether the name alone means this one, of several versions.
    kind
        `venv` or `conda`; empty when the module is broken.
    packed
        Whether the environment is a single image file.
    python_version
        The version of its Python; empty when it has none.
    modules
        The modules that it is based on.
    description
        What `--description` says of it.
    problem, hint
        What is broken and what to type; empty when nothing is.
    """

    module: str
    modulefile: str
    environment: str
    loaded: bool
    default: bool
    kind: str = ""
    packed: bool = False
    python_version: str = ""
    modules: tuple[str, ...] = ()
    description: str = ""
    problem: str = ""
    hint: str = ""

    @property
    def marks(self) -> tuple[str, ...]:
        """Return the words that describe its state."""
        marks = {
            "loaded": self.loaded,
            "default": self.default,
            "packed": self.packed,
            "broken": bool(self.problem),
        }
        return tuple(mark for mark, applies in marks.items() if applies)


def list_modules(context: Context) -> list[StoredModule]:
    """Return the personal modules.

    Raises
    ------
    StackenvError
        If their folder cannot be read.
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
    known = (module.full_name, str(module.path), module.prefix, in_shell, is_default)
    try:
        record = module.read_record(contents=False)
    except StackenvError as error:
        return ListedModule(*known, problem=error.message, hint=error.hint)
    return ListedModule(
        *known,
        kind=record.kind,
        packed=bool(record.packed),
        python_version=record.python.version if record.python else "",
        modules=record.modules,
        description=record.description,
    )
