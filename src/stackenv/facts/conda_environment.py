"""Conda environments on the disk, found without starting conda."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from stackenv.model.environment import Package
from stackenv.policy import CondaPolicy


def list_environment_folders(environ: Mapping[str, str], policy: CondaPolicy) -> Iterator[Path]:
    """Yield the folders in which `conda env list` finds environments by name, the nearest first.

    As conda does it (conda/base/context.py, `envs_dirs`): those of the environment, then the home's;
    between them the site's places, which the module of conda sets.
    """
    for variable in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"):
        yield from (Path(entry) for entry in environ.get(variable, "").split(":") if entry)
    for place in policy.storage:
        parent = place.parent.expand(environ)
        if parent:
            yield Path(parent, place.environments)
    if environ.get("HOME"):
        yield Path(environ["HOME"], ".conda/envs")


def find_named_environment(name: str, environ: Mapping[str, str], policy: CondaPolicy) -> Path | None:
    """Return the prefix of the conda environment `name`; None when there is none."""
    for folder in list_environment_folders(environ, policy):
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
    found = []
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            found.append(
                Package(data["name"], data["version"], "", data.get("fn", ""), data.get("sha256", "") or "")
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return tuple(found)


def read_file_names(prefix: Path) -> frozenset[str]:
    """Return the files of all packages of the conda environment at `prefix`, as conda-meta records them."""
    found: set[str] = set()
    for file in (prefix / "conda-meta").glob("*.json"):
        try:
            found.update(map(str, json.loads(file.read_text(encoding="utf-8")).get("files") or ()))
        except (OSError, ValueError, AttributeError, TypeError):
            continue
    return frozenset(found)


def list_environments(environ: Mapping[str, str], policy: CondaPolicy) -> Iterator[Path]:
    """Yield the conda environments that this user has, as `conda env list` finds them, but no base.

    A base has a conda of its own (condabin), and its folder `envs` may be one of those that are searched.
    """
    register = Path(environ.get("HOME", "/nonexistent"), ".conda/environments.txt")
    try:
        lines = register.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        lines = []
    candidates = [Path(line.strip()) for line in lines if line.startswith("/")]
    for folder in list_environment_folders(environ, policy):
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
