"""What is in a cache of uv's, and which of it uv itself would remove."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from stackenv.cleaning.in_use import list_venvs
from stackenv.conda.storage import list_conda_prefixes
from stackenv.environments.context import Context
from stackenv.environments.package_folders import find_in_packages
from stackenv.errors import StackenvError
from stackenv.user_paths import list_folders

TIMEOUT_S = 600
# The folders and files of a cache (uv's crates/uv-cache/src/lib.rs, CacheBucket): archive-v0, wheels-v6, ...
BUCKET = re.compile(r"[a-z]+(-[a-z]+)*-v\d+")
MARKS = re.compile(r"CACHEDIR\.TAG|\.gitignore|\.git|\.lock|\.tmp\w+")
# Those in which links lead to what is in others; files there tell which of several versions counts.
LINKING = ("wheels-", "built-wheels-", "sdists-")
POINTERS = ("revision.http", "revision.rev")
# Sources that were unpacked: no links of uv's are below.
SOURCES = "src"

# Thousands of folders and links for a while (shm_overview(7)); on a disk each takes some time.
MEMORY = Path("/dev/shm")


def is_uv_cache(folder: Path) -> bool:
    """Tell whether `folder` looks like a cache of uv's."""
    return any(BUCKET.fullmatch(path.name) for path in list_folders(folder))


def find_foreign(cache: Path) -> str:
    """Return something in `cache` that uv has not put there; empty without.

    `uv cache prune` deletes whatever is at the top and no part of the cache, and follows links in some of the
    parts to what they lead to; `uv cache clean` deletes the folder.
    """
    for path in list_folders(cache):
        if path.is_symlink() or not (BUCKET.fullmatch(path.name) or MARKS.fullmatch(path.name)):
            return str(path)
        if BUCKET.fullmatch(path.name) and not path.name.startswith(LINKING):
            for inside in list_folders(path):
                if inside.is_symlink():
                    return str(inside)
    return ""


def list_prunable(uv: str, cache: Path, environ: Mapping[str, str]) -> list[str]:
    """Return what `uv cache prune` would remove of `cache`.

    uv has no dry run of it: it is let loose on a sketch, of the folders and links alone.

    Raises
    ------
    StackenvError
        When uv fails; its words are in the message.
    """
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="stackenv-uv-", dir=place) as folder:
        sketch = Path(os.path.realpath(folder))
        drawn = list(draw(os.path.realpath(cache), sketch))
        prune(uv, sketch, environ)
        gone = [path for path in drawn if not os.path.lexists(sketch / path)]
    seen = set(gone)
    return [str(cache / path) for path in gone if os.path.dirname(path) not in seen]  # noqa: PTH120 (text)


def draw(cache: str, sketch: Path, inside: str = "") -> Iterator[str]:
    """Draw what is in the folder `inside` of `cache`; yield each path, those above others first.

    Of links those alone that stay inside: uv may delete what another one leads to.
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
    """Have `uv` prune the `cache`.

    Raises
    ------
    StackenvError
        When it fails.
    """
    try:
        done = subprocess.run(
            [uv, "cache", "prune", "--no-config", "--color", "never", "--cache-dir", str(cache)],
            env=dict(environ),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StackenvError(f"{uv} cache prune did not end within {TIMEOUT_S} s") from None
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise StackenvError(f"{uv} does not say what is unused: {said or f'status {done.returncode}'}")


def find_linked_from(cache: Path, context: Context) -> Path | None:
    """Return an environment of this user whose packages are symbolic links into `cache`; None without."""
    real = f"{os.path.realpath(cache)}/"
    prefixes = (*list_venvs(context), *list_conda_prefixes(context.environ, context.configuration))
    for prefix in prefixes:
        for metadata in find_in_packages(prefix, "*.dist-info/METADATA"):
            if metadata.is_symlink() and os.path.realpath(metadata).startswith(real):
                return prefix
    return None
