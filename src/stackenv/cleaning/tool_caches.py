"""What `stackenv clean` finds in the caches of pip, uv, Hugging Face and PyTorch.

What a tool itself calls safe goes, by that tool, in each folder where it may have a cache: also in those that
it had before the site's module, or a variable, sent it elsewhere. Downloaded models stay: they may not be had
again where there is no network.
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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from stackenv.account.caches import CacheFolder, list_own_caches
from stackenv.account.storage_places import HUGGINGFACE_CACHE, PIP_CACHE, TITLES, TORCH_CACHE, UV_CACHE
from stackenv.cleaning.reclaimable import Reclaimable
from stackenv.cleaning.uv_cache import find_foreign, find_linked_from, is_uv_cache, list_prunable
from stackenv.environments.context import Context
from stackenv.environments.package_folders import find_in_packages
from stackenv.environments.stack import load_stack
from stackenv.environments.uv import HOW_TO_GET, find_uv, list_path
from stackenv.errors import StackenvError
from stackenv.health.finding import RunCommand
from stackenv.lmod.bindings import Lmod
from stackenv.transactions.writers import name_user

PIP_TIMEOUT_S = 60
# Before, pip knows nothing of the folder http-v2 (pip's news, 23.3).
FIRST_HTTP_V2 = Version("23.3")
# Where Hugging Face's programs keep what they download, in the folder that also holds the user's token
# (huggingface.co/docs/huggingface_hub, package_reference/environment_variables).
HUGGINGFACE_FOLDERS = ("hub", "datasets", "xet", "assets")
HUGGINGFACE_TOKENS = ("token", "stored_tokens")
AGAIN = "and type the same again"
NO_UV = f"no uv was found that can remove it: load its module ({HOW_TO_GET}) {AGAIN}"


def list_caches(tool: str, context: Context) -> Iterator[CacheFolder]:
    return list_own_caches(tool, context.environ, context.configuration)


def find_other_owner(places: Iterable[str]) -> str:
    """Return who else has something below `places`, by name; empty when all is this user's."""
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
    """Return why what is below `places` stays, where several users share it."""
    owner = find_other_owner(places)
    return f"{owner} has files in it too, and it is not yours alone to empty" if owner else ""


def find_pip_caches(context: Context) -> Iterator[Reclaimable]:
    """Yield each cache of pip, with the newest pip at hand to empty it."""
    filled = [(c.path, held) for c in list_caches("pip", context) if (held := list_pip_contents(c.path))]
    if not filled:
        return
    python, version = find_pip(list_pythons(context), filled[0][0], context.environ)
    for folder, held in filled:
        places = tuple(str(p) for p in held if p.name != "http-v2" or version >= FIRST_HTTP_V2)
        kept = keep_for_owner(places)
        if not python:
            kept = f"no pip was found that can empty it: load a Python module {AGAIN}"
        elif not places:
            kept = f"pip {version} cannot empty it, which takes {FIRST_HTTP_V2}: load a newer Python {AGAIN}"
        purge = RunCommand((python, "-I", "-B", "-m", "pip", "cache", "purge", "--cache-dir", str(folder)))
        yield Reclaimable(
            *(PIP_CACHE, f"cache of pip, {folder}", places or tuple(map(str, held)), 0, 0),
            *((purge,) if python else (), context.environ, (str(folder),), kept),
        )


def list_pip_contents(folder: Path) -> list[Path]:
    """Return the parts of pip's cache in `folder` that hold what `pip cache purge` removes."""
    # pip/_internal/commands/cache.py: of the wheels the files alone, and not what tells their origin.
    parts = (("http", "*"), ("http-v2", "*"), ("wheels", "*.whl"))
    return [folder / part for part, names in parts if any(p.is_file() for p in (folder / part).rglob(names))]


def list_pythons(context: Context) -> Iterator[str]:
    """Yield the Pythons that may have a pip: the one on PATH, those of the venvs, stackenv's own."""
    found = shutil.which("python3", path=context.environ.get("PATH", ""))
    if found:
        yield found
    prefixes = [Path(module.prefix) for module in context.store.list_modules()]
    venvs = [prefix for prefix in prefixes if any(find_in_packages(prefix, "pip"))]
    # The newest of them for all: each costs a process.
    if venvs:
        yield str(max(venvs, key=read_pip_version) / "bin/python")
    yield sys.executable


def read_pip_version(prefix: Path) -> Version:
    """Return the version of the pip in the environment at `prefix`; 0 when no folder says it."""
    for folder in find_in_packages(prefix, "pip-*.dist-info"):
        with contextlib.suppress(InvalidVersion):
            return Version(folder.name[len("pip-") : -len(".dist-info")])
    return Version("0")


def find_pip(pythons: Iterable[str], folder: Path, environ: Mapping[str, str]) -> tuple[str, Version]:
    """Return which of `pythons` has the newest pip that knows caches, and its version; empty: none."""
    found = [("", Version("0"))]
    for python in pythons:
        # An option, which no variable and no configuration takes back.
        words = (("cache", "dir", "--cache-dir", str(folder)), ("--version",))
        said, version = (ask_pip(python, asked, environ) for asked in words)
        match = re.match(r"pip (\S+) ", version)
        if match and said and Path(said).is_dir() and Path(said).samefile(folder):
            with contextlib.suppress(InvalidVersion):
                found.append((python, Version(match.group(1))))
    return max(found, key=lambda pair: pair[1])


def ask_pip(python: str, words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return what the pip of `python` answers to `words`; empty when it fails."""
    try:
        done = subprocess.run(
            [python, "-I", "-B", "-m", "pip", *words],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PIP_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.strip()


def find_uv_caches(context: Context) -> Iterator[Reclaimable]:
    """Yield of each cache of uv what `uv cache prune` removes; all of one that uv has left for another."""
    caches = [cache for cache in list_caches("uv", context) if is_uv_cache(cache.path)]
    uv, environ = find_any_uv(context) if caches else ("", context.environ)
    # As an option it is taken whatever the variables say, but for this one.
    environ = {**environ, "UV_NO_CACHE": "false"}
    for cache in caches:
        # Of a link in its place an older uv removes the link, and where that leads nowhere none can cache.
        real = Path(os.path.realpath(cache.path))
        goes = cache.is_left and not cache.path.is_symlink()
        what = f"cache of uv, {cache.path}: " + ("all, for uv has another now" if goes else "what is unused")
        places: tuple[str, ...] = (str(real),)
        judge = functools.partial(judge_uv_cache, real, context)
        kept = judge() or (NO_UV if not uv else "")
        if not kept and not goes:
            places = tuple(list_prunable(uv, real, environ))
        words = ("cache", "clean" if goes else "prune", "--no-config", "--cache-dir", str(real))
        actions = (RunCommand((uv, *words)),) if uv else ()
        if places:
            kept = kept or keep_for_owner(places)
            yield Reclaimable(UV_CACHE, what, places, 0, 0, actions, environ, (str(real),), kept, judge)


def judge_uv_cache(cache: Path, context: Context) -> str:
    """Return why uv is not to be let loose on the folder `cache`; empty when nothing keeps it from that."""
    foreign = find_foreign(cache)
    if foreign:
        return f"uv would delete what is not its own, too: take {shlex.quote(foreign)} elsewhere {AGAIN}"
    if context.environ.get("UV_LINK_MODE") == "symlink":
        return "UV_LINK_MODE is symlink: environments would break whose files are links to it"
    linked = find_linked_from(cache, context)
    return f"{linked} is made of symbolic links into it, and would break" if linked else ""


def find_any_uv(context: Context) -> tuple[str, Mapping[str, str]]:
    """Return the first uv on PATH, else that of the newest module uv, with the variables that it needs."""
    found = find_uv(list_path(context.environ))
    if found:
        return found, context.environ
    with contextlib.suppress(StackenvError):
        lmod = Lmod.find(context.environ)
        modules = [name for name in lmod.available("uv") if name.split("/")[0] == "uv"]
        if modules:
            environ = load_stack(lmod, modules[-1:], with_python=False).environ
            return find_uv(list_path(environ)), environ
    return "", context.environ


def find_downloads(context: Context) -> Iterator[Reclaimable]:
    """Yield what Hugging Face and PyTorch have downloaded, none of which goes by itself."""
    for tool, kind, choose in (
        ("huggingface", HUGGINGFACE_CACHE, "`hf cache ls` and `hf cache rm` show and remove single ones; "),
        ("torch", TORCH_CACHE, ""),
    ):
        seen: set[str] = set()
        for cache in list_caches(tool, context):
            # One folder may be named alone, and as a part of the one that it is in.
            places = tuple(p for p in map(str, list_downloads(cache.path)) if os.path.realpath(p) not in seen)
            seen.update(map(os.path.realpath, places))
            if places:
                typed = shlex.join(("rm", "-r", *places))
                kept = f"what was downloaded may not be had again from here; {choose}for all of it: {typed}"
                what = f"{TITLES[kind]}, {cache.path}"
                yield Reclaimable(kind, what, places, 0, 0, (), kept=kept)


def list_downloads(cache: Path) -> list[Path]:
    """Return what holds downloads in the folder `cache`: not the user's tokens, which may lie in it."""
    parts = [cache / name for name in HUGGINGFACE_FOLDERS if (cache / name).is_dir()]
    with contextlib.suppress(OSError):
        if not parts and any(cache.iterdir()) and not any((cache / n).exists() for n in HUGGINGFACE_TOKENS):
            return [cache]
    return parts
