"""The contents of a uv cache, and which of them uv itself would remove."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from stackenv.account.caches import list_uv_files
from stackenv.captured_run import run_captured
from stackenv.cleaning.in_use import list_venvs
from stackenv.conda.storage import list_conda_prefixes
from stackenv.environments.context import Context
from stackenv.environments.package_folders import find_in_packages
from stackenv.errors import StackenvError
from stackenv.plain_files import read_file_text
from stackenv.user_paths import find_absolute, find_user_folder, has, list_folders

TIMEOUT_S = 600
# The folders of a cache, with the version of their format (uv's crates/uv-cache/src/lib.rs, CacheBucket).
BUCKET = re.compile(r"(?P<name>[a-z]+(-[a-z]+)*)-v(?P<version>\d+)")
# A folder has had some 20 versions so far.
VERSIONS = range(100)
# Renamed in uv 0.4 (see the same file).
RENAMED = {"built-wheels": "sdists"}
TAG = "CACHEDIR.TAG"
MARKS = re.compile(r"CACHEDIR\.TAG|\.gitignore|\.git|\.lock|\.tmp\w+")
# Folders with links into other folders; files in them record which of several versions is current.
LINKING = ("wheels-", "built-wheels-", "sdists-")
POINTERS = ("revision.http", "revision.rev")
# Extracted source packages, which contain no links of uv's.
SOURCES = "src"
# This key can be in any table of a uv.toml.
SYMLINK = re.compile(r"""^\s*link-mode\s*=\s*["']symlink["']""", re.MULTILINE)

# Thousands of temporary folders and links are created here (shm_overview(7)); on a disk that takes longer.
MEMORY = Path("/dev/shm")


def is_uv_cache(folder: Path) -> bool:
    """Return whether `folder` looks like a uv cache."""
    return has(folder, TAG) and any(BUCKET.fullmatch(path.name) for path in list_folders(folder))


def find_foreign(cache: Path) -> str:
    """Return an entry of `cache` that uv did not create; empty if uv created all of them.

    `uv cache prune` deletes everything at the top that is not part of the cache, and in some parts follows
    links and deletes their targets. `uv cache clean` deletes the whole folder.
    """
    for path in list_folders(cache):
        is_bucket = BUCKET.fullmatch(path.name) and path.is_dir()
        if path.is_symlink() or not (is_bucket or MARKS.fullmatch(path.name)):
            return str(path)
        if is_bucket and not path.name.startswith(LINKING):
            for inside in list_folders(path):
                if inside.is_symlink():
                    return str(inside)
    return ""


class Prunable(NamedTuple):
    """What uv would remove from a cache, and one of these folders that this uv does not know."""

    places: tuple[str, ...]
    unknown: str


def list_prunable(uv: str, cache: Path, environ: Mapping[str, str]) -> Prunable:
    """Return what `uv cache prune` would remove from `cache`.

    The command has no dry run, so uv prunes a copy that consists only of folders and links. The copy also has
    all other versions of each folder; those that uv leaves are the ones that it knows.

    Raises
    ------
    StackenvError
        If uv fails; the message includes uv's output.
    """
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="stackenv-uv-", dir=place) as folder:
        sketch = Path(os.path.realpath(folder))
        drawn = list(draw(os.path.realpath(cache), sketch))
        buckets = [match for match in map(BUCKET.fullmatch, drawn) if match]
        for name in {RENAMED.get(match["name"], match["name"]) for match in buckets}:
            for version in VERSIONS:
                (sketch / f"{name}-v{version}").mkdir(exist_ok=True)
        prune(uv, sketch, environ)
        gone = [path for path in drawn if not os.path.lexists(sketch / path)]
        known = [match for match in (BUCKET.fullmatch(path.name) for path in list_folders(sketch)) if match]
    seen = set(gone)
    tops = (str(cache / path) for path in gone if os.path.dirname(path) not in seen)  # noqa: PTH120 (text)
    unknown = (match[0] for match in buckets if match[0] in seen and not is_superseded(match, known))
    return Prunable(tuple(tops), next((str(cache / name) for name in unknown), ""))


def is_superseded(bucket: re.Match[str], known: Iterable[re.Match[str]]) -> bool:
    """Return whether a uv that knows the folders `known` has a later version of `bucket`."""
    renamed = RENAMED.get(bucket["name"])
    return any(
        k["name"] == renamed or (k["name"] == bucket["name"] and int(k["version"]) > int(bucket["version"]))
        for k in known
    )


def draw(cache: str, sketch: Path, inside: str = "") -> Iterator[str]:
    """Copy the structure of the folder `inside` of `cache` to `sketch`; yield each path, parents first.

    Only links that stay inside the cache are copied, because uv may delete the targets of links.
    """
    with os.scandir(os.path.join(cache, inside)) as entries:  # noqa: PTH118 (scandir is faster by far)
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = f"{inside}/{entry.name}".lstrip("/")
        there = sketch / path
        is_deep = path.startswith(LINKING) and entry.name != SOURCES
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if not is_deep or not target.startswith(f"{cache}/"):
                continue
            there.symlink_to(sketch / os.path.relpath(target, cache))
        elif entry.is_dir():
            there.mkdir()
        elif entry.name in POINTERS:
            shutil.copyfile(entry.path, there)
        elif not inside:
            there.touch()
        else:
            continue
        yield path
        if entry.is_dir(follow_symlinks=False) and (is_deep or not inside):
            yield from draw(cache, sketch, path)


def prune(uv: str, cache: Path, environ: Mapping[str, str]) -> None:
    """Run `uv cache prune` on `cache`.

    Raises
    ------
    StackenvError
        If it fails.
    """
    try:
        words = [uv, "cache", "prune", "--no-config", "--color", "never", "--cache-dir", str(cache)]
        done = run_captured(words, environ, TIMEOUT_S, cwd="/")
    except subprocess.TimeoutExpired:
        raise StackenvError(f"{uv} cache prune did not end within {TIMEOUT_S} s") from None
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise StackenvError(f"{uv} did not report what is unused: {said or f'status {done.returncode}'}")


def find_symlinked(cache: Path, context: Context) -> str:
    """Return why environments of symbolic links into `cache` would break; empty if none is known."""
    if context.environ.get("UV_LINK_MODE") == "symlink":
        return "UV_LINK_MODE is symlink: environments whose files link to the cache would break"
    for file in list_uv_files(context.environ):
        with contextlib.suppress(OSError):
            if SYMLINK.search(read_file_text(file, errors="replace")):
                return (
                    f"link-mode is symlink in {file}: environments whose files link to the cache would break"
                )
    real = f"{os.path.realpath(cache)}/"
    for prefix in list_prefixes(context):
        for metadata in find_in_packages(prefix, "*.dist-info/METADATA"):
            if metadata.is_symlink() and os.path.realpath(metadata).startswith(real):
                return f"{prefix} consists of symbolic links into it and would break"
    return ""


def list_prefixes(context: Context) -> Iterator[Path]:
    """Yield the environments of this user that can be found, including those of `uv tool`."""
    environ = context.environ
    yield from list_venvs(context)
    yield from list_conda_prefixes(environ, context.configuration)
    share = find_user_folder(environ, "XDG_DATA_HOME", ".local/share")
    # docs.astral.sh/uv, reference/storage
    tools = find_absolute(environ.get("UV_TOOL_DIR", "")) or (share and share / "uv/tools")
    yield from list_folders(tools) if tools else ()
    active = find_absolute(environ.get("VIRTUAL_ENV", ""))
    yield from [active] if active else ()
