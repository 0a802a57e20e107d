"""Read files that others may have written, but only regular files.

Reading a named pipe would wait, and a device may never end. All files in homes, environments and folders of
modules are read by these functions, so that a special file counts as one that cannot be read
(tests/pure/test_plain_files.py).
"""

from __future__ import annotations

import errno
import os
import stat

# As `typing` has it, whose import takes as long as the whole of `--version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

# More than any file of a package's metadata has; some list tens of thousands of files.
LARGEST = 1 << 26


class SpecialFileError(OSError):
    """A named pipe, a socket or a device is where a regular file is expected."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(errno.EINVAL, "not a regular file", os.fspath(path))


def open_file(path: str | os.PathLike[str], flags: int = 0, buffering: int = -1) -> BinaryIO:
    """Open the regular file `path` to be read, with the further `flags` of open(2).

    Raises
    ------
    SpecialFileError, IsADirectoryError, OSError
        When it is something else, or cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | flags)
    except OSError as error:
        # A socket, or a device without a driver (open(2)).
        if error.errno in (errno.ENXIO, errno.ENODEV):
            raise SpecialFileError(path) from error
        raise
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(mode):
            raise SpecialFileError(path)
        return open(descriptor, "rb", buffering)  # noqa: PTH123 (a descriptor, and whoever calls closes it)
    except OSError:
        os.close(descriptor)
        raise


def read_file_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return what the regular file `path` holds; raise OSError where it is none, or cannot be read."""
    with open_file(path) as stream:
        return stream.read()


def read_file_text(path: str | os.PathLike[str], encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return the text of the regular file `path`, its lines ended by LF alone, as Path.read_text does.

    Raises
    ------
    OSError
        When it cannot be read, or is not a regular file.
    ValueError
        When it is not text of this encoding.
    """
    text = read_file_bytes(path).decode(encoding, errors)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_plain(path: str | os.PathLike[str], follow: bool = True, largest: int = LARGEST) -> bytes | None:
    """Return what the file `path` holds; None where there is none, it is no regular file, or too large.

    Without `follow` a link is no file.
    """
    try:
        with open_file(path, 0 if follow else os.O_NOFOLLOW) as stream:
            return stream.read() if os.fstat(stream.fileno()).st_size <= largest else None
    except OSError:
        return None
