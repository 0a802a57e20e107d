"""Folders of pytest, which are for one user alone, where a test becomes another."""

from __future__ import annotations

import os
from pathlib import Path


def open_way_to(path: Path) -> None:
    """Let every user come to `path`, through the folders above it that are this user's."""
    for folder in path.parents:
        status = folder.stat()
        if status.st_uid == os.geteuid() and status.st_mode & 0o055 != 0o055:
            folder.chmod(status.st_mode | 0o055)
