"""Read the collections that the user saved with `module save`, without running anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.lmod.module_table import LoadedModule, LuaTable, TableError, TableReader, read_entry
from stackenv.plain_files import read_file_text

# Relative to the home folder. Lmod 8.6 uses only the first. Later versions write to both, or only to the
# second if the site has set LMOD_USE_DOT_CONFIG_ONLY, and read the newer one:
# https://lmod.readthedocs.io/en/latest/090_configuring_lmod.html
FOLDERS = (".lmod.d", ".config/lmod")
LARGEST_FILE_BYTES = 1_000_000


@dataclass(frozen=True)
class SavedModule:
    """One module of a collection; `typed` is the name by which the user loaded it, NAME or NAME/VERSION."""

    module: LoadedModule
    short_name: str
    typed: str


@dataclass(frozen=True)
class Collection:
    """One collection.

    Parameters
    ----------
    name
        The name for `module restore`.
    system
        The LMOD_SYSTEM_NAME for which it was saved; empty without one.
    modules
        The modules that were loaded, in load order.
    system_folders
        The MODULEPATH of a new shell at that time.
    """

    name: str
    system: str
    modules: tuple[SavedModule, ...]
    system_folders: tuple[str, ...]


def list_collections(environ: Mapping[str, str]) -> list[Collection]:
    """Return the user's collections, sorted by name; files that cannot be read as one are left out."""
    files: dict[tuple[str, str], tuple[float, Path]] = {}
    for folder in (Path(environ.get("HOME", "/"), place) for place in FOLDERS):
        for path in list_files(folder):
            name, _, system = path.name.partition(".")
            key = str(path.relative_to(folder).with_name(name)), system
            files[key] = max(files.get(key, (0.0, path)), (path.stat().st_mtime, path))
    found = []
    for (name, system), (_, path) in sorted(files.items()):
        try:
            found.append(read_collection(name, system, path))
        except (OSError, ValueError):
            continue
    return found


def list_files(folder: Path) -> Iterator[Path]:
    """Yield the files below `folder` that Lmod treats as collections."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        for name in names:
            path = Path(place, name)
            if not name.startswith((".", "__")) and not name.endswith("~") and path.is_file():
                yield path


def read_collection(name: str, system: str, path: Path) -> Collection:
    """Return the collection in the file `path`; raise OSError or ValueError if it cannot be read as one."""
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise ValueError("larger than any table of Lmod")
    lines = read_file_text(path, encoding="latin-1").splitlines(keepends=True)
    table = TableReader("".join(line for line in lines if not line.startswith("--"))).read("_ModuleTable_")
    entries, base = table.get("mT"), table.get("systemBaseMPATH")
    if not isinstance(entries, dict) or not isinstance(base, str):
        raise TableError("no table of modules")
    modules = sorted(list_saved(entries), key=lambda saved: saved.module.order)
    return Collection(name, system, tuple(modules), tuple(base.split(":")))


def list_saved(entries: LuaTable) -> Iterator[SavedModule]:
    """Yield the modules in the table of a collection."""
    for short_name, entry in entries.items():
        if isinstance(entry, dict) and entry.get("status") == "active":
            module = read_entry(entry)
            yield SavedModule(module, str(short_name), str(entry.get("userName") or module.full_name))
