"""Conda environments on the disk, found without starting conda."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stackenv.configuration.settings import CondaSettings
from stackenv.record import Package

# Where a package for any Python is installed; its hashes are noted by the paths in the package (conda 24.7).
PLACE = re.compile(r"lib/python[^/]*/(?=site-packages/)")


def list_environment_folders(environ: Mapping[str, str], settings: CondaSettings) -> Iterator[Path]:
    """Yield the folders in which `conda env list` finds environments by name, the nearest first.

    As conda does it (conda/base/context.py, `envs_dirs`): those of the environment, then the home's;
    between them the site's places, which the module of conda sets.
    """
    for variable in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"):
        yield from (Path(entry) for entry in environ.get(variable, "").split(":") if entry)
    for place in settings.storage:
        parent = place.parent.expand(environ)
        if parent:
            yield Path(parent, place.environments)
    if environ.get("HOME"):
        yield Path(environ["HOME"], ".conda/envs")


def find_named_environment(name: str, environ: Mapping[str, str], settings: CondaSettings) -> Path | None:
    """Return the prefix of the conda environment `name`; None when there is none."""
    for folder in list_environment_folders(environ, settings):
        if (folder / name / "conda-meta").is_dir():
            return folder / name
    register = Path(environ.get("HOME", "/nonexistent"), ".conda/environments.txt")
    lines = register.read_text(encoding="utf-8").splitlines() if register.is_file() else []
    for line in lines:
        if Path(line).name == name and Path(line, "conda-meta").is_dir():
            return Path(line)
    return None


def read_packages(prefix: Path) -> tuple[Package, ...]:
    """Return the packages of the conda environment at `prefix`, as conda-meta records them."""
    return tuple(map(describe_package, read_notes(prefix)))


def describe_package(note: Mapping[str, Any]) -> Package:
    """Return the package of `note`, which conda-meta has of it."""
    source, sha256 = (str(note.get(key) or "") for key in ("fn", "sha256"))
    return Package(note["name"], note["version"], source=source, sha256=sha256)


def read_notes(prefix: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what conda-meta has of each package at `prefix`; what says no name and no version is left out."""
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            note = json.loads(file.read_text(encoding="utf-8"))
            if isinstance(note, dict) and all(isinstance(note.get(key), str) for key in ("name", "version")):
                yield note


def list_files(note: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of the package of `note`, each with its SHA-256; empty where that is unknown.

    Neither is it known of what holds the prefix, and is another in each place.
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


def list_environments(environ: Mapping[str, str], settings: CondaSettings) -> Iterator[Path]:
    """Yield the conda environments that this user has, as `conda env list` finds them, but no base.

    A base has a conda of its own (condabin), and its folder `envs` may be one of those that are searched.
    """
    register = Path(environ.get("HOME", "/nonexistent"), ".conda/environments.txt")
    try:
        lines = register.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        lines = []
    candidates = [Path(line.strip()) for line in lines if line.startswith("/")]
    for folder in list_environment_folders(environ, settings):
        with contextlib.suppress(OSError):
            candidates += sorted(entry for entry in folder.iterdir() if entry.name[0] != ".")
    seen = set()
    for prefix in candidates:
        real = os.path.realpath(prefix)
        if real in seen:
            continue
        seen.add(real)
        with contextlib.suppress(OSError):
            mine = prefix.stat().st_uid == os.geteuid()
            if mine and (prefix / "conda-meta/history").is_file() and not (prefix / "condabin").exists():
                yield prefix
