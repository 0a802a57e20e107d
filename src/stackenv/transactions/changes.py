"""Single changes of the disk; each may be carried out again when it was interrupted."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

from stackenv.errors import StackenvError
from stackenv.transactions.files import write_file
from stackenv.transactions.plan import (
    Change,
    MovePath,
    RemoveFile,
    RemoveFolder,
    RemoveTree,
    RestoreTree,
    WriteFile,
)


def open_up(folder: Path) -> None:
    """Let this user read and change `folder`; nothing when it is a link, or no folder."""
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENOENT):
            return
        raise
    try:
        # By the descriptor, which cannot be exchanged for a link meanwhile.
        Path(f"/proc/self/fd/{descriptor}").chmod(0o700)
    finally:
        os.close(descriptor)


def make_writable(function: object, path: str, _: object) -> None:
    """Let shutil.rmtree go on where a package has installed a folder without write permission."""
    place = Path(path)
    open_up(place.parent)
    if function in (os.unlink, os.rmdir):
        with contextlib.suppress(FileNotFoundError):
            place.rmdir() if function is os.rmdir else place.unlink()
        return
    # The folder could not be opened or read. If that is still so, the error is the user's to see.
    open_up(place)
    os.close(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY))
    shutil.rmtree(path, onerror=make_writable)


def delete(path: Path) -> None:
    """Delete the file, link or folder `path`."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=make_writable)
        return
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        open_up(path.parent)
        path.unlink(missing_ok=True)


def remove_tree(path: Path, proof: Path) -> None:
    """Delete the folder `path`, if it holds the file `proof` or no file at all; else leave it as it is.

    `proof` goes last, so that an interrupted removal can be taken up again.
    """
    if not path.is_dir() or path.is_symlink():
        return
    on_the_way = [folder for folder in (*reversed(proof.parents), proof) if path in folder.parents]
    if proof.is_file():
        for folder in (path, *on_the_way[:-1]):
            for entry in folder.iterdir():
                if entry not in on_the_way:
                    delete(entry)
        delete(proof)
    # Folders without a file in them: of a removal, or of a making, that was interrupted here.
    for folder in (*reversed(on_the_way[:-1]), path):
        remove_folder(folder)


def remove_folder(path: Path) -> None:
    """Delete the folder `path`; nothing when it is not there or not empty."""
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        path.rmdir()


def move_path(source: Path, target: Path) -> None:
    """Rename `source` to `target`; nothing when that has happened already."""
    if source.exists() or source.is_symlink():
        source.rename(target)


def carry_out_change(change: Change, ended_s: float | None = None) -> None:
    """Carry out one change.

    Of a command that was killed `ended_s` says when it was last alive: what users have done since is not
    undone.

    Raises
    ------
    StackenvError
        When the disk refuses; the path is named. When there is work of a user that would be undone.
    """
    try:
        if isinstance(change, WriteFile):
            write_file(Path(change.path), change.text, change.executable)
        elif isinstance(change, RemoveFile):
            Path(change.path).unlink(missing_ok=True)
        elif isinstance(change, RemoveTree):
            remove_tree(Path(change.path), Path(change.proof))
        elif isinstance(change, RemoveFolder):
            remove_folder(Path(change.path))
        elif isinstance(change, MovePath):
            move_path(Path(change.source), Path(change.target))
        elif isinstance(change, RestoreTree):
            # It deletes by what stands here.
            from stackenv.transactions.backup import put_back

            put_back(Path(change.path), Path(change.kept), ended_s)
    except OSError as error:
        place = error.filename or change
        raise StackenvError(
            f"{place} could not be changed: {error.strerror}", "correct that and type the same command again"
        ) from error
