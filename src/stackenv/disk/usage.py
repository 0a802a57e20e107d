"""How much of a quota folders use: space and inodes, with hard links counted once; nothing is changed."""

from __future__ import annotations

import os
import stat
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from stackenv.disk.scan import BLOCK_BYTES, NAMES_BITS, Folder, Found, Tally, join_figures, scan

MOST_NAMES = (1 << NAMES_BITS) - 1


@dataclass(frozen=True)
class TreeUsage:
    """What one tree uses, in allocated bytes (as `du` counts) and inodes, the tree's root included.

    Parameters
    ----------
    own_bytes, own_inodes
        Files that no other measured tree has.
    shared_bytes, shared_inodes
        Files that another measured tree has too, as hard links: each of these trees counts them, and they
        stay if one of the trees is deleted.
    first_bytes, first_inodes
        Those of the shared files that no tree named before this one has.
    held_bytes, held_inodes
        Those of the own files that have further names outside the measured trees: they stay too.
    last_use
        When a file that only this tree has was last read, in seconds since 1970; None if the file system
        does not record it (noatime, read-only) or there is no such file. By default a file system records
        this once a day (relatime).
    unreadable
        How many folders and files could not be read.
    """

    own_bytes: int = 0
    own_inodes: int = 0
    shared_bytes: int = 0
    shared_inodes: int = 0
    first_bytes: int = 0
    first_inodes: int = 0
    held_bytes: int = 0
    held_inodes: int = 0
    last_use: float | None = None
    unreadable: int = 0

    @property
    def counted_bytes(self) -> int:
        """The bytes that this tree adds to the trees named before it."""
        return self.own_bytes + self.first_bytes

    @property
    def counted_inodes(self) -> int:
        return self.own_inodes + self.first_inodes

    @property
    def all_bytes(self) -> int:
        return self.own_bytes + self.shared_bytes

    @property
    def all_inodes(self) -> int:
        return self.own_inodes + self.shared_inodes

    @property
    def freed_bytes(self) -> int:
        """The bytes that are freed if only this tree is deleted."""
        return self.own_bytes - self.held_bytes

    @property
    def freed_inodes(self) -> int:
        return self.own_inodes - self.held_inodes


def measure_trees(
    trees: Mapping[str, Path], *, on_progress: Callable[[int], None] = lambda _: None
) -> dict[str, TreeUsage]:
    """Return what each of `trees` uses, by the same names; the sums of `counted` are the total of all trees.

    A tree inside another one is counted separately. If two names lead to one folder, it counts for the first.
    Links are not followed, except a root that is a link. Other file systems below a root are left out. A root
    can be a file. Anything missing, or deleted during the scan, counts as nothing.

    Parameters
    ----------
    trees
        The folders, by names that the caller chooses.
    on_progress
        Called with the number of entries seen since the last call.
    """
    found = Found()
    roots: dict[tuple[int, int], int] = {}
    folders = [open_root(n, path, found, roots) for n, path in enumerate(trees.values())]
    scan(found, [folder for folder in folders if folder], roots, on_progress)
    linked: dict[int, Linked] = {}
    for device, files in found.files.items():
        inodes = {n: found.tallies[n].linked for (where, _), n in roots.items() if where == device}
        linked.update(sort_links(inodes, files))
    return {
        name: describe_tree(found.tallies[number], linked.get(number, Linked()), tells_use(path))
        for number, (name, path) in enumerate(trees.items())
    }


def open_root(number: int, path: Path, found: Found, roots: dict[tuple[int, int], int]) -> Folder | None:
    """Add the root of a tree to `found` and to `roots`; return the folder to scan, if any."""
    tally = found.tallies[number]
    real = os.path.realpath(path)
    try:
        status = os.lstat(real)
    except OSError as error:
        tally.refuse(error)
        return None
    identity = status.st_dev, status.st_ino
    if identity in roots:
        return None
    roots[identity] = number
    is_folder = stat.S_ISDIR(status.st_mode)
    if not is_folder and status.st_nlink > 1:
        figures = join_figures(status.st_blocks, status.st_nlink)
        found.add_files({status.st_dev: {status.st_ino: figures}})
        tally.linked.append(status.st_ino)
        return None
    tally.blocks, tally.inodes = status.st_blocks, 1
    if is_folder:
        return Folder(number, real, status.st_dev, is_root=True)
    tally.last_use = status.st_atime
    return None


def tells_use(path: Path) -> bool:
    """Return whether the file system at `path` records when a file is read (statvfs(3))."""
    try:
        flags = os.statvfs(path).f_flag
    except OSError:
        return False
    return not flags & (os.ST_NOATIME | os.ST_RDONLY)


@dataclass
class Linked:
    """Blocks and inodes of those files of a tree that have several names, as in `TreeUsage`."""

    own_blocks: int = 0
    own_inodes: int = 0
    shared_blocks: int = 0
    shared_inodes: int = 0
    held_blocks: int = 0
    held_inodes: int = 0
    first_blocks: int = 0
    first_inodes: int = 0


def sort_links(linked: Mapping[int, array[int]], files: Mapping[int, int]) -> dict[int, Linked]:
    """Return the parts of the `files` of a device, by tree; `linked` are the inodes of each tree's names."""
    # Use operations on whole sets, which are fast: there can be a million inodes.
    shared: set[int] = set()
    before: set[int] = set()
    parts: dict[int, tuple[set[int], set[int]]] = {}
    for number, names in linked.items():
        mine = set(names)
        new = mine - before
        repeated = mine - new
        before |= new
        shared |= repeated
        parts[number] = new, repeated

    def size(inodes: set[int]) -> int:
        # The upper bits of a sum of joined figures are the sum of the blocks.
        return sum(map(files.__getitem__, inodes)) >> NAMES_BITS

    found = {}
    for number, (new, repeated) in parts.items():
        own = new - shared
        seen = Counter(filter(own.__contains__, linked[number])) if own else {}
        held = {inode for inode in own if seen[inode] < files[inode] & MOST_NAMES}
        first = new - own
        found[number] = Linked(
            *(size(own), len(own)),
            *(size(first) + size(repeated), len(first) + len(repeated)),
            *(size(held), len(held)),
            *(size(first), len(first)),
        )
    return found


def describe_tree(tally: Tally, linked: Linked, tells: bool) -> TreeUsage:
    """Return what a tree uses, from its counts; its last use only if the file system records it."""
    return TreeUsage(
        own_bytes=BLOCK_BYTES * (tally.blocks + linked.own_blocks),
        own_inodes=tally.inodes + linked.own_inodes,
        shared_bytes=BLOCK_BYTES * linked.shared_blocks,
        shared_inodes=linked.shared_inodes,
        first_bytes=BLOCK_BYTES * linked.first_blocks,
        first_inodes=linked.first_inodes,
        held_bytes=BLOCK_BYTES * linked.held_blocks,
        held_inodes=linked.held_inodes,
        last_use=tally.last_use if tells and tally.last_use else None,
        unreadable=tally.unreadable,
    )
