"""What `stackenv clean` finds in the caches of pip and uv.

Each tool itself removes what it considers safe, in every folder where it may have a cache: also in those that
it used before the site's module, or a variable, sent it elsewhere. A folder is kept if the tool would remove
something in it that the tool did not create.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from stackenv.account import caches
from stackenv.account.storage_places import PIP_CACHE, UV_CACHE
from stackenv.captured_run import run_captured
from stackenv.cleaning.reclaimable import Reclaimable
from stackenv.cleaning.uv_cache import find_foreign, find_symlinked, is_uv_cache, list_prunable
from stackenv.configuration.caches import list_cache_folders
from stackenv.environments.context import Context
from stackenv.environments.package_folders import find_in_packages
from stackenv.environments.stack import list_offers, load_stack
from stackenv.environments.uv import HOW_TO_GET, find_uv, list_path
from stackenv.errors import StackenvError
from stackenv.health.finding import RunCommand
from stackenv.lmod.bindings import Lmod
from stackenv.transactions.writers import name_user
from stackenv.user_paths import list_folders

PIP_TIMEOUT_S = 60
# Older versions of pip do not know the folder http-v2 (pip's news, 23.3).
FIRST_HTTP_V2 = Version("23.3")
# The files that `pip cache purge` removes (pip/_internal/commands/cache.py), by the names that pip gives
# them: hashes, in folders named after their first digits (pip/_internal/cache.py,
# pip/_internal/network/cache.py).
PIP_FILES = {
    "http": re.compile(r"([0-9a-f]/){5}[0-9a-f]{56}.*"),
    "http-v2": re.compile(r"([0-9a-f]/){5}[0-9a-f]{56}.*"),
    "wheels": re.compile(r"([0-9a-f]{2}/){3}[0-9a-f]{50}/[^/]+\.whl"),
}
AGAIN = "and run the command again"
NO_UV = f"no uv was found that can remove it: load its module ({HOW_TO_GET}) {AGAIN}"


def list_caches(tool: str, context: Context) -> Iterator[Path]:
    return caches.list_own_caches(tool, context.environ, context.configuration)


def find_other_owner(places: Iterable[str]) -> str:
    """Return the name of another user who has files below `places`; empty if all belong to this user."""
    mine = os.geteuid()
    for place in places:
        for folder, folders, files in os.walk(place):
            for name in (".", *folders, *files):
                with contextlib.suppress(OSError):
                    owner = os.lstat(os.path.join(folder, name)).st_uid  # noqa: PTH118 (of a million files)
                    if owner != mine:
                        return name_user(owner)
    return ""


def keep_for_owner(places: Iterable[str]) -> str:
    """Return why the files below `places` are kept, if several users share them; else empty."""
    owner = find_other_owner(places)
    return f"{owner} also has files in it, so it is not yours alone to empty" if owner else ""


def advise_on_foreign(tool: str, foreign: str) -> str:
    """Return why a cache of `tool` is kept: the tool would also delete `foreign`, which it did not create."""
    move = f"move {shlex.quote(foreign)} elsewhere {AGAIN}"
    return f"{tool} would also delete a file that it did not create: {move}"


def find_pip_caches(context: Context) -> Iterator[Reclaimable]:
    """Yield each cache of pip, with the newest available pip to empty it."""
    filled = [(folder, held) for folder in list_caches("pip", context) if (held := list_pip_contents(folder))]
    if not filled:
        return
    python, version = find_pip(list_pythons(context), filled[0][0], context.environ)
    for folder, held in filled:
        places = tuple(str(p) for p in held if p.name != "http-v2" or version >= FIRST_HTTP_V2)
        judge = functools.partial(judge_pip_cache, folder)
        kept = judge() or keep_for_owner(places)
        if not python:
            kept = kept or f"no pip was found that can empty it: load a Python module {AGAIN}"
        elif not places:
            old = f"pip {version} cannot empty it (this requires {FIRST_HTTP_V2})"
            kept = kept or f"{old}: load a newer Python {AGAIN}"
        purge = RunCommand((python, "-I", "-B", "-m", "pip", "cache", "purge", "--cache-dir", str(folder)))
        yield Reclaimable(
            *(PIP_CACHE, f"pip cache {folder}", places or tuple(map(str, held)), 0, 0),
            *((purge,) if python else (), context.environ, (str(folder),), kept, judge),
        )


def list_pip_contents(folder: Path) -> list[Path]:
    """Return the parts of pip's cache in `folder` that hold what `pip cache purge` removes."""
    return [folder / part for part in PIP_FILES if any(list_purged(folder / part))]


def list_purged(part: Path) -> Iterator[Path]:
    """Yield the files that `pip cache purge` removes from a part of its cache."""
    # Beside wheels, pip keeps the files that record their origin.
    return (path for path in part.rglob("*.whl" if part.name == "wheels" else "*") if not path.is_dir())


def judge_pip_cache(folder: Path) -> str:
    """Return why pip must not empty its cache in `folder`: a file in it is not pip's; empty if all are."""
    for part, names in PIP_FILES.items():
        for path in list_purged(folder / part):
            if not names.fullmatch(str(path.relative_to(folder / part))):
                return advise_on_foreign("pip", str(path))
    return ""


def list_pythons(context: Context) -> Iterator[str]:
    """Yield the Pythons that may have a pip: the one on PATH, a venv's, stackenv's own."""
    found = shutil.which("python3", path=context.environ.get("PATH", ""))
    if found:
        yield found
    prefixes = [Path(module.prefix) for module in context.store.list_modules()]
    venvs = [prefix for prefix in prefixes if any(find_in_packages(prefix, "pip"))]
    # Only the venv with the newest pip, because asking each one costs a process.
    if venvs:
        yield str(max(venvs, key=read_pip_version) / "bin/python")
    yield sys.executable


def read_pip_version(prefix: Path) -> Version:
    """Return the version of the pip in the environment at `prefix`; 0 if no folder name contains it."""
    for folder in find_in_packages(prefix, "pip-*.dist-info"):
        with contextlib.suppress(InvalidVersion):
            return Version(folder.name[len("pip-") : -len(".dist-info")])
    return Version("0")


def find_pip(pythons: Iterable[str], folder: Path, environ: Mapping[str, str]) -> tuple[str, Version]:
    """Return which of `pythons` has the newest pip with a `cache` command, and its version; empty if none."""
    found = [("", Version("0"))]
    for python in pythons:
        # Use the option, which overrides variables and configuration files.
        words = (("cache", "dir", "--cache-dir", str(folder)), ("--version",))
        said, version = (ask_pip(python, asked, environ) for asked in words)
        match = re.match(r"pip (\S+) ", version)
        if match and said and Path(said).is_dir() and Path(said).samefile(folder):
            with contextlib.suppress(InvalidVersion):
                found.append((python, Version(match.group(1))))
    return max(found, key=lambda pair: pair[1])


def ask_pip(python: str, words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return what the pip of `python` prints for `words`; empty if it fails."""
    try:
        done = run_captured([python, "-I", "-B", "-m", "pip", *words], environ, PIP_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.strip()


def find_uv_caches(context: Context) -> Iterator[Reclaimable]:
    """Yield the unused parts of each cache of uv; of a cache that uv no longer uses, also the whole."""
    found = [cache for cache in list_caches("uv", context) if is_uv_cache(cache)]
    uv, environ = find_any_uv(context) if found else ("", context.environ)
    # The option --cache-dir overrides all variables except this one.
    environ = {**environ, "UV_NO_CACHE": "false"}
    for cache in found:
        # If the cache is a link, an older uv removes the link; if the link is broken, no uv can cache.
        real = Path(os.path.realpath(cache))
        places: tuple[str, ...] = (str(real),)
        judge = functools.partial(judge_uv_cache, real, {path.name for path in list_folders(real)}, context)
        kept = judge() or (NO_UV if not uv else "")
        if not kept:
            places, unknown = list_prunable(uv, real, environ)
            kept = advise_on_unknown(uv, unknown) or keep_for_owner(places)
        words = ("cache", "prune", "--no-config", "--cache-dir", str(real))
        actions = (RunCommand((uv, *words)),) if uv else ()
        what = f"uv cache {cache}: unused parts"
        if places:
            yield Reclaimable(UV_CACHE, what, places, 0, 0, actions, environ, (str(real),), kept, judge)
        if not kept and not cache.is_symlink():
            yield from offer_all_of(real, uv, context)


def judge_uv_cache(cache: Path, names: Collection[str], context: Context) -> str:
    """Return why uv must not clean the folder `cache`; empty if it can.

    `names` are the names of the entries that it had when it was examined.
    """
    foreign = find_foreign(cache)
    if foreign:
        return advise_on_foreign("uv", foreign)
    # A newer uv may have created it since then.
    new = next((path for path in list_folders(cache) if path.is_dir() and path.name not in names), None)
    return f"{new} is new: run the command again" if new else find_symlinked(cache, context)


def advise_on_unknown(uv: str, unknown: str) -> str:
    """Return why a cache is kept: its folder `unknown` is from a newer `uv`, or not from uv; else empty."""
    if not unknown:
        return ""
    return (
        f"{uv} does not know {unknown} and would delete it: if a newer uv created it, load that uv; if you "
        f"created it, move it elsewhere; {AGAIN}"
    )


def offer_all_of(cache: Path, uv: str, context: Context) -> Iterator[Reclaimable]:
    """Yield the whole `cache`, with the command to delete it, unless `uv` or the site's module uses it now.

    It is never deleted automatically, because uv may use another cache only through a variable of one job.
    """
    environ, configuration = context.environ, context.configuration
    now = next(caches.list_caches("uv", environ, configuration))
    lasting = {str(now), *list_cache_folders(configuration.caches, "uv", environ)}
    if str(cache) in map(os.path.realpath, lasting) or find_other_owner([str(cache)]):
        return
    typed = shlex.join((uv, "cache", "clean", "--cache-dir", str(cache)))
    kept = (
        f"uv now uses the cache in {now}; without this one, packages may be downloaded again, and "
        f"environments that were installed from it with link-mode symlink break; to delete all of it: {typed}"
    )
    yield Reclaimable(UV_CACHE, f"uv cache {cache}: all", (str(cache),), 0, 0, (), kept=kept)


def find_any_uv(context: Context) -> tuple[str, Mapping[str, str]]:
    """Return the first uv on PATH, or else that of the newest module uv, with the variables that it needs."""
    found = find_uv(list_path(context.environ))
    if found:
        return found, context.environ
    with contextlib.suppress(StackenvError):
        lmod = Lmod.find(context.environ)
        offered = list_offers(lmod, "uv")
        if offered:
            environ = load_stack(lmod, offered[-1].split(), with_python=False).environ
            return find_uv(list_path(environ)), environ
    return "", context.environ
