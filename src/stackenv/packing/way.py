"""How a packed environment can be used: mounted at any place, or only where it was, in a namespace."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from stackenv.packing.tree import TreeEntry
from stackenv.plain_files import open_file
from stackenv.record import FOLDER, Record

# What stays beside an image: the names in bin, which lead into it, and what stackenv has written. Behind
# a longer name it is another path.
STAYS = re.compile(rb"/(bin|stackenv|pip\.conf|pyvenv\.cfg)(?![\w-])|[\w-]")
# Read where the environment was, or, as what Python has compiled and what pip notes down, by nobody who
# would open what it names.
TOP_FILES = frozenset(["pyvenv.cfg", "pip.conf"])
NOTES = re.compile(
    r".*\.pyc|.*\.dist-info/(RECORD|direct_url\.json)|bin/(de)?activate(\W.*|_this\.py)?", re.I
)
SMALL_BYTES = 1 << 20


def choose_way(record: Record, tree: Mapping[str, TreeEntry]) -> tuple[str, str]:
    """Return how an environment can be used when it is packed (`PackedImage.way`), and what to say about it.

    A venv, in which `tree` is, runs from any place, unless a file of it holds its path. conda writes the path
    into what it installs.
    """
    if record.kind != "venv":
        return "namespace", ""
    name = find_own_path(record.path, tree)
    if not name:
        return "session", ""
    return "namespace", (
        f"{name} contains the environment's path, so its commands will see the files at that path in a "
        "private namespace, and other programs will not see them"
    )


def find_own_path(record_path: str, tree: Mapping[str, TreeEntry]) -> str:
    """Return the first file or link that would break at another path than `record_path`; else empty.

    `tree` is what is in the environment, as `stackenv.packing.tree` reads it.
    """
    prefixes = {os.fsencode(path) for path in (record_path, os.path.realpath(record_path))}
    for name, entry in sorted(tree.items()):
        if name in TOP_FILES or PurePath(name).parts[:1] == (FOLDER,) or NOTES.fullmatch(name):
            continue
        if entry.mode.startswith("l"):
            found = holds(os.fsencode(entry.contents), prefixes)
        else:
            found = entry.size_bytes > 0 and file_holds(Path(record_path, name), entry.size_bytes, prefixes)
        if found:
            return name
    return ""


def file_holds(path: Path, size_bytes: int, prefixes: Iterable[bytes]) -> bool:
    """Return whether the file `path` holds one of `prefixes`, in text or in what a compiler has made."""
    with open_file(path) as stream:
        if size_bytes < SMALL_BYTES:
            return holds(stream.read(), prefixes)
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as contents:
            return holds(contents, prefixes)


def holds(contents: bytes | mmap.mmap, prefixes: Iterable[bytes]) -> bool:
    """Return whether `contents` lead to one of `prefixes` itself, or to what of it is only in the image."""
    for prefix in prefixes:
        place = contents.find(prefix)
        while place >= 0:
            if not STAYS.match(contents, place + len(prefix)):
                return True
            place = contents.find(prefix, place + 1)
    return False
