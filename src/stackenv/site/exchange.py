"""Put files and folders of an installation in place, and take them back if a later step fails."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from stackenv.errors import BusyError
from stackenv.transactions.files import current_umask
from stackenv.transactions.interruption import ignoring_stopping

# The suffix of a second name that keeps a file, with its owner and times, until everything is done.
KEPT = ".stackenv-kept"
# The file system has no locks: Lustre mounted without them, NFS for files not opened for writing.
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Prevent others from installing into the folder `root` within the block; no lock file is left behind.

    Raises
    ------
    BusyError
        If another process is already installing into it.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"another `stackenv site install` or `uninstall` is running on {root}; nothing was changed",
                "wait until it has finished, then run the same command again",
            ) from error
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def readable_for_all() -> Iterator[None]:
    """Make everything that the block writes readable for all users, whatever the umask."""
    before = current_umask()
    os.umask(before & 0o022)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def staged_folder(path: Path) -> Iterator[Path]:
    """Yield `path`, which does not exist and is removed afterwards, even if a killed run left it behind."""
    shutil.rmtree(path, ignore_errors=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def exchanged(staged: Path, place: Path) -> Iterator[None]:
    """Put the folder `staged` at `place`, replacing what is there; if the block fails, undo this.

    The folders are renamed, so the previous one keeps its owner, modes and times.
    """
    aside = place.with_name(f"{place.name}.old")
    if not place.is_dir() and aside.is_dir():
        # An earlier run was killed between its two renames.
        aside.rename(place)
    shutil.rmtree(aside, ignore_errors=True)
    had = place.is_dir()
    made_parent = not place.parent.is_dir()
    with ignoring_stopping():
        if had:
            place.rename(aside)
        place.parent.mkdir(exist_ok=True)
        staged.rename(place)
    try:
        yield
    except BaseException:
        with ignoring_stopping():
            place.rename(staged)
            if had:
                aside.rename(place)
            remove_empty(place.parent if made_parent else None)
        raise
    shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def kept(paths: Sequence[Path]) -> Iterator[None]:
    """Restore each of the files `paths`, or remove it if it was not there, when the block fails."""
    made = [folder for path in paths for folder in path.parents if not folder.is_dir()]
    names = {path: path.with_name(f".{path.name}{KEPT}") for path in paths}
    for path, name in names.items():
        name.unlink(missing_ok=True)
        if path.is_file():
            os.link(path, name, follow_symlinks=False)
    try:
        yield
    except BaseException:
        with ignoring_stopping():
            for path, name in names.items():
                if name.exists():
                    name.replace(path)
                    # Renaming to another name of the same file does nothing (rename(2)).
                    name.unlink(missing_ok=True)
                else:
                    path.unlink(missing_ok=True)
            for folder in sorted(set(made), reverse=True):
                remove_empty(folder)
        raise
    for name in names.values():
        name.unlink(missing_ok=True)


def remove_empty(folder: Path | None) -> None:
    """Remove `folder` if it is an empty folder."""
    if folder is not None and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
