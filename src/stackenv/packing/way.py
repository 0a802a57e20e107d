"""How a packed environment can be used: mounted anywhere, or only at its old path, in a namespace."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from stackenv.packing.tree import TreeEntry
from stackenv.plain_files import open_file
from stackenv.record import FOLDER, Record

# What follows the environment's path if the whole path stays valid: the names in bin, which lead into the
# image, and the files that stackenv has written stay beside the image; a longer name is another path.
STAYS = re.compile(rb"/(bin|stackenv|pip\.conf|pyvenv\.cfg)(?![\w-])|[\w-]")
# Files whose paths do not matter: they are read beside the image, or, like Python's compiled files and pip's
# records, never used to open the paths in them.
TOP_FILES = frozenset(["pyvenv.cfg", "pip.conf"])
NOTES = re.compile(
    r".*\.pyc|.*\.dist-info/(RECORD|direct_url\.json)|bin/(de)?activate(\W.*|_this\.py)?", re.I
)
SMALL_BYTES = 1 << 20


def choose_way(record: Record, tree: Mapping[str, TreeEntry]) -> tuple[str, str]:
    """Return how an environment can be used once it is packed (`PackedImage.way`), and what to say about it.

    A venv, with the contents `tree`, runs from any path unless one of its files contains its own path. A
    conda environment does not, because conda writes the path into the files that it installs.
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
    """Return the first file or link that would break at another path than `record_path`; empty if none.

    `tree` holds the contents of the environment, as `stackenv.packing.tree` reads them.
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
    """Return whether the file `path`, text or binary, contains one of `prefixes`."""
    with open_file(path) as stream:
        if size_bytes < SMALL_BYTES:
            return holds(stream.read(), prefixes)
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as contents:
            return holds(contents, prefixes)


def holds(contents: bytes | mmap.mmap, prefixes: Iterable[bytes]) -> bool:
    """Return whether `contents` name one of `prefixes`, or a path below it that is only in the image."""
    for prefix in prefixes:
        place = contents.find(prefix)
        while place >= 0:
            if not STAYS.match(contents, place + len(prefix)):
                return True
            place = contents.find(prefix, place + 1)
    return False
