"""The folders in which an account's Python keeps files: environments, caches, Jupyter, ~/.local.

They are found from environment variables, configuration files and the disk; no process is started.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.account.caches import list_own_caches
from stackenv.conda.storage import list_conda_prefixes, list_package_caches
from stackenv.configuration.settings import SiteConfiguration
from stackenv.record import RECORD_FILE, TOOLS_MARKS
from stackenv.user_paths import (
    find_absolute,
    find_home,
    find_user_folder,
    has,
    is_around_home,
    is_own,
    list_folders,
    shorten,
)

ENVIRONMENT = "environment"
CONDA_PACKAGES = "conda-packages"
PIP_CACHE = "pip-cache"
UV_CACHE = "uv-cache"
HUGGINGFACE_CACHE = "huggingface-cache"
TORCH_CACHE = "torch-cache"
JUPYTER = "jupyter"
LOCAL = "local"
# The label that is printed for each kind.
TITLES = {
    ENVIRONMENT: "environment",
    CONDA_PACKAGES: "conda's packages",
    PIP_CACHE: "pip's cache",
    UV_CACHE: "uv's cache",
    HUGGINGFACE_CACHE: "Hugging Face's cache",
    TORCH_CACHE: "PyTorch's cache",
    JUPYTER: "Jupyter",
    LOCAL: "~/.local",
}
# What marks a folder as an environment: a venv, a conda environment, or one of stackenv (possibly packed or
# partly deleted).
MARKS = (*TOOLS_MARKS, RECORD_FILE)


@dataclass(frozen=True)
class Place:
    """A folder: its kind (a key of `TITLES`), the name that is shown for it, its path."""

    kind: str
    name: str
    path: Path


def list_places(
    environ: Mapping[str, str], configuration: SiteConfiguration, modules: Iterable[tuple[str, str]] = ()
) -> tuple[Place, ...]:
    """Return the existing folders of this account, each once, by kind.

    Parameters
    ----------
    environ
        The environment variables of the account.
    configuration
        The site configuration.
    modules
        Full name and environment of each personal module.
    """
    found = [Place(ENVIRONMENT, name, Path(prefix)) for name, prefix in modules]
    prefixes = (*list_conda_prefixes(environ, configuration), *list_venvs(environ, configuration))

    def list_of(tool: str) -> Iterator[Path]:
        return list_own_caches(tool, environ, configuration)

    candidates: list[tuple[str, Iterable[Path | None]]] = [
        (ENVIRONMENT, prefixes),
        (CONDA_PACKAGES, list_package_caches(environ, configuration)),
        (PIP_CACHE, list_of("pip")),
        (UV_CACHE, list_of("uv")),
        (HUGGINGFACE_CACHE, list_of("huggingface")),
        (TORCH_CACHE, list_of("torch")),
        (JUPYTER, (*list_jupyter_folders(environ), *list_of("jupyter"))),
        (LOCAL, (find_absolute(environ.get("PYTHONUSERBASE", "")), find_home(environ, ".local"))),
    ]
    for kind, paths in candidates:
        # A variable may name the home itself, of which the tool then uses only a folder or two.
        own = (path for path in paths if path and not is_around_home(path, environ))
        found += [Place(kind, shorten(path, environ), path) for path in own]
    return tuple(drop_repeated(found))


def list_project_places(root: Path, modules: Iterable[tuple[str, str]]) -> tuple[Place, ...]:
    """Return the environments of the project at `root`, of all its members."""
    inside = (path for name in ("venvs", "envs") for path in list_folders(root / name))
    folders = [path for path in inside if any(has(path, mark) for mark in MARKS)]
    found = [Place(ENVIRONMENT, name, Path(prefix)) for name, prefix in modules]
    return tuple(drop_repeated((*found, *(Place(ENVIRONMENT, str(path), path) for path in folders))))


def drop_repeated(places: Iterable[Place]) -> Iterator[Place]:
    """Yield those of `places` that exist, each folder once."""
    seen = set()
    for place in places:
        real = os.path.realpath(place.path)
        if real not in seen and os.path.exists(real):  # noqa: PTH110 (pathlib raises where it may not look)
            seen.add(real)
            yield place


def list_venvs(environ: Mapping[str, str], configuration: SiteConfiguration) -> Iterator[Path]:
    """Yield this user's environments in the site's folders, with or without a module.

    They include folders that were set aside for removal, and old versions of rebuilt environments.
    """
    for template in configuration.personal.environments:
        folder = find_absolute(template.expand(environ) or "")
        for prefix in list_folders(folder) if folder else ():
            if is_own(prefix) and any(has(prefix, mark) for mark in MARKS):
                yield prefix


def list_jupyter_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where Jupyter and IPython keep a user's data and settings (jupyter_core/paths.py)."""
    share = find_user_folder(environ, "XDG_DATA_HOME", ".local/share")
    for variable, default in (
        ("JUPYTER_DATA_DIR", share and share / "jupyter"),
        ("JUPYTER_CONFIG_DIR", find_home(environ, ".jupyter")),
        ("IPYTHONDIR", find_home(environ, ".ipython")),
    ):
        path = find_absolute(environ.get(variable, "")) or default
        if path:
            yield path
