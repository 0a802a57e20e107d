"""Where the tools of a user keep what they have downloaded: now, by the site's choice, and before.

Found by environment variables and configuration files; no process is started.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.configuration.caches import CACHE_HOME, CACHE_VARIABLES, list_cache_folders
from stackenv.configuration.settings import SiteConfiguration
from stackenv.plain_files import read_file_text
from stackenv.user_paths import expand, find_absolute, find_home, find_user_folder, is_own

# The tool's own folder among the user's caches (for the sources see CACHE_VARIABLES); conda and Jupyter have
# theirs elsewhere.
OWN_FOLDERS = {"pip": "pip", "uv": "uv", "huggingface": "huggingface", "torch": "torch"}
# A key of a uv.toml (docs.astral.sh/uv, reference/settings), above its first table.
UV_KEY = re.compile(r"""^\s*cache-dir\s*=\s*(["'])(?P<path>[^"']*)\1\s*(?:#.*)?$""")


@dataclass(frozen=True)
class CacheFolder:
    """A folder in which a tool caches.

    Parameters
    ----------
    path
        The folder.
    is_left
        Whether the tool is sent elsewhere now, and not by the site's module alone, which may be unloaded.
    """

    path: Path
    is_left: bool = False


def list_caches(
    tool: str, environ: Mapping[str, str], configuration: SiteConfiguration
) -> Iterator[CacheFolder]:
    """Yield where the cache of `tool`, a key of CACHE_VARIABLES, may be, the folders in use now first.

    The site's places count also while its module is not loaded. Several may be one folder; they need not be
    there, nor be this user's.
    """
    named = list(list_named_caches(tool, environ))
    yield from map(CacheFolder, named)
    configured = {"pip": find_in_pip_files, "uv": find_in_uv_file}.get(tool, lambda _: None)(environ)
    homes = (find_user_folder(environ, CACHE_HOME, ".cache"), find_home(environ, ".cache"))
    own = [home / OWN_FOLDERS[tool] for home in homes if home and tool in OWN_FOLDERS]
    in_turn = [path for path in (configured, *own) if path]
    # The first of them is taken where no variable names one.
    used = 0 if named else 1
    yield from map(CacheFolder, in_turn[:used])
    for folder in list_cache_folders(configuration.caches, tool, environ):
        yield from (CacheFolder(Path(folder, name)) for name in CACHE_VARIABLES[tool].folders.values())
    yield from (CacheFolder(path, is_left=True) for path in in_turn[used:])


def list_own_caches(
    tool: str, environ: Mapping[str, str], configuration: SiteConfiguration
) -> Iterator[CacheFolder]:
    """Yield those of `list_caches` that are there and this user's, each once: others' are on other quotas."""
    seen = set()
    for cache in list_caches(tool, environ, configuration):
        real = os.path.realpath(cache.path)
        if real not in seen and is_own(cache.path) and os.path.isdir(real):  # noqa: PTH112 (pathlib raises)
            seen.add(real)
            yield cache


def list_named_caches(tool: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders that the variables of `tool` name."""
    variables = CACHE_VARIABLES[tool]
    for name in (*variables.folders, *variables.yields_to):
        path = find_absolute(expand(environ.get(name, ""), environ))
        if path and name != CACHE_HOME:
            yield path


def list_pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the user's own files of pip's configuration that are there (pip/_internal/configuration.py)."""
    config = find_user_folder(environ, "XDG_CONFIG_HOME", ".config")
    places = (find_home(environ, ".pip/pip.conf"), config and config / "pip/pip.conf")
    for path in (*places, find_absolute(environ.get("PIP_CONFIG_FILE", ""))):
        if path and path.is_file():
            yield path


def find_in_pip_files(environ: Mapping[str, str]) -> Path | None:
    """Return the folder that the user's files of pip's configuration name, if any."""
    configured = ""
    for file in list_pip_files(environ):
        parser = configparser.RawConfigParser()
        with contextlib.suppress(OSError, ValueError, configparser.Error):
            parser.read(file, encoding="utf-8")
            configured = parser.get("global", "cache-dir", fallback=configured)
    return find_absolute(expand(configured, {"HOME": environ.get("HOME", "")}))


def find_in_uv_file(environ: Mapping[str, str]) -> Path | None:
    """Return the folder that the user's own uv.toml names, if any."""
    config = find_user_folder(environ, "XDG_CONFIG_HOME", ".config")
    file = find_absolute(environ.get("UV_CONFIG_FILE", "")) or (config and config / "uv/uv.toml")
    with contextlib.suppress(OSError, ValueError):
        for line in read_file_text(file).splitlines() if file else ():
            if line.lstrip().startswith("["):
                break
            found = UV_KEY.match(line)
            if found and file:
                return file.parent / found["path"]
    return None
