"""Names of modules from the files in MODULEPATH, without Lmod: fast enough for completion with TAB."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from stackenv.lmod.versions import order_module
from stackenv.plain_files import open_file

# The beginning of a modulefile in Tcl (documentation of Environment Modules, "modulefile").
TCL = b"#%Module"
# No site's naming scheme has more levels, but a folder with a link to itself would have infinitely many.
LEVELS = 5


def list_module_names(modulepath: str, begin: str) -> list[str]:
    """Return the modules whose names begin with `begin`, without versions; a single one with its versions.

    For each entry of MODULEPATH, one folder is listed, and that of the single name. Lmod's caches are not
    used, because few sites have them, and they would have to be read completely.
    """
    roots = [folder for folder in modulepath.split(":") if folder.startswith("/")]
    names = dict(list_level(roots, begin))
    if len(names) == 1 and begin.count("/") < LEVELS:
        ((name, is_folder),) = names.items()
        return [name, *(list_module_names(modulepath, f"{name}/") if is_folder else ())]
    return sorted(names, key=order_module)


def list_modulefiles(name: str, modulepath: Sequence[str]) -> tuple[str, ...]:
    """Return the full names, NAME/VERSION or NAME, of the modulefiles of `name`, sorted by version.

    If the result is empty, the module does not exist. Otherwise, a .modulerc may still hide it from Lmod.
    """
    roots = [folder for folder in modulepath if folder.startswith("/")]
    versions = {module for module, is_folder in list_level(roots, f"{name}/") if not is_folder}
    single = {name} if (name, False) in list_level(roots, name) else set()
    return tuple(sorted(versions | single, key=order_module))


def list_names(folders: Sequence[str]) -> list[str]:
    """Return the names, without versions, of the modules in `folders`, the entries of MODULEPATH."""
    return [name for name, _ in list_level([folder for folder in folders if folder.startswith("/")], "")]


def list_level(roots: Sequence[str], begin: str) -> Iterator[tuple[str, bool]]:
    """Yield the completions of `begin` up to the next slash, and whether each is a folder."""
    parent, slash, last = begin.rpartition("/")
    if slash and any(part in ("", ".", "..") for part in parent.split("/")):
        return
    for root in roots:
        try:
            entries = list(os.scandir(f"{root}/{parent}"))
        except OSError:
            continue
        for entry in entries:
            # Checked before a file is opened or a link followed, because most entries do not match.
            if not entry.name.startswith(last) or is_left_out(entry.name):
                continue
            if entry.is_dir():
                yield f"{parent}{slash}{entry.name}", True
            elif entry.is_file() and is_modulefile(entry.path):
                yield f"{parent}{slash}{entry.name.removesuffix('.lua')}", False


def is_left_out(name: str) -> bool:
    """Return whether Lmod ignores the file `name` (libexec/DirTree.lua, 8.6 to 9.2); `default` is a link."""
    return name.startswith((".", "#")) or name.endswith(("~", "#")) or name == "default"


def is_modulefile(path: str) -> bool:
    """Return whether Lmod treats the file `path` as a module, by its name or its beginning."""
    if path.endswith(".lua"):
        return True
    try:
        with open_file(path) as stream:
            return stream.read(len(TCL)) == TCL
    except OSError:
        return False
