"""Read files and folders that other users wrote, as an admin, often as root.

No link is followed that its owner could redirect, no device or FIFO is opened, and nothing is read without a
limit.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST_BYTES = 16_000_000
MOST_ENTRIES = 100_000
MOST_LINKS = 40


@dataclass(frozen=True)
class UntrustedFile:
    """The contents of a file, the user ID of its owner, and when it was written, in seconds.

    `identity` is its device and inode, which are the same for every path to it.
    """

    text: str
    owner: int
    written_s: float
    identity: tuple[int, int]


def open_name(folder: int, name: str) -> int:
    """Return a path-only handle of `name` in the folder with the handle `folder`; links are not followed."""
    return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)


def is_trusted_link(folder: int, link: int) -> bool:
    """Return whether only root or the caller can have made `link` in `folder`, such as a site's /home."""
    trusted = (0, os.geteuid())
    return os.fstat(link).st_uid in trusted and os.fstat(folder).st_uid in trusted


@contextlib.contextmanager
def opened_path(path: Path) -> Iterator[int]:
    """Yield a path-only handle of the absolute `path`.

    Raises
    ------
    OSError
        If it does not exist, cannot be reached, or is behind a link that its owner could redirect.
    """
    if ".." in path.parts or not path.is_absolute():
        raise OSError(errno.EINVAL, "not an absolute path", str(path))
    names, links = list(reversed(path.parts[1:])), 0
    handle = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while names:
            name = names.pop()
            found = open_name(handle, name)
            if not stat.S_ISLNK(os.fstat(found).st_mode):
                os.close(handle)
                handle = found
                continue
            try:
                links += 1
                if links > MOST_LINKS or not is_trusted_link(handle, found):
                    raise OSError(errno.ELOOP, f"{name} is a link, which is not followed", str(path))
                target = Path(os.readlink("", dir_fd=found))
            finally:
                os.close(found)
            if target.is_absolute():
                os.close(handle)
                handle = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            names += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        yield handle
    finally:
        os.close(handle)


def read_untrusted(path: Path, first_bytes: int = 0) -> UntrustedFile:
    """Return the contents of the file `path`, or only its first `first_bytes`.

    Raises
    ------
    OSError
        If it cannot be read, is behind a link, is not a regular file, or is too large to be read completely.
    """
    with opened_path(path.parent) as folder:
        status = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        # It may have been replaced: a FIFO would block, and a link could point to what only root may read.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        handle = os.open(path.name, flags, dir_fd=folder)
    with open(handle, "rb") as stream:  # noqa: PTH123 (a descriptor)
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if not first_bytes and status.st_size > LARGEST_BYTES:
            raise OSError(errno.EFBIG, f"too large ({status.st_size} bytes)", str(path))
        text = stream.read(first_bytes or LARGEST_BYTES).decode("utf-8", "replace")
        return UntrustedFile(text, status.st_uid, status.st_mtime, (status.st_dev, status.st_ino))


def list_untrusted(path: Path) -> list[str]:
    """Return the names in the folder `path`, sorted, without hidden ones.

    Raises
    ------
    OSError
        If it cannot be read, is behind a link, or has too many entries.
    """
    names: list[str] = []
    with opened_path(path) as folder:
        handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        with os.scandir(handle) as entries:
            for entry in entries:
                if len(names) > MOST_ENTRIES:
                    raise OSError(errno.EFBIG, f"more than {MOST_ENTRIES} entries", str(path))
                if not entry.name.startswith("."):
                    names.append(entry.name)
    finally:
        os.close(handle)
    return sorted(names)


def make_printable(text: str) -> str:
    """Return `text` with ? for each control character, which a terminal would obey instead of showing."""
    return "".join(c if c.isprintable() else "?" for c in text)
