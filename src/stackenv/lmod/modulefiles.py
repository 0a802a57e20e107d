"""Modulefiles as they lie in the folders of MODULEPATH: what their names say, without a process of Lmod."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from stackenv.lmod.versions import order_module


def list_modulefiles(name: str, folders: Iterable[str]) -> tuple[str, ...]:
    """Return the full names, NAME/VERSION or NAME alone, of the modulefiles in `folders`, by version.

    Where there is none there is no such module. Where there is one Lmod may still not offer it: a
    .modulerc can hide it.

    Notes
    -----
    Lmod's libexec/DirTree.lua (8.6 to 9.2): a file that ends in .lua, or begins with `#%Module`. Names that
    begin with a dot are hidden.
    """
    found = set()
    for folder in filter(None, folders):
        place = Path(folder, name)
        if is_modulefile(place) or is_modulefile(Path(f"{place}.lua")):
            found.add(name)
        found |= {f"{name}/{file.name.removesuffix('.lua')}" for file in list_files(place)}
    return tuple(sorted(found, key=order_module))


def list_files(folder: Path) -> Iterator[Path]:
    """Yield the modulefiles that are not hidden in `folder`; nothing where it is none, or cannot be read."""
    try:
        names = [path for path in folder.iterdir() if path.name[0] not in ".#" and path.name[-1] not in "~#"]
    except OSError:
        return
    # By `default` a site only points at another one.
    yield from (path for path in names if path.name != "default" and is_modulefile(path))


def is_modulefile(path: Path) -> bool:
    """Tell whether `path` is a file that Lmod takes for a module's."""
    try:
        if not path.is_file():
            return False
        if path.suffix == ".lua":
            return True
        with path.open("rb") as stream:
            return stream.read(8) == b"#%Module"
    except OSError:
        return False
