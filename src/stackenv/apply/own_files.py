"""Which of the files in an environment stackenv wrote, and which are the user's own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.describe.venv import LAYERS
from stackenv.model import InstalledFile
from stackenv.model.plan import Change, RemoveFile, RemoveTree, WriteFile
from stackenv.model.record import FOLDER, RECORD_FILE
from stackenv.render import render_installed_file

LARGEST = 1 << 16


def is_layer_file(file: InstalledFile) -> bool:
    """Tell whether `file` is one of those that put a venv's packages in order."""
    return LAYERS in file.text or LAYERS in Path(file.path).name


def is_in_folder(file: InstalledFile, prefix: str) -> bool:
    """Tell whether `file` is in stackenv's folder of the environment at `prefix`."""
    return file.path.startswith(f"{prefix}/{FOLDER}/")


def is_users(file: InstalledFile, prefix: str) -> bool:
    """Tell whether there is something at the place of `file` that stackenv did not write.

    An empty file is nobody's: a full disk leaves one.
    """
    path = Path(file.path)
    if is_in_folder(file, prefix) or is_layer_file(file) or not os.path.lexists(path):
        return False
    if path.is_symlink() or not path.is_file():
        return True
    # A program of 60 MB is no file of ours.
    with path.open("rb") as stream:
        start = stream.read(LARGEST)
    # conda's files of ours have no place for the mark.
    return (
        bool(start) and STACKENV_UUID.encode() not in start and start != render_installed_file(file).encode()
    )


def list_lost_files(files: Iterable[InstalledFile], prefix: str) -> list[InstalledFile]:
    """Return those of `files` that are gone or empty, and in whose place the user has no own one."""
    return [file for file in files if not is_users(file, prefix) and not has_contents(Path(file.path))]


def has_contents(path: Path) -> bool:
    """Tell whether `path` is a file that is not empty."""
    return path.is_file() and path.stat().st_size > 0


def rewrite_files(files: Iterable[InstalledFile], prefix: str) -> tuple[Change, ...]:
    """Return the changes that write `files` anew, but none over the user's own."""
    return tuple(
        WriteFile(file.path, render_installed_file(file), file.executable)
        for file in files
        if not is_users(file, prefix)
    )


def remove_files(files: Iterable[InstalledFile], prefix: str) -> tuple[Change, ...]:
    """Return the changes that take `files`, and the record, out of the environment at `prefix`."""
    changes: list[Change] = []
    for file in files:
        path = Path(file.path)
        if is_in_folder(file, prefix) or is_users(file, prefix) or not path.exists():
            continue
        changes.append(RemoveFile(file.path))
        changes += [RemoveFile(str(c)) for c in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")]
    return (*changes, RemoveTree(f"{prefix}/{FOLDER}", f"{prefix}/{RECORD_FILE}"))
