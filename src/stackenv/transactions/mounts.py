"""Unmount what is mounted below a folder before it is removed, even if a server does not respond."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from stackenv.plain_files import read_file_bytes

TIMEOUT_S = 10
# The last three remove the mount point at once, and the mount when no process uses it any more.
WAYS = (
    ("fusermount3", "-u"),
    ("fusermount", "-u"),
    ("umount",),
    ("fusermount3", "-u", "-z"),
    ("fusermount", "-u", "-z"),
    ("umount", "-l"),
)


def list_mounts(folder: Path) -> list[str]:
    """Return the mount points at `folder`, a real path, and below it, the innermost first.

    They are read from the kernel's list (proc_pid_mountinfo(5)), because access to a mount point can hang.
    """
    found = []
    for line in read_file_bytes("/proc/self/mountinfo").splitlines():
        place = os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), line.split()[4]))
        if place == str(folder) or place.startswith(f"{folder}/"):
            found.append(place)
    return found[::-1]


def release_mounts(folder: Path) -> list[str]:
    """Unmount everything at `folder` and below it; return the mount points that remain."""
    for words in WAYS:
        for place in list_mounts(folder) if shutil.which(words[0]) else ():
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    [*words, place],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=TIMEOUT_S,
                    check=False,
                )
    return list_mounts(folder)


def remove_folder(folder: Path) -> list[str]:
    """Remove `folder`, unless something remains mounted there; return the mount points that remain."""
    left = release_mounts(Path(os.path.realpath(folder)))
    if not left:
        shutil.rmtree(folder, ignore_errors=True)
    return left
