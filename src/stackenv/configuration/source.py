"""The bytes of a site configuration as text whose lines are the lines that an editor shows."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from stackenv.configuration.faults import file_error

SIZE_LIMIT_BYTES = 1024 * 1024

# YAML's characters (PyYAML, Reader.NON_PRINTABLE), less those that PyYAML takes for the end of a
# line and editors do not (U+0085, U+2028, U+2029): the lines in the errors would be wrong.
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_END = re.compile("\r\n|\n|\r")


def read_source(path: Path) -> str:
    """Read a site configuration as text.

    Parameters
    ----------
    path
        A regular file of UTF-8 text, at most 1 MiB.

    Returns
    -------
    str
        The text, without a byte order mark and without control characters.

    Raises
    ------
    ConfigurationError
        The file cannot be read or is not such text.
    """
    content = _read(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec drops a byte order mark before it counts; a mark holds no end of a line.
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"the file is not UTF-8 ({error.reason}); allowed: UTF-8 text"
        raise file_error(f"{path}:{line}: {problem}") from error
    bad = _UNREADABLE.search(text)
    if bad:
        lines = _LINE_END.split(text[: bad.start()])
        raise file_error(
            f"{path}:{len(lines)}:{len(lines[-1]) + 1}: "
            f"control character U+{ord(bad.group()):04X}; allowed: printable text"
        )
    return text


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise file_error(f"{path}: this is a folder; allowed: a YAML file")
        # Reading a named pipe would block, and a device may never end.
        if not stat.S_ISREG(mode):
            raise file_error(f"{path}: this is not a regular file; allowed: a YAML file")
        with path.open("rb") as stream:
            content = stream.read(SIZE_LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        reason = getattr(error, "strerror", None) or error
        raise file_error(f"{path}: cannot be read: {reason}") from error
    if len(content) > SIZE_LIMIT_BYTES:
        raise file_error(f"{path}: the file is too large; allowed: at most 1 MiB")
    return content
