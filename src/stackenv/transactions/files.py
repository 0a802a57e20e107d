"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stackenv.errors import StackenvError, TakenError, quote_word
from stackenv.transactions.postponing import postponing_stop


def current_umask() -> int:
    """Return the umask of this process; there is no call that reads without setting."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def write_file(path: Path, text: str | bytes, executable: bool = False) -> None:
    """Make the file `path` hold `text`, with the mode that the umask leaves of 0666 or 0777.

    Bytes that are no UTF-8, which `text` has as surrogateescape gives them, are written as they were.

    The text is written beside `path`, synced, and renamed over it, so that a reader, a full disk or
    a killed process never leaves half a file.

    Raises
    ------
    StackenvError
        When the folder or the file cannot be written; what was there before is untouched.
    """
    with written_beside(path, text, executable) as temporary:
        temporary.replace(path)


def write_new_file(path: Path, text: str | bytes, draft: str = "") -> None:
    """Make the file `path` with `text`, whole, where there is none; `draft` is in the name that it has first.

    Raises
    ------
    TakenError
        When there is something at `path`, whoever put it there and however late.
    StackenvError
        As `write_file` does.
    """
    with written_beside(path, text, draft=draft) as temporary:
        try:
            # Refused where there is one, also on NFS: a rename would replace it.
            os.link(temporary, path, follow_symlinks=False)
        except FileExistsError as error:
            raise TakenError(
                f"{path} was made by somebody else meanwhile: it is left alone",
                "take another name, or another --version",
            ) from error


@contextlib.contextmanager
def written_beside(
    path: Path, text: str | bytes, executable: bool = False, draft: str = ""
) -> Iterator[Path]:
    """Yield a file beside `path` that holds `text`, synced; it is gone after the block, also at a signal."""
    with postponing_stop(), refusing_to_write(path):
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(
                dir=path.parent, prefix=f".{path.name}.{draft}{draft and '.'}"
            )
            with open(handle, "wb") as stream:  # noqa: PTH123 (a descriptor)
                stream.write(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
                stream.flush()
                # By the descriptor: in a folder that a group may write the name can lead elsewhere by now.
                os.fchmod(handle, (0o777 if executable else 0o666) & ~current_umask())
                os.fsync(handle)
            yield Path(temporary)
        finally:
            if temporary:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()


@contextlib.contextmanager
def refusing_to_write(path: Path) -> Iterator[None]:
    """Within the block an OSError says that `path` could not be written."""
    try:
        yield
    except OSError as error:
        raise StackenvError(
            f"{path} could not be written: {error.strerror}; what was there before is untouched",
            f"look at the permissions and the free space: ls -ld {quote_word(path.parent)}; "
            f"df -h {quote_word(path.parent)}",
        ) from error
