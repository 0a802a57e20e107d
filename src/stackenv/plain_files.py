"""Read files that others may have written, but only regular files.

Reading a named pipe would block, and a device may never end. All files in homes, environments and folders of
modules are read with these functions, so that a special file counts as one that cannot be read
(tests/pure/test_plain_files.py).
"""

from __future__ import annotations

import errno
import os
import stat

# Defined here, because importing `typing` takes as long as all of `stackenv --version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

# Larger than any metadata file of a package, some of which list tens of thousands of files.
LARGEST = 1 << 26


class SpecialFileError(OSError):
    """A named pipe, a socket or a device was found instead of a regular file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(errno.EINVAL, "not a regular file", os.fspath(path))


def open_file(path: str | os.PathLike[str], flags: int = 0, buffering: int = -1) -> BinaryIO:
    """Open the regular file `path` for reading, with additional `flags` of open(2).

    Raises
    ------
    SpecialFileError, IsADirectoryError, OSError
        If it is not a regular file, or cannot be opened.
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
        return open(descriptor, "rb", buffering)  # noqa: PTH123 (a descriptor; the caller closes it)
    except OSError:
        os.close(descriptor)
        raise


def read_file_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the contents of the regular file `path`; raise OSError if it is not one, or cannot be read."""
    with open_file(path) as stream:
        return stream.read()


def read_file_text(path: str | os.PathLike[str], encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return the text of the regular file `path`, with LF as the only line end, as Path.read_text does.

    Raises
    ------
    OSError
        If it is not a regular file, or cannot be read.
    ValueError
        If it is not text in this encoding.
    """
    text = read_file_bytes(path).decode(encoding, errors)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_plain(path: str | os.PathLike[str], follow: bool = True, largest: int = LARGEST) -> bytes | None:
    """Return the contents of the file `path`; None if it cannot be read, is not a regular file, or too large.

    Without `follow`, a link does not count as a file.
    """
    try:
        with open_file(path, 0 if follow else os.O_NOFOLLOW) as stream:
            return stream.read() if os.fstat(stream.fileno()).st_size <= largest else None
    except OSError:
        return None
