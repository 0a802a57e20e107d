"""Cache files that only their user can have written; without a cache folder, nothing is stored or said."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from stackenv.plain_files import open_file
from stackenv.user_paths import find_user_folder

# Twice what a site configuration may hold, and what it becomes; the largest of what is kept.
LARGEST_BYTES = 4 * 1024 * 1024
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def find_cache(environ: Mapping[str, str], name: str) -> Path | None:
    """Return where `environ` has the file `name`, FOLDER/FILE, of the caches; None without a home."""
    caches = find_user_folder(environ, "XDG_CACHE_HOME", ".cache")
    return caches / name if caches else None


def read_private(path: Path) -> str:
    """Return the text of the file `path`.

    Raises
    ------
    OSError, ValueError
        When it cannot be read, or it or its folder is another user's, or writable by others.
    """
    text, status = read_file(path, os.O_NOFOLLOW)
    if not is_private(status) or not is_private(path.parent.stat()):
        raise ValueError("others may have written it")
    return text


def read_file(path: Path, flags: int = 0) -> tuple[str, os.stat_result]:
    """Return text and status of the regular file `path`, opened with `flags`; ValueError if too large."""
    with open_file(path, flags) as stream:
        status = os.fstat(stream.fileno())
        if status.st_size > LARGEST_BYTES:
            raise ValueError("not a file that stackenv writes")
        # Buffered: on a file system of the network a single read may return less than there is.
        return stream.read(LARGEST_BYTES).decode(), status


def is_private(status: os.stat_result) -> bool:
    """Return whether a file or folder is this user's, and others cannot write it."""
    return status.st_uid == os.geteuid() and not status.st_mode & WRITABLE_BY_OTHERS


def write_private(path: Path, text: str) -> None:
    """Make the file `path` hold `text`, whole or not at all; not in another user's folder."""
    draft = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}")
    with contextlib.suppress(OSError):
        caches, me = path.parent.parent, os.geteuid()
        # With another user's HOME, as by sudo, the files would be in that user's way.
        if not caches.is_dir() and caches.parent.stat().st_uid == me:
            caches.mkdir(0o700)
        if caches.stat().st_uid == me:
            path.parent.mkdir(0o700, exist_ok=True)
        if not is_private(path.parent.stat()):
            return
        # Not synced: what a crash cuts short is no JSON, and is made again.
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "w", encoding="utf-8") as stream:  # noqa: PTH123
                stream.write(text)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
