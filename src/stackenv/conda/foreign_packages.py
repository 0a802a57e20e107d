"""Files that `conda clean` would delete from a package cache although conda did not create them.

`conda clean` goes by file extensions, and by folders named `info` and `cache` (conda/cli/main_clean.py), but
CONDA_PKGS_DIRS may name a folder that holds other files too.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Callable

from stackenv.plain_files import read_file_text
from stackenv.user_paths import has, list_folders

ARCHIVE = re.compile(r"(?P<stem>.+)\.tar\.bz2(\.part)?")
# Each package has at least one of these files (docs.conda.io/projects/conda-build, resources/package-spec).
METADATA = ("index.json", "paths.json", "about.json", "files", "repodata_record.json")
# Indexes are named by the hash of their channel (conda/gateways/repodata), also those of mamba.
INDEX = re.compile(r"[0-9a-f]{8}\b.*|repodata_shards\.db.*|.*\.lock")


def list_foreign_archives(folder: Path) -> Iterator[Path]:
    """Yield the archives in `folder` that conda has neither listed in urls.txt nor extracted."""
    noted: set[str] = set()
    with contextlib.suppress(OSError):
        lines = read_file_text(folder / "urls.txt", errors="replace").splitlines()
        noted = {line.partition("#")[0].rpartition("/")[2] for line in lines}
    for path in list_folders(folder):
        archive = ARCHIVE.fullmatch(path.name)
        if not archive or f"{archive['stem']}.tar.bz2" in noted or path.is_dir():
            continue
        if not has(folder, f"{archive['stem']}/info/index.json"):
            yield path


def list_foreign_packages(folder: Path) -> Iterator[Path]:
    """Yield the folders in `folder` that conda would mistake for packages because they contain an `info`."""
    for path in list_folders(folder):
        info = path / "info"
        if info.is_dir() and not any(has(info, name) for name in METADATA):
            yield path


def list_foreign_indexes(folder: Path) -> Iterator[Path]:
    """Yield what is not conda's in the folder of indexes, which conda deletes as a whole."""
    yield from (path for path in list_folders(folder / "cache") if not INDEX.fullmatch(path.name))


FOREIGN: Mapping[str, Callable[[Path], Iterator[Path]]] = {
    "conda-archives": list_foreign_archives,
    "conda-packages": list_foreign_packages,
    "conda-indexes": list_foreign_indexes,
}


def find_foreign(folders: Iterable[Path], kinds: Iterable[str] = tuple(FOREIGN)) -> Path | None:
    """Return a path in the package caches `folders` that is not conda's but would be deleted with `kinds`."""
    return next((path for folder in folders for kind in kinds for path in FOREIGN[kind](folder)), None)
