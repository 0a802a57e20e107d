"""Lists a home without stackenv's own cache, which tests of commands ignore."""

from __future__ import annotations

from pathlib import Path

CACHE = (".cache", "stackenv")


def list_below(folder: Path) -> list[Path]:
    """Return all paths below `folder`, sorted, without stackenv's cache and a `.cache` with nothing else."""
    return [path for path in sorted(folder.rglob("*")) if not is_of_cache(path.relative_to(folder), folder)]


def is_of_cache(name: Path, folder: Path) -> bool:
    parts = name.parts
    for place in range(len(parts)):
        if parts[place : place + 2] == CACHE:
            return True
    return name.name == CACHE[0] and {path.name for path in (folder / name).iterdir()} == {CACHE[1]}
