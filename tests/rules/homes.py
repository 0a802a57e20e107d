"""A home that is made once and brought back after each test that spoils it."""

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
    """Make `home` what `kept` has, with modes and times."""
    # What a test has taken the rights from has to be removable.
    for folder, _, _ in os.walk(home):
        Path(folder).chmod(0o700)
    shutil.rmtree(home)
    shutil.copytree(kept, home, symlinks=True)
