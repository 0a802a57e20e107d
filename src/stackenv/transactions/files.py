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
    """Return the umask of this process; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


# Like the umask, this holds for the whole process: whether files are written for the group of a project,
# which may get more rights than it had.
FOR_GROUP = [False]


def write_file(
    path: Path, text: str | bytes, executable: bool = False, by_umask: bool = False, synced: bool = True
) -> None:
    """Write `text` to the file `path`, with mode 0666 or 0777 as limited by the umask.

    Group and others get no rights that they did not have on the existing file (`limit_mode`), even if the
    umask of this shell would give them. They can get more with `by_umask`, and in a project.

    Bytes that are not UTF-8, which `text` has as surrogate escapes, are written unchanged.

    The text is written to a draft beside `path`, synced, and renamed to `path`, so that there is never an
    incomplete file, even if the disk is full or the process is killed. If it is not synced, a crash of the
    machine may leave an empty file.

    Raises
    ------
    StackenvError
        If the folder or the file cannot be written; the existing file is unchanged.
    """
    with written_beside(path, text, executable, by_umask or FOR_GROUP[0], synced=synced) as temporary:
        temporary.replace(path)


def choose_mode(path: Path, executable: bool, by_umask: bool) -> int:
    """Return the mode for a file that is written to `path`."""
    mode = (0o777 if executable else 0o666) & ~current_umask()
    return mode if by_umask else limit_mode(path, mode)


def make_folders(folder: Path) -> None:
    """Create `folder` and its missing parents with the mode that the umask and `limit_mode` allow."""
    missing = list(itertools.takewhile(lambda path: not path.exists(), (folder, *folder.parents)))
    for path in reversed(missing):
        path.mkdir(0o777 if FOR_GROUP[0] else limit_mode(path, 0o777), exist_ok=True)


def limit_mode(path: Path, mode: int) -> int:
    """Return `mode` without rights that group and others do not have on `path` now.

    For a new file or a link, the folder decides: those who can enter it but not write to it do not get the
    right to write the file.
    """
    found = read_mode(path)
    if stat.S_ISREG(found):
        lacking = ~found & (stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH)
        # No right to run a file without the right to read it.
        return mode & ~lacking & ~((lacking & (stat.S_IRGRP | stat.S_IROTH)) >> 2)
    folder = read_mode(Path(os.path.realpath(path.parent)))
    entering = (folder & (stat.S_IXGRP | stat.S_IXOTH)) << 1
    return mode & ~(entering & ~folder)


def read_mode(path: Path) -> int:
    """Return the type and mode of `path`, without following a link; 0 if it does not exist."""
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def write_link(path: Path, target: str) -> None:
    """Make `path` a link to `target`; an existing file or link is replaced by one rename.

    Raises
    ------
    OSError
        If the link cannot be created; an existing file or link is unchanged.
    """
    # The name has the form that tempfile gives to the drafts of files.
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with postponing_stop():
        try:
            draft.symlink_to(target)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def write_new_file(path: Path, text: str | bytes, draft: str = "") -> None:
    """Create the file `path` with the complete `text`; `draft` is a part of the name of its draft.

    Raises
    ------
    TakenError
        If `path` exists, even if it was created at the last moment.
    StackenvError
        If it cannot be written, as in `write_file`.
    """
    with written_beside(path, text, by_umask=FOR_GROUP[0], draft=draft) as temporary:
        try:
            # link(2) fails if the file exists, also on NFS; a rename would replace it.
            os.link(temporary, path, follow_symlinks=False)
        except FileExistsError as error:
            raise TakenError(
                f"{path} was created by another program meanwhile and is left alone",
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
    """Yield a file beside `path` that contains `text`; it is removed after the block, even at a signal."""
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
                # By descriptor: in a folder that a group can write, the name may already be another file.
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
    """Within the block, turn an OSError into the error that `path` could not be written."""
    try:
        yield
    except OSError as error:
        raise StackenvError(
            f"{path} could not be written: {error.strerror}; what was there before is unchanged",
            f"check the permissions and the free space: ls -ld {quote_word(path.parent)}; df -h "
            f"{quote_word(path.parent)}",
        ) from error
