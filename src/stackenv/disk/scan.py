"""One pass over folders, as fast as Python has it: what each entry takes, and which files have other names.

Also in several processes, for a pass spends its time in stat(2): two are twice as fast on two processors,
and on a network file system they wait at the same time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from array import array
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Callable, NamedTuple, cast

from stackenv.plain_files import read_file_text

BLOCK_BYTES = 512  # stat(2), st_blocks
# Before so many entries are seen no process is worth its start.
ALONE_ENTRIES = 5_000
# Of a login node that is everybody's.
MOST_PROCESSES = 4
# In how many parts each process is given its work, so that none is idle at the end.
PARTS = 16
NAMES_BITS = 32
KINDS = 0o170000  # inode(7), S_IFMT
# What is at these names in the root of an environment is read to list environments, not to use them.
LISTED = ("stackenv", "conda-meta")
# Removed, or another thing by now.
VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Folder(NamedTuple):
    """A folder to look into: of the tree `tree`, on the file system `device`.

    `is_used` is false where a file's atime tells nothing about the use of the tree.
    """

    tree: int
    path: str
    device: int
    is_root: bool = False
    is_used: bool = True


@dataclass
class Tally:
    """What was counted of one tree; `linked` has the inode of each name of a file that has several names."""

    blocks: int = 0
    inodes: int = 0
    last_use: float = 0.0
    unreadable: int = 0
    linked: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, other: Tally) -> None:
        """Add what `other` has counted."""
        self.blocks += other.blocks
        self.inodes += other.inodes
        self.last_use = max(self.last_use, other.last_use)
        self.unreadable += other.unreadable
        self.linked.extend(other.linked)

    def refuse(self, error: OSError) -> None:
        """Count what could not be read, unless it has vanished."""
        self.unreadable += error.errno not in VANISHED


# The files that have several names: blocks and number of names, by device and inode.
Files = dict[int, dict[int, int]]
Roots = Mapping[tuple[int, int], int]


@dataclass
class Found:
    """What was counted, by tree; `files` are those with several names, and `entries` how many were seen."""

    tallies: defaultdict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    files: Files = field(default_factory=dict)
    entries: int = 0

    def add(self, other: Found) -> None:
        """Add what `other` has found."""
        for tree, tally in other.tallies.items():
            self.tallies[tree].add(tally)
        self.add_files(other.files)
        self.entries += other.entries

    def add_files(self, files: Files) -> None:
        """Know `files` too."""
        for device, more in files.items():
            self.files.setdefault(device, {}).update(more)


def join_figures(blocks: int, names: int) -> int:
    """Return both as one number: there can be a million of them."""
    return blocks << NAMES_BITS | names


def scan(found: Found, folders: list[Folder], roots: Roots, on_progress: Callable[[int], None]) -> None:
    """Add to `found` what is in `folders`; in processes of their own when that is much.

    `roots` are the device and inode of each tree's root: what is there belongs to that tree alone.
    `on_progress` hears how many entries more were seen.
    """
    rest = deque(folders)
    # Breadth first: what is left are many folders, near the roots.
    while rest and found.entries < ALONE_ENTRIES:
        before = found.entries
        scan_folder(rest.popleft(), roots, found, found.files, rest)
        on_progress(found.entries - before)
    processes = min(count_idle_processors(), MOST_PROCESSES, len(rest))
    add = scan_apart if processes > 1 else scan_here
    for more in add(list(rest), roots, found.files, processes):
        found.add(more)
        on_progress(more.entries)


def count_idle_processors() -> int:
    """Return how many processors nobody else uses now: on a busy node one process is the fastest."""
    try:
        # proc(5), loadavg: how many run or could, this process among them, of how many.
        running = int(read_file_text("/proc/loadavg").split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        running = 1
    return max(1, len(os.sched_getaffinity(0)) - running + 1)


def scan_folder(folder: Folder, roots: Roots, found: Found, known: Files, rest: deque[Folder]) -> None:
    """Count to `found` what is in `folder`, and put its folders to `rest`.

    What is in `known` is not asked for again; what is new there comes into both.
    """
    tally = found.tallies[folder.tree]
    try:
        # By the descriptor stat(2) has no path to follow: a sixth of the time.
        descriptor = open_folder(folder.path)
    except OSError as error:
        tally.refuse(error)
        return
    try:
        with os.scandir(descriptor) as entries:
            found.entries += count_entries(entries, folder, roots, tally, (found.files, known), rest)
    except OSError as error:
        tally.refuse(error)
    finally:
        os.close(descriptor)


def open_folder(path: str) -> int:
    """Return a descriptor of the folder `path`."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        # To look must not count as use; only the owner may ask for that (open(2)).
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)


def count_entries(
    entries: Iterator[os.DirEntry[str]],
    folder: Folder,
    roots: Roots,
    tally: Tally,
    files: tuple[Files, Files],
    rest: deque[Folder],
) -> int:
    """Count `entries`, those of `folder`, to `tally`; return how many they are."""
    number, blocks, inodes, last_use = 0, 0, 0, tally.last_use
    is_used, note, folders, regular = folder.is_used, tally.linked.append, stat.S_IFDIR, stat.S_IFREG
    new, known = files[0].setdefault(folder.device, {}), files[1].setdefault(folder.device, {})
    for entry in entries:
        number += 1
        # The folder tells the inode by itself (readdir(3)): of a second name nothing else is asked.
        if entry.inode() in known:
            note(entry.inode())
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            tally.refuse(error)
            continue
        kind = status.st_mode & KINDS
        if kind == folders:
            if status.st_dev != folder.device or (status.st_dev, status.st_ino) in roots:
                continue
            is_kept = is_used and not (folder.is_root and entry.name in LISTED)
            rest.append(Folder(folder.tree, f"{folder.path}/{entry.name}", folder.device, is_used=is_kept))
        elif status.st_nlink > 1:
            new[status.st_ino] = known[status.st_ino] = join_figures(status.st_blocks, status.st_nlink)
            note(status.st_ino)
            continue
        elif is_used and kind == regular and status.st_atime > last_use:
            last_use = status.st_atime
        blocks += status.st_blocks
        inodes += 1
    tally.blocks, tally.inodes, tally.last_use = tally.blocks + blocks, tally.inodes + inodes, last_use
    return number


def scan_here(folders: list[Folder], roots: Roots, known: Files, _processes: int = 1) -> Iterator[Found]:
    """Yield what is in `folders` and below, again and again; `known` grows."""
    rest = deque(folders)
    while rest:
        found = Found()
        while rest and found.entries < ALONE_ENTRIES:
            # Depth first: few folders wait at any time.
            scan_folder(rest.pop(), roots, found, known, rest)
        yield found


def scan_apart(folders: list[Folder], roots: Roots, known: Files, processes: int) -> Iterator[Found]:
    """Yield what is in `folders` and below, looked at by `processes` at a time."""
    import multiprocessing
    from multiprocessing.connection import wait

    size = -(-len(folders) // (processes * PARTS))
    waiting = deque(folders[start : start + size] for start in range(0, len(folders), size))
    # What they need is in memory already, and no thread runs that a fork could harm.
    fork = multiprocessing.get_context("fork")
    given: dict[Connection, list[Folder]] = {}
    started = []
    try:
        for part in (waiting.popleft() for _ in range(min(processes, len(waiting)))):
            here, there = fork.Pipe()
            started.append(fork.Process(target=answer, args=(there, roots, known), daemon=True))
            started[-1].start()
            there.close()
            given[here] = part
            here.send(part)
        while given:
            for ready in wait(list(given)):
                here = cast("Connection", ready)
                try:
                    answered = here.recv()
                except (EOFError, OSError):
                    # The process was killed, for its memory say: its part is looked at here.
                    yield from scan_here(given.pop(here), roots, known)
                    continue
                yield answered
                del given[here]
                if waiting:
                    given[here] = waiting.popleft()
                    with contextlib.suppress(OSError):
                        here.send(given[here])
        yield from scan_here([folder for part in waiting for folder in part], roots, known)
    finally:
        for process in started:
            process.kill()
            process.join()


def answer(connection: Connection, roots: Roots, known: Files) -> None:
    """Answer each list of folders that `connection` brings, until it is closed."""
    import signal

    # An interruption is the business of the process that has started this one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.suppress(EOFError, OSError):
        while True:
            found = Found()
            for more in scan_here(connection.recv(), roots, known):
                found.add(more)
            connection.send(found)
