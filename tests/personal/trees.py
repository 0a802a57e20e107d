"""Describe the files on the disk, to compare them with an earlier state."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from without_cache import list_below


def describe_entry(path: Path) -> tuple[str, str]:
    """Return the mode and contents of `path`: the hash of a file, or the target of a link."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link", str(path.readlink())
    text = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else ""
    return stat.filemode(mode), text


def describe_tree(folder: Path) -> dict[str, tuple[str, str]]:
    """Return the path, mode and contents of everything below `folder` except stackenv's cache."""
    return {str(path.relative_to(folder)): describe_entry(path) for path in list_below(folder)}


def list_files(folder: Path) -> list[str]:
    """Return all files and links below `folder` except those of stackenv's cache."""
    return [str(p.relative_to(folder)) for p in list_below(folder) if p.is_symlink() or not p.is_dir()]


def mode_of(path: Path) -> str:
    return stat.filemode(path.stat().st_mode)
