"""What folders take of a quota: space and inodes, hard links counted once; nothing is changed."""

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
    """What one tree takes, in allocated bytes (as `du` counts) and inodes, the tree's root included.

    Parameters
    ----------
    own_bytes, own_inodes
        What no other of the measured trees has.
    shared_bytes, shared_inodes
        Files that another of the measured trees has too, as hard links: they are in the figures of each
        of these trees, and stay when one of them is deleted.
    first_bytes, first_inodes
        Of the shared ones, what no tree named before this one has.
    held_bytes, held_inodes
        Of the own ones, what has further names outside the measured trees: it stays too.
    last_use
        When a file that only this tree has was read last, in seconds since 1970; None when the file
        system does not tell (noatime, read-only) or when there is no such file. By default a file system
        notes this once a day (relatime).
    unreadable
        How many folders and files could not be looked at.
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
        """What this tree adds to those named before it."""
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
        """What there is more room for when this tree alone is deleted."""
        return self.own_bytes - self.held_bytes

    @property
    def freed_inodes(self) -> int:
        return self.own_inodes - self.held_inodes


def measure_trees(
    trees: Mapping[str, Path], *, on_progress: Callable[[int], None] = lambda _: None
) -> dict[str, TreeUsage]:
    """Return what each of `trees` takes, by the same names; the sums of `counted` are what all take.

    A tree inside another one counts for itself alone, and of two names for one folder the first has it.
    A root that is a link is followed, no other link is; other file systems below a root are left out. A
    root can be a file. What vanishes meanwhile, or is not there, is nothing.

    Parameters
    ----------
    trees
        Folders by names of the caller's.
    on_progress
        Called with how many more entries were seen.
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
    """Count the root of a tree to `found` and note it in `roots`; return the folder to look into, if any."""
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
    """Return whether the file system at `path` notes when a file is read (statvfs(3))."""
    try:
        flags = os.statvfs(path).f_flag
    except OSError:
        return False
    return not flags & (os.ST_NOATIME | os.ST_RDONLY)


@dataclass
class Linked:
    """Of the files of a tree that have several names, the blocks and inodes; as in `TreeUsage`."""

    own_blocks: int = 0
    own_inodes: int = 0
    shared_blocks: int = 0
    shared_inodes: int = 0
    held_blocks: int = 0
    held_inodes: int = 0
    first_blocks: int = 0
    first_inodes: int = 0


def sort_links(linked: Mapping[int, array[int]], files: Mapping[int, int]) -> dict[int, Linked]:
    """Return whose the `files` of a device are: by tree, `linked` being the inodes of the names in each."""
    # Sets are filled and compared as a whole: there can be a million inodes.
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
        # Of a sum of both figures joined, the upper one is the sum of the blocks.
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
    """Return what a tree takes, by what was counted; its last use where the file system tells it."""
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
