"""Files and folders of an installation that are put in place, and out again when what follows fails."""

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

# What is kept of a file until all is done: a second name of it, so that its owner and times stay.
KEPT = ".stackenv-kept"
# There is no lock on the file system: Lustre that is mounted so, NFS for what was not opened for writing.
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keep others from installing into the folder `root` within the block; no file is left of it.

    Raises
    ------
    BusyError
        When somebody does already.
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
    """Within the block what is written can be read by all, whatever the umask: users have to load it."""
    before = current_umask()
    os.umask(before & 0o022)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def staged_folder(path: Path) -> Iterator[Path]:
    """Give `path`, where nothing is, also after the block, whatever a killed one has left there."""
    shutil.rmtree(path, ignore_errors=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def exchanged(staged: Path, place: Path) -> Iterator[None]:
    """Put the folder `staged` in the place of `place`, if that is there; when the block fails, out again.

    By renames: what was there keeps its owner, modes and times.
    """
    aside = place.with_name(f"{place.name}.old")
    if not place.is_dir() and aside.is_dir():
        # Of one that was killed between its two renames.
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
    """When the block fails, each of the files `paths` is again what it was, or is gone."""
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
                    # A rename to another name of the same file does nothing (rename(2)).
                    name.unlink(missing_ok=True)
                else:
                    path.unlink(missing_ok=True)
            for folder in sorted(set(made), reverse=True):
                remove_empty(folder)
        raise
    for name in names.values():
        name.unlink(missing_ok=True)


def remove_empty(folder: Path | None) -> None:
    """Remove `folder`, if it is one, with nothing in it."""
    if folder is not None and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
