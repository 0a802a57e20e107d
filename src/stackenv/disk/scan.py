"""One pass over folders, as fast as Python can: the size of each entry, and which files have several names.

A pass spends its time in stat(2), so it can use several processes: two are twice as fast on two processors,
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
# With fewer entries than this, starting a process does not pay off.
ALONE_ENTRIES = 5_000
# At most, because a login node is shared.
MOST_PROCESSES = 4
# The work of each process is split into this many parts, so that none is idle at the end.
PARTS = 16
NAMES_BITS = 32
KINDS = 0o170000  # inode(7), S_IFMT
# These names in the root of an environment are also read when environments are only listed, not used.
LISTED = ("stackenv", "conda-meta")
# The entry was removed or replaced during the scan.
VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Folder(NamedTuple):
    """A folder to scan: it is part of the tree `tree`, on the file system `device`.

    `is_used` is false if the atime of a file in it does not show that the tree was used.
    """

    tree: int
    path: str
    device: int
    is_root: bool = False
    is_used: bool = True


@dataclass
class Tally:
    """The counts of one tree; `linked` has the inode of each name of a file that has several names."""

    blocks: int = 0
    inodes: int = 0
    last_use: float = 0.0
    unreadable: int = 0
    linked: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, other: Tally) -> None:
        """Add the counts of `other`."""
        self.blocks += other.blocks
        self.inodes += other.inodes
        self.last_use = max(self.last_use, other.last_use)
        self.unreadable += other.unreadable
        self.linked.extend(other.linked)

    def refuse(self, error: OSError) -> None:
        """Count an entry that could not be read, unless it has vanished."""
        self.unreadable += error.errno not in VANISHED


# The files that have several names: blocks and number of names, by device and inode.
Files = dict[int, dict[int, int]]
Roots = Mapping[tuple[int, int], int]


@dataclass
class Found:
    """The counts of each tree; `files` are those with several names, `entries` is how many were seen."""

    tallies: defaultdict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    files: Files = field(default_factory=dict)
    entries: int = 0

    def add(self, other: Found) -> None:
        """Add the results of `other`."""
        for tree, tally in other.tallies.items():
            self.tallies[tree].add(tally)
        self.add_files(other.files)
        self.entries += other.entries

    def add_files(self, files: Files) -> None:
        """Add `files` to those with several names."""
        for device, more in files.items():
            self.files.setdefault(device, {}).update(more)


def join_figures(blocks: int, names: int) -> int:
    """Return both figures as one number, to save memory: there can be a million of them."""
    return blocks << NAMES_BITS | names


def scan(found: Found, folders: list[Folder], roots: Roots, on_progress: Callable[[int], None]) -> None:
    """Add to `found` what is in `folders`; many entries are scanned by several processes.

    `roots` are the device and inode of each tree's root: everything there belongs to that tree alone.
    `on_progress` is called with the number of entries seen since the last call.
    """
    rest = deque(folders)
    # Breadth first, so that the remaining folders are many and near the roots.
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
    """Return how many processors are idle now: on a busy node a single process is the fastest."""
    try:
        # proc(5), loadavg: RUNNABLE/ALL; this process is one of the runnable ones.
        running = int(read_file_text("/proc/loadavg").split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        running = 1
    return max(1, len(os.sched_getaffinity(0)) - running + 1)


def scan_folder(folder: Folder, roots: Roots, found: Found, known: Files, rest: deque[Folder]) -> None:
    """Add the entries of `folder` to `found`, and its folders to `rest`.

    Files in `known` are not looked up again; new ones are added to `known` and to `found`.
    """
    tally = found.tallies[folder.tree]
    try:
        # With a descriptor, stat(2) has no path to resolve, which saves a sixth of the time.
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
        # Scanning must not count as use; only the owner may set O_NOATIME (open(2)).
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
    """Add `entries`, those of `folder`, to `tally`; return how many there are."""
    number, blocks, inodes, last_use = 0, 0, 0, tally.last_use
    is_used, note, folders, regular = folder.is_used, tally.linked.append, stat.S_IFDIR, stat.S_IFREG
    new, known = files[0].setdefault(folder.device, {}), files[1].setdefault(folder.device, {})
    for entry in entries:
        number += 1
        # The folder itself holds the inode (readdir(3)), so a second name of a file needs no stat(2).
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
    """Scan `folders` and everything below, and yield the results in parts; new files are added to `known`."""
    rest = deque(folders)
    while rest:
        found = Found()
        while rest and found.entries < ALONE_ENTRIES:
            # Depth first, so that few folders wait at any time.
            scan_folder(rest.pop(), roots, found, known, rest)
        yield found


def scan_apart(folders: list[Folder], roots: Roots, known: Files, processes: int) -> Iterator[Found]:
    """Scan `folders` and everything below in `processes` processes, and yield the results in parts."""
    import multiprocessing
    from multiprocessing.connection import wait

    size = -(-len(folders) // (processes * PARTS))
    waiting = deque(folders[start : start + size] for start in range(0, len(folders), size))
    # Forked processes have what they need in memory, and no thread is running that a fork could harm.
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
                    # The process was killed, perhaps for its memory use: scan its part here.
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
    """Scan each list of folders that `connection` brings and send back the results, until it is closed."""
    import signal

    # The parent process handles interruptions.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.suppress(EOFError, OSError):
        while True:
            found = Found()
            for more in scan_here(connection.recv(), roots, known):
                found.add(more)
            connection.send(found)
