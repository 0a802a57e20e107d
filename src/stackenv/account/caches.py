"""Where a user's tools keep their downloads: now, in the folders that the site configures, and by default.

This is read from environment variables and configuration files; no process is started.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from stackenv.configuration.caches import CACHE_HOME, CACHE_VARIABLES, list_cache_folders
from stackenv.configuration.settings import SiteConfiguration
from stackenv.plain_files import read_file_text
from stackenv.user_paths import expand, find_absolute, find_home, find_user_folder, is_around_home, is_own

# The folder that each tool uses in the user's cache folder (see CACHE_VARIABLES for the sources); conda and
# Jupyter keep theirs elsewhere.
OWN_FOLDERS = {"pip": "pip", "uv": "uv", "huggingface": "huggingface", "torch": "torch"}
# A top-level key of uv.toml, above its first table (docs.astral.sh/uv, reference/settings).
UV_KEY = re.compile(r"""^\s*cache-dir\s*=\s*(["'])(?P<path>[^"']*)\1\s*(?:#.*)?$""")


# The folders that these variables name hold more than caches. These subfolders are the caches; the rest may
# be the user's own files.
PARTS = {"HF_HOME": ("hub", "datasets", "xet", "assets"), "TORCH_HOME": ("hub",)}


def list_caches(
    tool: str, environ: Mapping[str, str], configuration: SiteConfiguration, whole: bool = False
) -> Iterator[Path]:
    """Yield where the cache of `tool`, a key of CACHE_VARIABLES, may be; the folder in use now comes first.

    If a variable names a folder that holds more than caches, only the caches in it are yielded; with
    `whole`, the folder itself.

    The site's folders count even if its module is not loaded, and so do the tool's default folders. The
    folders may be the same, may not exist, and may belong to another user.
    """
    variables = CACHE_VARIABLES[tool]
    for name in (*variables.folders, *variables.yields_to):
        named = find_absolute(expand(environ.get(name, ""), environ))
        if named and name != CACHE_HOME:
            yield from [named] if whole else list_parts(name, named)
    configured = {"pip": find_in_pip_files, "uv": find_in_uv_file}.get(tool, lambda _: None)(environ)
    homes = (find_user_folder(environ, CACHE_HOME, ".cache"), find_home(environ, ".cache"))
    own = [home / OWN_FOLDERS[tool] for home in homes if home and tool in OWN_FOLDERS]
    yield from filter(None, (configured, *own))
    for folder in list_cache_folders(configuration.caches, tool, environ):
        for name, inside in variables.folders.items():
            place = Path(folder, inside)
            yield from [place] if whole else list_parts(name, place)


def list_parts(variable: str, named: Path) -> Iterator[Path]:
    """Yield the caches in the folder that `variable` names; for most variables, the folder itself."""
    yield from (named / part for part in PARTS.get(variable, ("",)))


def list_own_caches(
    tool: str, environ: Mapping[str, str], configuration: SiteConfiguration, whole: bool = False
) -> Iterator[Path]:
    """Yield each folder of `list_caches` that exists and belongs to this user, once.

    Other users' folders count against other quotas. The home and its parent folders are never a cache,
    whatever a variable says.
    """
    seen = set()
    for cache in list_caches(tool, environ, configuration, whole):
        real = os.path.realpath(cache)
        is_cache = is_own(cache) and not is_around_home(cache, environ)
        if real not in seen and is_cache and os.path.isdir(real):  # noqa: PTH112 (pathlib raises)
            seen.add(real)
            yield cache


def list_pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the user's existing pip configuration files (pip/_internal/configuration.py)."""
    config = find_user_folder(environ, "XDG_CONFIG_HOME", ".config")
    places = (find_home(environ, ".pip/pip.conf"), config and config / "pip/pip.conf")
    for path in (*places, find_absolute(environ.get("PIP_CONFIG_FILE", ""))):
        if path and path.is_file():
            yield path


def find_in_pip_files(environ: Mapping[str, str]) -> Path | None:
    """Return the cache folder that the user's pip configuration files name, if any."""
    configured = ""
    for file in list_pip_files(environ):
        parser = configparser.RawConfigParser()
        with contextlib.suppress(OSError, ValueError, configparser.Error):
            parser.read(file, encoding="utf-8")
            configured = parser.get("global", "cache-dir", fallback=configured)
    return find_absolute(expand(configured, {"HOME": environ.get("HOME", "")}))


def list_uv_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the uv configuration files that may exist: the user's, then the machine's.

    If UV_CONFIG_FILE names a file, uv reads only that one (docs.astral.sh/uv, concepts/configuration-files).
    """
    named = find_absolute(environ.get("UV_CONFIG_FILE", ""))
    config = find_user_folder(environ, "XDG_CONFIG_HOME", ".config")
    system = (find_absolute(folder) for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"))
    folders = filter(None, (config, *system, Path("/etc")))
    yield from [named] if named else [folder / "uv/uv.toml" for folder in folders]


def find_in_uv_file(environ: Mapping[str, str]) -> Path | None:
    """Return the cache folder that the user's own uv.toml names, if any."""
    file = next(list_uv_files(environ))
    with contextlib.suppress(OSError, ValueError):
        for line in read_file_text(file).splitlines():
            if line.lstrip().startswith("["):
                break
            found = UV_KEY.match(line)
            if found:
                return file.parent / found["path"]
    return None
