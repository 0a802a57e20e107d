"""Which collections of `module save` are outdated by the change of a module."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection as Names
from collections.abc import Iterator

from stackenv.environments.context import Context
from stackenv.environments.store import StoredModule
from stackenv.lmod.collections import Collection, list_collections
from stackenv.output import print_message
from stackenv.record import Record


def print_outdated_collections(module: StoredModule, after: Record | None, context: Context) -> None:
    """Print which collections are outdated, and the commands that save them again.

    If a module loads other modules than when the collection was saved, Lmod 8.6.19 refuses the whole
    collection, and 8.7.60 loads the old modules.

    Parameters
    ----------
    module
        The module as it was when the collections were saved.
    after
        Its present record; None if it was removed.
    """
    for collection in list_collections(context.environ):
        if is_outdated(collection, module, after):
            restore = shlex.join(["module", "restore", collection.name])
            system = f" on {collection.system}" if collection.system else ""
            print_message(
                f"`{restore}`{system} fails or restores the old {module.full_name}; to save the "
                f"collection again: {'; '.join(list_commands(collection, module, after, context))}"
            )


def is_saved_as(path: str, module: StoredModule) -> bool:
    """Return whether the modulefile `path` in a collection is, or was, that of `module`."""
    return os.path.realpath(path) == os.path.realpath(module.path)


def is_outdated(collection: Collection, module: StoredModule, after: Record | None) -> bool:
    """Return whether `collection` contains `module`, and Lmod would now find a different one."""
    names = {saved.module.full_name for saved in collection.modules}
    return any(is_saved_as(saved.module.path, module) for saved in collection.modules) and (
        after is None or after.full_name != module.full_name or not names.issuperset(after.modules)
    )


def list_commands(
    collection: Collection, module: StoredModule, after: Record | None, context: Context
) -> Iterator[str]:
    """Yield the commands that save `collection` again, with the present module or without it."""
    names = list(list_names(collection, module, after))
    if not names:
        yield shlex.join(["module", "disable", collection.name])
        return
    yield "module --force purge"
    if after and str(context.store.root) not in collection.system_folders:
        yield shlex.join(["module", "use", str(context.store.root)])
    yield shlex.join(["module", "load", *names])
    yield shlex.join(["module", "save", collection.name])


def list_names(collection: Collection, module: StoredModule, after: Record | None) -> Iterator[str]:
    """Yield the modules that the user had loaded by name, without those that `after` loads by itself."""
    brought: Names[str] = {name.rpartition("/")[0] for name in after.stack} if after else ()
    for saved in collection.modules:
        if is_saved_as(saved.module.path, module):
            if after:
                yield saved.typed if after.full_name == module.full_name else after.full_name
        elif saved.module.asked_for and saved.short_name not in brought:
            yield saved.typed
