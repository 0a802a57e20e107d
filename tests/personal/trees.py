"""What is on the disk, to be compared with what was there before."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path


def describe_entry(path: Path) -> tuple[str, str]:
    """Return mode and contents of `path`: of a file a hash, of a link its target."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link", str(path.readlink())
    text = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else ""
    return stat.filemode(mode), text


def describe_tree(folder: Path) -> dict[str, tuple[str, str]]:
    """Return all that is below `folder`: path, mode and contents."""
    return {str(path.relative_to(folder)): describe_entry(path) for path in sorted(folder.rglob("*"))}


def list_files(folder: Path) -> list[str]:
    """Return all below `folder` that is no folder."""
    return [str(p.relative_to(folder)) for p in sorted(folder.rglob("*")) if p.is_symlink() or not p.is_dir()]


def mode_of(path: Path) -> str:
    return stat.filemode(path.stat().st_mode)
