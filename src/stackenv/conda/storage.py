"""Where conda keeps environments and packages, and which environments a user has; conda is not started."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from stackenv.configuration.caches import list_cache_folders
from stackenv.configuration.settings import SiteConfiguration
from stackenv.plain_files import read_file_bytes, read_file_text
from stackenv.user_paths import expand, find_absolute, find_home, find_user_folder, has, is_own, list_folders

# For each kind of folder: the variables that list such folders, and the separator (conda/base/context.py).
VARIABLES = {"envs": (("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"), ":"), "pkgs": (("CONDA_PKGS_DIRS",), ",")}
# A folder that marks conda installations with a module of the site.
SITE_MARK = "libexec/stackenv"


@dataclass(frozen=True)
class CondaStorage:
    """A folder for environments and a folder for packages."""

    environments: Path
    packages: Path


def list_site_storage(
    environ: Mapping[str, str], configuration: SiteConfiguration, usable: bool = True
) -> Iterator[CondaStorage]:
    """Yield the configured places that can be used now; the site's module uses the first one.

    If `usable` is false, yield all places whose variables are set.
    """
    for place in configuration.conda.storage:
        parent = find_absolute(place.parent.expand(environ) or "")
        if parent and (parent.is_dir() or not usable):
            yield CondaStorage(parent / place.environments, parent / place.packages)


def list_named(what: str, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield the folders for `what` (envs, pkgs) that variables list, each with the name of its variable."""
    variables, separator = VARIABLES[what]
    for variable in variables:
        for text in environ.get(variable, "").split(separator):
            path = find_absolute(expand(text.strip(), environ))
            if path:
                yield path, variable


def list_condarc_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the user's existing conda configuration files, in conda's order.

    They are the user's entries of SEARCH_PATH (conda/base/constants.py) and the file named by $CONDARC, for
    which conda accepts only certain names.
    """
    config = find_user_folder(environ, "XDG_CONFIG_HOME", ".config")
    places = [config / "conda" / name for name in (".condarc", "condarc") if config]
    home = find_home(environ, "")
    if home:
        places += [home / ".conda/.condarc", home / ".conda/condarc", home / ".condarc"]
    named = Path(environ.get("CONDARC") or "/")
    if named.name in (".condarc", "condarc") or named.suffix in (".yml", ".yaml"):
        places.append(named)
    yield from (place for place in places if place.is_file())


def read_condarc_folders(what: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders for `what` (envs, pkgs) that the user's conda configuration files name."""
    for file in list_condarc_files(environ):
        try:
            data = yaml.safe_load(read_file_bytes(file))
        except (OSError, ValueError, RecursionError, yaml.YAMLError):
            # Every conda command reports the error; here it means at most one missing folder.
            continue
        listed = data.get(f"{what}_dirs") or data.get(f"{what}_path") if isinstance(data, dict) else ()
        for text in (listed,) if isinstance(listed, str) else listed or ():
            path = find_absolute(expand(str(text), environ))
            if path:
                yield path


def list_chosen(
    what: str, environ: Mapping[str, str], configuration: SiteConfiguration
) -> Iterator[tuple[Path, str]]:
    """Yield the folders in which conda would create `what` (envs, pkgs), in order, and what names each.

    This assumes that the site's module is loaded, which sets the configured place if the user has not set a
    variable; conda prefers variables to its files.
    """
    yield from list_named(what, environ)
    for place in list_site_storage(environ, configuration):
        yield (place.environments if what == "envs" else place.packages), "the site configuration"
        break
    for path in read_condarc_folders(what, environ):
        yield path, "your condarc"
    home = find_home(environ, f".conda/{what}")
    if home:
        yield home, "conda's default"


def list_environment_folders(environ: Mapping[str, str], configuration: SiteConfiguration) -> Iterator[Path]:
    """Yield the folders in which `conda env list` finds environments by name, in order of preference.

    As `list_chosen`, but with all configured places: the module may have used another one before.
    """
    yield from (path for path, _ in list_named("envs", environ))
    yield from (place.environments for place in list_site_storage(environ, configuration, usable=False))
    yield from read_condarc_folders("envs", environ)
    home = find_home(environ, ".conda/envs")
    if home:
        yield home


def list_package_caches(environ: Mapping[str, str], configuration: SiteConfiguration) -> Iterator[Path]:
    """Yield the folders in which conda keeps extracted packages."""
    yield from (path for path, _ in list_named("pkgs", environ))
    yield from read_condarc_folders("pkgs", environ)
    yield from (place.packages for place in list_site_storage(environ, configuration, usable=False))
    yield from map(Path, list_cache_folders(configuration.caches, "conda", environ))
    homes = (find_home(environ, ".conda"), find_absolute(environ.get("MAMBA_ROOT_PREFIX", "")))
    bases = (prefix for prefix in list_conda_prefixes(environ, configuration) if has(prefix, "condabin"))
    yield from (base / "pkgs" for base in (*homes, *bases) if base)


def read_register(environ: Mapping[str, str]) -> list[Path]:
    """Return the environments and bases that conda lists in environments.txt, including deleted ones."""
    register = find_home(environ, ".conda/environments.txt")
    with contextlib.suppress(OSError):
        text = read_file_text(register, errors="surrogateescape") if register else ""
        return [Path(line.strip()) for line in text.splitlines() if line.startswith("/")]
    return []


def list_conda_prefixes(environ: Mapping[str, str], configuration: SiteConfiguration) -> Iterator[Path]:
    """Yield the conda environments of this user, including bases of the user's own.

    They come from conda's list, and from the folders in which conda looks for environments by name.
    """
    candidates = read_register(environ)
    folders = [*list_environment_folders(environ, configuration)]
    root = find_absolute(environ.get("MAMBA_ROOT_PREFIX", ""))
    for folder in (*folders, *(base / "envs" for base in (*candidates, root) if base)):
        candidates += list_folders(folder)
    seen = set()
    for prefix in candidates:
        real = os.path.realpath(prefix)
        if real not in seen and is_own(prefix) and has(prefix, "conda-meta") and not has(prefix, SITE_MARK):
            seen.add(real)
            yield prefix


def list_environments(environ: Mapping[str, str], configuration: SiteConfiguration) -> Iterator[Path]:
    """Yield this user's conda environments, without bases, which are recognised by their own conda."""
    for prefix in list_conda_prefixes(environ, configuration):
        if has(prefix, "conda-meta/history") and not has(prefix, "condabin") and prefix.name[0] != ".":
            yield prefix


def find_named_environment(
    name: str, environ: Mapping[str, str], configuration: SiteConfiguration
) -> Path | None:
    """Return the prefix of the conda environment `name`; None if there is none."""
    inside = (folder / name for folder in list_environment_folders(environ, configuration))
    noted = (prefix for prefix in read_register(environ) if prefix.name == name)
    return next((prefix for prefix in (*inside, *noted) if has(prefix, "conda-meta")), None)


def find_device(path: Path) -> int:
    """Return the device number of the file system that `path` is on, or will be on once it is created.

    Raises
    ------
    OSError
        If the file system cannot be determined.
    """
    while True:
        try:
            return path.stat().st_dev
        except (FileNotFoundError, NotADirectoryError):
            path = path.parent
