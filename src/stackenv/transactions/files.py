"""Write files completely or not at all."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from stackenv.errors import StackenvError, TakenError, quote_word
from stackenv.transactions.postponing import postponing_stop


def current_umask() -> int:
    """Return the umask of this process; there is no call that reads without setting."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


# Of this process, as the umask is: whether what is written is for the group of a project, which may get
# more rights than it had.
FOR_GROUP = [False]


def write_file(
    path: Path, text: str | bytes, executable: bool = False, by_umask: bool = False, synced: bool = True
) -> None:
    """Make the file `path` hold `text`, with the mode that the umask leaves of 0666 or 0777.

    Nobody gets rights by that who had none, as by the umask of another shell than that in which the file
    was first written (`limit_mode`), but with `by_umask` and the group of a project.

    Bytes that are no UTF-8, which `text` has as surrogateescape gives them, are written as they were.

    The text is written beside `path`, synced, and renamed over it, so that a reader, a full disk or
    a killed process never leaves half a file. Not synced, a machine that fails may leave an empty one.

    Raises
    ------
    StackenvError
        When the folder or the file cannot be written; what was there before is untouched.
    """
    with written_beside(path, text, executable, by_umask or FOR_GROUP[0], synced=synced) as temporary:
        temporary.replace(path)


def choose_mode(path: Path, executable: bool, by_umask: bool) -> int:
    """Return the mode of the file that is going to be written to `path`."""
    mode = (0o777 if executable else 0o666) & ~current_umask()
    return mode if by_umask else limit_mode(path, mode)


def make_folders(folder: Path) -> None:
    """Make `folder`, and those above it, where they are missing, by the umask and `limit_mode`."""
    missing = list(itertools.takewhile(lambda path: not path.exists(), (folder, *folder.parents)))
    for path in reversed(missing):
        path.mkdir(0o777 if FOR_GROUP[0] else limit_mode(path, 0o777), exist_ok=True)


def limit_mode(path: Path, mode: int) -> int:
    """Return `mode` without what it gives to group and others beyond what they may do to `path` now.

    What they may do to a file that is not there yet, or a link, its folder says: who can enter it, and
    cannot write there, cannot write the file either.
    """
    found = read_mode(path)
    if stat.S_ISREG(found):
        lacking = ~found & (stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH)
        # Nobody runs what they may not read.
        return mode & ~lacking & ~((lacking & (stat.S_IRGRP | stat.S_IROTH)) >> 2)
    folder = read_mode(Path(os.path.realpath(path.parent)))
    entering = (folder & (stat.S_IXGRP | stat.S_IXOTH)) << 1
    return mode & ~(entering & ~folder)


def read_mode(path: Path) -> int:
    """Return type and mode of `path`, that of a link for itself; 0 where it is not there."""
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def write_link(path: Path, target: str) -> None:
    """Make `path` a link to `target`, in the place of a file or link that is there, by one rename.

    Raises
    ------
    OSError
        When the disk refuses; what was there before is untouched.
    """
    # As tempfile names the drafts of files.
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with postponing_stop():
        try:
            draft.symlink_to(target)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def write_new_file(path: Path, text: str | bytes, draft: str = "") -> None:
    """Make the file `path` with `text`, whole, where there is none; `draft` is in the name that it has first.

    Raises
    ------
    TakenError
        When there is something at `path`, whoever put it there and however late.
    StackenvError
        As `write_file` does.
    """
    with written_beside(path, text, by_umask=FOR_GROUP[0], draft=draft) as temporary:
        try:
            # Refused where there is one, also on NFS: a rename would replace it.
            os.link(temporary, path, follow_symlinks=False)
        except FileExistsError as error:
            raise TakenError(
                f"{path} was created by somebody else meanwhile and is left alone",
                "choose another name, or another --version",
            ) from error


@contextlib.contextmanager
def written_beside(
    path: Path,
    text: str | bytes,
    executable: bool = False,
    by_umask: bool = False,
    draft: str = "",
    synced: bool = True,
) -> Iterator[Path]:
    """Yield a file beside `path` that holds `text`; it is gone after the block, also at a signal."""
    with postponing_stop(), refusing_to_write(path):
        temporary = None
        try:
            make_folders(path.parent)
            handle, temporary = tempfile.mkstemp(
                dir=path.parent, prefix=f".{path.name}.{draft}{draft and '.'}"
            )
            with open(handle, "wb") as stream:  # noqa: PTH123 (a descriptor)
                stream.write(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
                stream.flush()
                # By the descriptor: in a folder that a group may write the name can lead elsewhere by now.
                os.fchmod(handle, choose_mode(path, executable, by_umask))
                if synced:
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
            f"{path} could not be written: {error.strerror}; what was there before is unchanged",
            f"check the permissions and the free space: ls -ld {quote_word(path.parent)}; df -h "
            f"{quote_word(path.parent)}",
        ) from error
