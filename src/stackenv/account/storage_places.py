"""The folders in which an account's Python keeps files: environments, caches, Jupyter, ~/.local.

Found by environment variables, configuration files and what is on the disk; no process is started.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.account.account import Account
from stackenv.conda.packages import list_environment_folders
from stackenv.configuration.settings import SiteConfiguration

ENVIRONMENT = "environment"
CONDA_PACKAGES = "conda-packages"
PIP_CACHE = "pip-cache"
UV_CACHE = "uv-cache"
JUPYTER = "jupyter"
LOCAL = "local"
# What people read for each kind.
TITLES = {
    ENVIRONMENT: "environment",
    CONDA_PACKAGES: "conda's packages",
    PIP_CACHE: "pip's cache",
    UV_CACHE: "uv's cache",
    JUPYTER: "Jupyter",
    LOCAL: "~/.local",
}
# By which a folder is an environment: of a venv, of conda, of stackenv (one that is packed, or half gone).
MARKS = ("pyvenv.cfg", "conda-meta/history", "stackenv/record.json")
# In an installation of conda for which the site's module is made.
SITE_MARK = "libexec/stackenv"


@dataclass(frozen=True)
class Place:
    """A folder: its kind (a key of `TITLES`), the name that people know it by, the path."""

    kind: str
    name: str
    path: Path


def list_places(
    environ: Mapping[str, str], configuration: SiteConfiguration, modules: Iterable[tuple[str, str]] = ()
) -> tuple[Place, ...]:
    """Return the folders of this account that are there, each once, by kind.

    Parameters
    ----------
    environ
        The environment variables of the account.
    configuration
        The site configuration.
    modules
        Full name and environment of the personal modules.
    """
    found = [Place(ENVIRONMENT, name, Path(prefix)) for name, prefix in modules]
    prefixes = (*list_conda_prefixes(environ, configuration), *list_venvs(environ, configuration))
    candidates: list[tuple[str, Iterable[Path | None]]] = [
        (ENVIRONMENT, prefixes),
        (CONDA_PACKAGES, list_package_caches(environ, configuration)),
        (PIP_CACHE, (find_pip_cache_folder(environ),)),
        (UV_CACHE, (find_cache_folder(environ, "UV_CACHE_DIR", "uv"),)),
        (JUPYTER, list_jupyter_folders(environ)),
        (LOCAL, (find_absolute(environ.get("PYTHONUSERBASE", "")), find_home(environ, ".local"))),
    ]
    for kind, paths in candidates:
        found += [Place(kind, shorten(path, environ), path) for path in paths if path]
    return tuple(drop_repeated(found))


def list_project_places(root: Path, modules: Iterable[tuple[str, str]]) -> tuple[Place, ...]:
    """Return the environments of the project at `root`, whoever of its members has made them."""
    inside = (path for name in ("venvs", "envs") for path in list_folders(root / name))
    folders = [path for path in inside if any(has(path, mark) for mark in MARKS)]
    found = [Place(ENVIRONMENT, name, Path(prefix)) for name, prefix in modules]
    return tuple(drop_repeated((*found, *(Place(ENVIRONMENT, str(path), path) for path in folders))))


def drop_repeated(places: Iterable[Place]) -> Iterator[Place]:
    """Yield those of `places` that are there, and each folder once."""
    seen = set()
    for place in places:
        real = os.path.realpath(place.path)
        if real not in seen and os.path.exists(real):  # noqa: PTH110 (pathlib raises where it may not look)
            seen.add(real)
            yield place


def list_conda_prefixes(environ: Mapping[str, str], configuration: SiteConfiguration) -> Iterator[Path]:
    """Yield the conda environments of this user, bases of the user's own included.

    Those that conda has noted in environments.txt, and those in the folders where it looks for names.
    """
    candidates = []
    register = find_home(environ, ".conda/environments.txt")
    with contextlib.suppress(OSError):
        text = register.read_text(encoding="utf-8", errors="surrogateescape") if register else ""
        candidates = [Path(line) for line in text.splitlines() if line.startswith("/")]
    folders = [
        *list_environment_folders(environ, configuration.conda),
        *read_condarc_folders("envs", environ, configuration),
    ]
    root = find_absolute(environ.get("MAMBA_ROOT_PREFIX", ""))
    for folder in (*folders, *(base / "envs" for base in (*candidates, root) if base)):
        candidates += list_folders(folder)
    seen = set()
    for prefix in candidates:
        real = os.path.realpath(prefix)
        if real not in seen and is_own(prefix) and has(prefix, "conda-meta") and not has(prefix, SITE_MARK):
            seen.add(real)
            yield prefix


def list_venvs(environ: Mapping[str, str], configuration: SiteConfiguration) -> Iterator[Path]:
    """Yield the environments of this user in the site's folders for them, with or without a module.

    What was set aside to be removed, and an environment that was rebuilt since, are among them.
    """
    for template in configuration.personal.environments:
        folder = find_absolute(template.expand(environ) or "")
        for prefix in list_folders(folder) if folder else ():
            if is_own(prefix) and any(has(prefix, mark) for mark in MARKS):
                yield prefix


def list_package_caches(environ: Mapping[str, str], configuration: SiteConfiguration) -> Iterator[Path]:
    """Yield the folders in which conda keeps the packages that it has unpacked."""
    for text in environ.get("CONDA_PKGS_DIRS", "").split(","):
        path = find_absolute(expand(text.strip(), environ))
        if path:
            yield path
    yield from read_condarc_folders("pkgs", environ, configuration)
    for place in configuration.conda.storage:
        parent = find_absolute(place.parent.expand(environ) or "")
        if parent:
            yield parent / place.packages
    homes = (find_home(environ, ".conda"), find_absolute(environ.get("MAMBA_ROOT_PREFIX", "")))
    bases = (prefix for prefix in list_conda_prefixes(environ, configuration) if has(prefix, "condabin"))
    yield from (base / "pkgs" for base in (*homes, *bases) if base)


def read_condarc_folders(
    what: str, environ: Mapping[str, str], configuration: SiteConfiguration
) -> list[Path]:
    """Return the folders of `what` (envs, pkgs) in the user's files of conda's configuration."""
    home = find_home(environ, "")
    found = []
    for file in Account(home, environ, configuration).condarc_files() if home else ():
        import yaml

        try:
            data = yaml.safe_load(file.read_bytes())
        except (OSError, ValueError, RecursionError, yaml.YAMLError):
            # conda tells of it in every command; here it hides a folder at most.
            continue
        listed = data.get(f"{what}_dirs") or data.get(f"{what}_path") if isinstance(data, dict) else ()
        for text in (listed,) if isinstance(listed, str) else listed or ():
            path = find_absolute(expand(str(text), environ))
            if path:
                found.append(path)
    return found


def find_pip_cache_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the folder of pip's cache: by its variable, its configuration, or its default."""
    configured = ""
    config = find_absolute(environ.get("XDG_CONFIG_HOME", "")) or find_home(environ, ".config")
    files = (find_home(environ, ".pip/pip.conf"), config and config / "pip/pip.conf")
    for file in (*files, find_absolute(environ.get("PIP_CONFIG_FILE", ""))):
        parser = configparser.RawConfigParser()
        with contextlib.suppress(OSError, ValueError, configparser.Error):
            parser.read(filter(None, (file,)), encoding="utf-8")
            configured = parser.get("global", "cache-dir", fallback=configured)
    own = find_absolute(expand(configured, {"HOME": environ.get("HOME", "")}))
    return find_cache_folder(environ, "PIP_CACHE_DIR", "pip", own)


def find_cache_folder(
    environ: Mapping[str, str], variable: str, name: str, configured: Path | None = None
) -> Path | None:
    """Return the folder that `variable` names, or `configured`, or `name` among the user's caches."""
    caches = find_absolute(environ.get("XDG_CACHE_HOME", "")) or find_home(environ, ".cache")
    named = find_absolute(expand(environ.get(variable, ""), environ))
    return named or configured or (caches / name if caches else None)


def list_jupyter_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where Jupyter and IPython keep a user's data and settings (jupyter_core/paths.py)."""
    share = find_absolute(environ.get("XDG_DATA_HOME", "")) or find_home(environ, ".local/share")
    for variable, default in (
        ("JUPYTER_DATA_DIR", share and share / "jupyter"),
        ("JUPYTER_CONFIG_DIR", find_home(environ, ".jupyter")),
        ("IPYTHONDIR", find_home(environ, ".ipython")),
    ):
        path = find_absolute(environ.get(variable, "")) or default
        if path:
            yield path


def find_home(environ: Mapping[str, str], name: str) -> Path | None:
    """Return `name` in the home folder; None when nothing tells where that is."""
    home = find_absolute(environ.get("HOME", ""))
    return home / name if home else None


def find_absolute(text: str) -> Path | None:
    """Return `text` as a path when it is an absolute one; a relative one names another folder each time."""
    return Path(text) if text.startswith("/") else None


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Return `text` with the home and the variables in it, as conda and pip read paths."""
    if text == "~" or text.startswith("~/"):
        text = environ.get("HOME", "") + text[1:]
    return string.Template(text).safe_substitute(environ)


def shorten(path: Path, environ: Mapping[str, str]) -> str:
    """Return `path` as people write it, with ~ for the home."""
    home = find_home(environ, "")
    return f"~/{path.relative_to(home)}" if home and home in path.parents else str(path)


def list_folders(folder: Path) -> list[Path]:
    """Return what is in `folder`, by name; nothing where it cannot be listed."""
    with contextlib.suppress(OSError):
        return sorted(folder.iterdir())
    return []


def has(folder: Path, name: str) -> bool:
    """Tell whether `name` is in `folder`; not where nobody may look."""
    return os.path.exists(os.path.join(folder, name))  # noqa: PTH110, PTH118


def is_own(folder: Path) -> bool:
    """Tell whether `folder` is this user's: others' and the site's are on other quotas."""
    with contextlib.suppress(OSError):
        return folder.stat().st_uid == os.geteuid()
    return False
