"""Single changes of the disk; each may be carried out again when it was interrupted."""

from __future__ import annotations

import shutil
from pathlib import Path

from stackenv.apply.files import write_file
from stackenv.errors import StackenvError
from stackenv.model.plan import Change, MovePath, RemoveFile, RemoveFolder, RemoveTree, WriteFile


def make_writable(function: object, path: str, _: object) -> None:
    """Let shutil.rmtree go on where a package has installed a folder without write permission."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    folder.chmod(0o700)
    folder.parent.chmod(0o700)
    if callable(function):
        function(path)


def delete(path: Path) -> None:
    """Delete the file, link or folder `path`."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=make_writable)
        return
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        path.parent.chmod(0o700)
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


def carry_out_change(change: Change) -> None:
    """Carry out one change.

    Raises
    ------
    StackenvError
        When the disk refuses; the path is named.
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
    except OSError as error:
        place = error.filename or change
        raise StackenvError(
            f"{place} could not be changed: {error.strerror}", "mend that and type the same command again"
        ) from error
