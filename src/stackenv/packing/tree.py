"""The contents of a folder, entry by entry, to compare two folders."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Callable

from stackenv.errors import StackenvError, quote_word
from stackenv.transactions.file_hash import hash_file


@dataclass(frozen=True)
class TreeEntry:
    """A file, link or folder.

    `mode` is its kind and permissions, as in `ls -l`; `size_bytes` is the size of a file; `contents` is the
    SHA-256 of a file, or the target of a link.
    """

    mode: str
    size_bytes: int = 0
    contents: str = ""


def read_tree(folder: Path, advance: Callable[[int], None] = lambda _: None) -> dict[str, TreeEntry]:
    """Return all entries of `folder`, including itself, by their relative path.

    `advance` is called with 1 for each entry read.

    Raises
    ------
    StackenvError
        If an entry cannot be read, or is neither file, link nor folder.
    """
    entries = {}
    for name in list_names(str(folder)):
        path = os.path.join(folder, name)  # noqa: PTH118 (tens of thousands of them)
        try:
            entries[name] = read_entry(path)
        except OSError as error:
            raise StackenvError(
                f"{path} cannot be read: {error.strerror}", f"ls -ld {quote_word(path)}"
            ) from error
        advance(1)
    return entries


def list_names(folder: str) -> Iterator[str]:
    """Yield `.` and the relative path of each entry in and below `folder`; links are not followed."""

    def refuse(error: OSError) -> None:
        raise StackenvError(
            f"{error.filename} cannot be read: {error.strerror}", f"ls -ld {quote_word(error.filename)}"
        )

    for place, folders, files in os.walk(folder, onerror=refuse):
        below = os.path.relpath(place, folder)
        yield below
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]  # noqa: PTH114, PTH118
        for name in (*files, *links):
            yield os.path.normpath(os.path.join(below, name))  # noqa: PTH118


def read_entry(path: str) -> TreeEntry:
    """Return the entry at `path`."""
    status = os.lstat(path)
    mode = stat.filemode(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return TreeEntry(mode, 0, os.readlink(path))  # noqa: PTH115
    if stat.S_ISDIR(status.st_mode):
        return TreeEntry(mode)
    if not stat.S_ISREG(status.st_mode):
        raise StackenvError(
            f"{path} is neither a file, a link nor a folder; nothing was changed",
            f"remove it: rm {quote_word(path)}",
        )
    return TreeEntry(mode, status.st_size, hash_file(path))


def read_stamps(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return the size and change times, in ns, of all entries below `folder`; any change alters them."""
    stamps = {}
    for name in list_names(str(folder)):
        if name != ".":
            status = (folder / name).lstat()
            stamps[name] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return stamps


def list_changes(before: Mapping[str, tuple[int, int, int]], folder: Path) -> list[str]:
    """Return the entries below `folder` that have changed since `read_stamps` returned `before`."""
    now = read_stamps(folder)
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def hash_tree(entries: Mapping[str, TreeEntry]) -> str:
    """Return one SHA-256 for all `entries`; it is equal if all of them are."""
    digest = hashlib.sha256()
    for name in sorted(entries):
        words = (name, *map(str, astuple(entries[name])))
        digest.update("\0".join(words).encode("utf-8", "surrogateescape") + b"\0\0")
    return digest.hexdigest()


def list_differences(wanted: Mapping[str, TreeEntry], found: Mapping[str, TreeEntry]) -> list[str]:
    """Return a sentence for each entry that differs between `wanted` and `found`."""
    sentences = []
    for name in sorted({*wanted, *found}):
        before, after = wanted.get(name), found.get(name)
        if before is None:
            sentences.append(f"{name} is new")
        elif after is None:
            sentences.append(f"{name} is missing")
        elif before != after:
            what = "mode" if before.mode != after.mode else "contents"
            sentences.append(f"{name} has {'a ' * (what == 'mode')}different {what}")
    return sentences
