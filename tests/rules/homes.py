"""A home that is created once and restored after each test that changes it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def keep_home(home: Path) -> Path:
    """Return a copy of `home`, as it is now."""
    kept = home.with_name(f"{home.name}-kept")
    shutil.copytree(home, kept, symlinks=True)
    return kept


def bring_back(home: Path, kept: Path) -> None:
    """Restore `home` from the copy `kept`, with modes and times."""
    # Folders whose permissions a test has removed must be deletable.
    for folder, _, _ in os.walk(home):
        Path(folder).chmod(0o700)
    shutil.rmtree(home)
    shutil.copytree(kept, home, symlinks=True)
