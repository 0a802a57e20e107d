"""The modules beneath an environment: which of the loaded ones count, and which names they leave free."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.personal_module import IN_CHARGE
from stackenv.environments.stack import Stack
from stackenv.environments.store import ModuleStore, StoredModule
from stackenv.errors import StackenvError, UsageError
from stackenv.lifecycle.adoption import read_former_record
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.module_table import LoadedModule, read_loaded_modules
from stackenv.output import tell
from stackenv.record import Record


def read_personal(module: LoadedModule) -> StoredModule | None:
    """Return the personal module that `module` is, of whatever folder of modules; None when it is none."""
    path = Path(module.path)
    return ModuleStore(path.parent.parent).read(path) if path.is_absolute() else None


def is_personal(module: LoadedModule, environ: Mapping[str, str]) -> bool:
    """Tell whether `module`, loaded in `environ`, is the module of an environment."""
    return module.full_name == environ.get(IN_CHARGE) or read_personal(module) is not None


def read_loaded_record(module: LoadedModule, environ: Mapping[str, str]) -> Record | None:
    """Return the record of the personal module `module`, also when its modulefile is gone."""
    stored = read_personal(module)
    prefixes = [stored.prefix] if stored else [environ.get(v, "") for v in ("VIRTUAL_ENV", "CONDA_PREFIX")]
    for prefix in filter(None, prefixes):
        record = read_former_record(Path(prefix))
        if record and record.full_name == module.full_name:
            return record
    return None


def list_loaded(lmod: Lmod) -> tuple[str, ...]:
    """Return the modules that the user has loaded, as far as an environment can stand on them.

    In the place of a personal environment are the modules that it stands on itself: two of them are
    never loaded at once.
    """
    names: list[str] = []
    for module in lmod.read_loaded():
        # The command itself comes by a module, which is no part of anybody's stack.
        if not module.asked_for or module.full_name.split("/")[0] == "stackenv":
            continue
        if not is_personal(module, lmod.environ):
            names.append(module.full_name)
            continue
        record = read_loaded_record(module, lmod.environ)
        names += record.modules if record else ()
        taken = f"taken are those that it stands on ({', '.join(record.modules) or 'none'})" if record else ""
        tell(
            f"{module.full_name}, which is loaded, is the module of an environment: "
            f"{taken or 'it is left out, and its record cannot be read'}"
        )
    return tuple(dict.fromkeys(names))


def require_no_personal(stack: Stack) -> Stack:
    """Return `stack`.

    Raises
    ------
    UsageError
        When a module of an environment is in it.
    """
    for module in read_loaded_modules(stack.environ):
        if is_personal(module, stack.environ):
            record = read_loaded_record(module, stack.environ)
            beneath = " ".join(f"-m {name}" for name in record.modules) if record else ""
            raise UsageError(
                f"{module.full_name} is the module of an environment, and no other can stand on it: one is "
                "loaded at a time; nothing was changed",
                f"name those that it stands on: {beneath}" if beneath else "name a module of the site's",
            )
    return stack


def name_of(full_name: str) -> str:
    """Return the name of a module without its version."""
    return full_name.rpartition("/")[0] or full_name


def require_own_name(record: Record) -> None:
    """Raise UsageError when a module beneath `record` has its name: Lmod loads one module of a name."""
    for module in record.stack:
        if name_of(module) == record.name:
            raise UsageError(
                f"{record.name} is the name of {module}, which the environment stands on: Lmod loads one "
                "module of a name, so that it could never be loaded; nothing was changed",
                f"take another name, for example my-{record.name}",
            )


def tell_of_same_name(record: Record, context: Context) -> None:
    """Tell when another module that is available has the name of `record`."""
    own = os.path.realpath(context.store.root)
    folders = context.environ.get("MODULEPATH", "").split(":")
    others = ":".join(f for f in folders if f and os.path.realpath(f) != own)
    if not others:
        return
    try:
        lmod = Lmod.find({**context.environ, "MODULEPATH": others})
        same = [name for name in lmod.available(record.name) if name_of(name) == record.name]
    except StackenvError:
        # What cannot be asked is no reason to refuse the environment.
        return
    exact = "" if record.full_name in same else f"; {record.full_name} is exact"
    if same:
        tell(
            f"WARNING: there is a module of this name already, {', '.join(same)}: which one `module load "
            f"{record.name}` gives depends on the order of `module use`{exact}"
        )


def require_loadable_name(record: Record, context: Context) -> None:
    """Refuse a name that a module beneath `record` has; tell of any other module that has it.

    Raises
    ------
    UsageError
        When the module of the environment could never be loaded.
    """
    require_own_name(record)
    tell_of_same_name(record, context)
