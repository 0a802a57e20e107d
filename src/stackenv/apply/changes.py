"""Single changes of the disk; each may be carried out again when it was interrupted."""

from __future__ import annotations

import shutil
from pathlib import Path

from stackenv.apply.files import write_file
from stackenv.errors import StackenvError
from stackenv.model.plan import Change, MovePath, RemoveFile, RemoveTree, WriteFile


def make_writable(function: object, path: str, _: object) -> None:
    """Let shutil.rmtree go on where a package has installed a folder without write permission."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    folder.chmod(0o700)
    folder.parent.chmod(0o700)
    if callable(function):
        function(path)


def remove_tree(path: Path, proof: Path) -> None:
    """Delete the folder `path`, if it is empty or holds `proof`.

    `proof` goes last, so that an interrupted removal can be taken up again.

    Raises
    ------
    StackenvError
        When the folder is not ours.
    """
    if not path.is_dir() or path.is_symlink():
        return
    if not any(path.iterdir()):
        path.rmdir()
        return
    if not proof.is_file():
        raise StackenvError(
            f"{path} was not deleted: it does not hold {proof.name}, by which stackenv knows its own",
            f"look into it; if nobody needs it: rm -r {path}",
        )
    for entry in path.iterdir():
        if entry == proof or entry in proof.parents:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, onerror=make_writable)
        else:
            entry.unlink()
    shutil.rmtree(path, onerror=make_writable)


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
            write_file(Path(change.path), change.text)
        elif isinstance(change, RemoveFile):
            Path(change.path).unlink(missing_ok=True)
        elif isinstance(change, RemoveTree):
            remove_tree(Path(change.path), Path(change.proof))
        elif isinstance(change, MovePath):
            move_path(Path(change.source), Path(change.target))
    except OSError as error:
        place = error.filename or change
        raise StackenvError(
            f"{place} could not be changed: {error.strerror}", "mend that and type the same command again"
        ) from error
