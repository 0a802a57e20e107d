"""The packages of an environment, as conda-meta records them; conda is not started."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stackenv.plain_files import read_file_text
from stackenv.record import Package

# The folder of a package that fits any Python; conda records its hashes without this prefix (conda 24.7).
PLACE = re.compile(r"lib/python[^/]*/(?=site-packages/)")
# The number of this link type in conda-meta (conda/models/enums.py, LinkType), or its name.
SOFT_LINKS = (2, "softlink")
# Folders at the top of an environment into which packages put files, and conda-meta, which describes them.
PACKAGE_FOLDERS = (
    *("bin", "conda-meta", "etc", "include", "info", "lib", "lib64"),
    *("libexec", "man", "sbin", "share", "ssl", "var"),
)


def read_packages(prefix: Path) -> tuple[Package, ...]:
    """Return the packages of the conda environment at `prefix`, as conda-meta records them."""
    return tuple(map(describe_package, read_notes(prefix)))


def describe_package(note: Mapping[str, Any]) -> Package:
    """Return the package that `note`, its file in conda-meta, describes."""
    source, sha256 = (str(note.get(key) or "") for key in ("fn", "sha256"))
    return Package(note["name"], note["version"], source=source, sha256=sha256)


def read_notes(prefix: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the contents of each package's file in conda-meta at `prefix`, if it has a name and a version."""
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            note = json.loads(read_file_text(file))
            if isinstance(note, dict) and all(isinstance(note.get(key), str) for key in ("name", "version")):
                yield note


def list_files(note: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of the package that `note` describes, each with its SHA-256; empty if it is unknown.

    It is also unknown for files that contain the prefix, because they differ between environments.
    """
    files, data = note.get("files"), note.get("paths_data")
    entries = data.get("paths") if isinstance(data, dict) else ()
    hashes: dict[str, str] = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and not entry.get("prefix_placeholder"):
            hashes[str(entry.get("_path"))] = str(entry.get("sha256") or "")
    names = [name for name in (files if isinstance(files, list) else ()) if isinstance(name, str)]
    return {name: hashes.get(name) or hashes.get(PLACE.sub("", name, 1), "") for name in names}


def read_file_names(prefix: Path) -> frozenset[str]:
    """Return the files of all packages of the conda environment at `prefix`, as conda-meta records them."""
    return frozenset(name for note in read_notes(prefix) for name in list_files(note))


def find_soft_linked(prefixes: Iterable[Path]) -> Path | None:
    """Return a conda environment of `prefixes` whose packages are symbolic links into the cache, or None.

    conda does not notice such links, and `conda clean` would break the environment (`conda clean --help`).
    """
    for prefix in prefixes:
        for note in read_notes(prefix):
            link = note.get("link")
            if isinstance(link, dict) and link.get("type") in SOFT_LINKS:
                return prefix
    return None
