"""Which files in an environment were written by stackenv, and which belong to the user."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.environments.added_files import CARRY, LAYERS
from stackenv.environments.launchers import is_link_to
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.text import is_as_written, render_installed_file
from stackenv.plain_files import open_file
from stackenv.record import FOLDER, RECORD_FILE
from stackenv.transactions.changes import Change, RemoveFile, RemoveTree, WriteFile, WriteLink
from stackenv.transactions.transaction import read_text

LARGEST = 1 << 16
# The pip.conf of older stackenv versions, which has no hash in its first line. Can be removed after 0.3.
WITHOUT_HASH = re.compile(
    rf"# {STACKENV_UUID}\n(\[(download|wheel|lock|install)\]\n(constraint = file:\S+\n)?)+user = false\n"
)


def is_layer_file(file: InstalledFile) -> bool:
    """Return whether `file` is one of those that set the order of a venv's packages."""
    return LAYERS in file.text or Path(file.path).stem in (LAYERS, CARRY)


def is_in_folder(file: InstalledFile, prefix: str) -> bool:
    """Return whether `file` is in stackenv's folder of the environment at `prefix`."""
    return file.path.startswith(f"{prefix}/{FOLDER}/")


def is_users(file: InstalledFile, prefix: str) -> bool:
    """Return whether the path of `file` holds something that stackenv did not write.

    An empty file does not count: a full disk leaves one behind.
    """
    path = Path(file.path)
    if is_in_folder(file, prefix) or is_layer_file(file) or not os.path.lexists(path):
        return False
    if file.link and is_link_to(path, str(Path(path.parent, file.link))):
        return False
    if path.is_symlink() or not path.is_file():
        return True
    # Not the whole file: it may be a program of 60 MB.
    with open_file(path) as stream:
        start = stream.read(LARGEST)
    # The files that stackenv writes for conda have no room for the mark.
    return (
        bool(start) and STACKENV_UUID.encode() not in start and start != render_installed_file(file).encode()
    )


def is_edited(file: InstalledFile) -> bool:
    """Return whether the user has changed `file` after stackenv wrote it.

    Only files whose first line has a hash of the rest can show it: the settings of tools, which users edit.
    """
    text = (is_as_written(file.text) and read_text(Path(file.path))) or ""
    return bool(text) and not (is_as_written(text) or WITHOUT_HASH.fullmatch(text))


def plan_kept_files(
    files: Iterable[InstalledFile], prefix: str
) -> tuple[tuple[str, ...], tuple[WriteFile, ...]]:
    """Return sentences and changes that save each of `files` that the user has edited under a new name."""
    sentences, changes = [], []
    for file in files:
        if is_edited(file) and not is_users(file, prefix):
            kept = find_free(Path(file.path))
            sentences.append(f"keep {file.path}, which was changed by hand, as {kept}")
            changes.append(WriteFile(str(kept), read_text(Path(file.path)) or ""))
    return tuple(sentences), tuple(changes)


def find_free(path: Path) -> Path:
    """Return the first free name for a copy of `path`: `path`.orig, then `path`.orig.2 and so on."""
    first = Path(f"{path}.orig")
    names = itertools.chain([first], (Path(f"{first}.{number}") for number in itertools.count(2)))
    return next(name for name in names if not os.path.lexists(name))


def list_lost_files(files: Iterable[InstalledFile], prefix: str) -> list[InstalledFile]:
    """Return those of `files` that are missing or empty, except where the user has a file instead."""
    return [file for file in files if not is_users(file, prefix) and not has_contents(Path(file.path))]


def list_unused_files(files: Iterable[InstalledFile], prefix: str) -> list[InstalledFile]:
    """Return those of `files` that are not needed now, because the environment has the program itself.

    They stand in for the program of a package, such as pip, that the environment does not have. Environments
    of older stackenv versions have their own pip, and none of these files.
    """
    stand_ins = [file for file in files if file.stand_in]
    own = any(is_users(file, prefix) for file in stand_ins)
    return [file for file in stand_ins if own and is_in_folder(file, prefix)]


def has_contents(path: Path) -> bool:
    """Return whether `path` is a file that is not empty."""
    return path.is_file() and path.stat().st_size > 0


def list_stand_ins(files: Iterable[InstalledFile], prefix: str) -> frozenset[Path]:
    """Return those of `files` that now replace the program of a package."""
    return frozenset(
        Path(file.path)
        for file in files
        if file.stand_in and has_contents(Path(file.path)) and not is_users(file, prefix)
    )


def plan_file_rewriting(files: Iterable[InstalledFile], prefix: str) -> tuple[Change, ...]:
    """Return the changes that rewrite `files`, except where the user has a file of that name."""
    return tuple(
        WriteFile(file.path, render_installed_file(file), file.executable)
        for file in files
        if not is_users(file, prefix)
    )


def plan_file_removal(files: Iterable[InstalledFile], prefix: str) -> tuple[Change, ...]:
    """Return the changes that remove `files` and the record from the environment at `prefix`."""
    changes: list[Change] = []
    for file in files:
        path = Path(file.path)
        if is_in_folder(file, prefix) or is_users(file, prefix) or not path.exists():
            continue
        if file.link:
            changes.append(WriteLink(file.path, file.link))
            continue
        changes.append(RemoveFile(file.path))
        changes += [RemoveFile(str(c)) for c in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")]
    return (*changes, RemoveTree(f"{prefix}/{FOLDER}", f"{prefix}/{RECORD_FILE}"))
