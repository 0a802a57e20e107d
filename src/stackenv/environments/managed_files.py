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
# pip.conf as stackenv wrote it before its first line had a hash; not needed after 0.3.
WITHOUT_HASH = re.compile(
    rf"# {STACKENV_UUID}\n(\[(download|wheel|lock|install)\]\n(constraint = file:\S+\n)?)+user = false\n"
)


def is_layer_file(file: InstalledFile) -> bool:
    """Return whether `file` is one of those that put a venv's packages in order."""
    return LAYERS in file.text or Path(file.path).stem in (LAYERS, CARRY)


def is_in_folder(file: InstalledFile, prefix: str) -> bool:
    """Return whether `file` is in stackenv's folder of the environment at `prefix`."""
    return file.path.startswith(f"{prefix}/{FOLDER}/")


def is_users(file: InstalledFile, prefix: str) -> bool:
    """Return whether there is something at the place of `file` that stackenv did not write.

    An empty file is nobody's: a full disk leaves one.
    """
    path = Path(file.path)
    if is_in_folder(file, prefix) or is_layer_file(file) or not os.path.lexists(path):
        return False
    if file.link and is_link_to(path, str(Path(path.parent, file.link))):
        return False
    if path.is_symlink() or not path.is_file():
        return True
    # A program of 60 MB is no file of ours.
    with open_file(path) as stream:
        start = stream.read(LARGEST)
    # conda's files of ours have no place for the mark.
    return (
        bool(start) and STACKENV_UUID.encode() not in start and start != render_installed_file(file).encode()
    )


def is_edited(file: InstalledFile) -> bool:
    """Return whether the user has changed what stackenv wrote at the place of `file`.

    Known of those whose first line has a hash of the rest: the settings of tools, which users may add to.
    """
    text = (is_as_written(file.text) and read_text(Path(file.path))) or ""
    return bool(text) and not (is_as_written(text) or WITHOUT_HASH.fullmatch(text))


def plan_kept_files(
    files: Iterable[InstalledFile], prefix: str
) -> tuple[tuple[str, ...], tuple[WriteFile, ...]]:
    """Return how what the user has changed in `files` is kept beside each: sentences, and changes."""
    sentences, changes = [], []
    for file in files:
        if is_edited(file) and not is_users(file, prefix):
            kept = find_free(Path(file.path))
            sentences.append(f"keep {file.path}, which was changed by hand, as {kept}")
            changes.append(WriteFile(str(kept), read_text(Path(file.path)) or ""))
    return tuple(sentences), tuple(changes)


def find_free(path: Path) -> Path:
    """Return the first free name for what `path` held: with .orig, then with a number."""
    first = Path(f"{path}.orig")
    names = itertools.chain([first], (Path(f"{first}.{number}") for number in itertools.count(2)))
    return next(name for name in names if not os.path.lexists(name))


def list_lost_files(files: Iterable[InstalledFile], prefix: str) -> list[InstalledFile]:
    """Return those of `files` that are gone or empty, and in whose place the user has no own one."""
    return [file for file in files if not is_users(file, prefix) and not has_contents(Path(file.path))]


def list_unused_files(files: Iterable[InstalledFile], prefix: str) -> list[InstalledFile]:
    """Return which of `files` nothing needs now: they are for the time when a package's own program is gone.

    Environments that an older stackenv made have a pip of their own, and none of these.
    """
    stand_ins = [file for file in files if file.stand_in]
    own = any(is_users(file, prefix) for file in stand_ins)
    return [file for file in stand_ins if own and is_in_folder(file, prefix)]


def has_contents(path: Path) -> bool:
    """Return whether `path` is a file that is not empty."""
    return path.is_file() and path.stat().st_size > 0


def list_stand_ins(files: Iterable[InstalledFile], prefix: str) -> frozenset[Path]:
    """Return which of `files` are now in the place of a package's program that does the same."""
    return frozenset(
        Path(file.path)
        for file in files
        if file.stand_in and has_contents(Path(file.path)) and not is_users(file, prefix)
    )


def plan_file_rewriting(files: Iterable[InstalledFile], prefix: str) -> tuple[Change, ...]:
    """Return the changes that rewrite `files`, but none over the user's own."""
    return tuple(
        WriteFile(file.path, render_installed_file(file), file.executable)
        for file in files
        if not is_users(file, prefix)
    )


def plan_file_removal(files: Iterable[InstalledFile], prefix: str) -> tuple[Change, ...]:
    """Return the changes that take `files`, and the record, out of the environment at `prefix`."""
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
