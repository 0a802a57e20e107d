"""Users with packed environments, on a node whose mounts are in a folder of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from users import User, make_user


def require_fuse() -> None:
    """Skip where nothing can be mounted by FUSE; in CI, fail."""
    missing = [p for p in ("mksquashfs", "unsquashfs", "squashfuse", "fusermount3") if not shutil.which(p)]
    if missing or not os.access("/dev/fuse", os.W_OK):
        reason = f"FUSE is not to be had here: {missing or '/dev/fuse'}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


def list_mounts(folder: Path) -> list[str]:
    """Return what is mounted below `folder` in this namespace."""
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [place for place in places if place.startswith(f"{folder}/")]


def list_squashfuses(folder: Path) -> list[int]:
    """Return the running squashfuse processes that were started with a path below `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if "squashfuse" in words[0] and any(w.startswith(f"{folder}/") for w in words):
                found.append(int(entry.name))
    return found


def make_packing_user(folder: Path, stack, **environ: str) -> User:
    """Return a user whose site mounts below `folder`/node."""
    user = make_user(folder, stack)
    (folder / "node").mkdir(exist_ok=True)
    policy = folder / "packing.yaml"
    policy.write_text(f"version: 1\npack:\n  mounts: {folder}/node\n")
    user.environ.update(STACKENV_SITE_CONFIG=str(policy), **environ)
    return user


@contextmanager
def unmounting(folder: Path) -> Iterator[None]:
    """Take away, at the end, what is still mounted below `folder`."""
    try:
        yield
    finally:
        for place in list_mounts(folder):
            subprocess.run(["umount", "-l", place], capture_output=True, check=False)
