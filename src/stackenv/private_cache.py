"""Cache files that only their user can have written; without a cache folder, nothing is stored or said."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from stackenv.plain_files import open_file
from stackenv.user_paths import find_user_folder

# The largest entry contains a site configuration, of at most 1 MiB, and the settings read from it; this is
# twice the size of both.
LARGEST_BYTES = 4 * 1024 * 1024
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def find_cache(environ: Mapping[str, str], name: str) -> Path | None:
    """Return the path of the cache file `name`, FOLDER/FILE, with `environ`; None without a home folder."""
    caches = find_user_folder(environ, "XDG_CACHE_HOME", ".cache")
    return caches / name if caches else None


def read_private(path: Path) -> str:
    """Return the text of the file `path`.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or if it or its folder belongs to another user or is writable by others.
    """
    text, status = read_file(path, os.O_NOFOLLOW)
    if not is_private(status) or not is_private(path.parent.stat()):
        raise ValueError("others may have written it")
    return text


def read_file(path: Path, flags: int = 0) -> tuple[str, os.stat_result]:
    """Return the text and the status of the regular file `path`, opened with `flags`.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is too large.
    """
    with open_file(path, flags) as stream:
        status = os.fstat(stream.fileno())
        if status.st_size > LARGEST_BYTES:
            raise ValueError("not a file that stackenv writes")
        # A buffered read: on a network file system, a single read may return only a part.
        return stream.read(LARGEST_BYTES).decode(), status


def is_private(status: os.stat_result) -> bool:
    """Return whether a file or folder belongs to this user, and others cannot write it."""
    return status.st_uid == os.geteuid() and not status.st_mode & WRITABLE_BY_OTHERS


def write_private(path: Path, text: str) -> None:
    """Write `text` to the file `path`, completely or not at all, and never in another user's folder."""
    draft = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}")
    with contextlib.suppress(OSError):
        caches, me = path.parent.parent, os.geteuid()
        # With the HOME of another user, as with sudo, the files would disturb that user.
        if not caches.is_dir() and caches.parent.stat().st_uid == me:
            caches.mkdir(0o700)
        if caches.stat().st_uid == me:
            path.parent.mkdir(0o700, exist_ok=True)
        if not is_private(path.parent.stat()):
            return
        # Not synced: a file that a crash cuts short is not valid JSON, and is written again.
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "w", encoding="utf-8") as stream:  # noqa: PTH123
                stream.write(text)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
