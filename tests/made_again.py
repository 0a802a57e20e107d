"""A starting point for many tests: made once per process, then restored at the same path for each test."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

MADE: dict[Path, Any] = {}


def make_again(folder: Path, make: Callable[[Path], Any]) -> Any:
    """Fill `folder`, which nothing else uses, by `make` or from a copy; return the result of `make`.

    The path is the same for each test, because environments and modules contain it.
    """
    kept = folder.with_name(f"{folder.name}-as-made")
    if folder in MADE:
        shutil.rmtree(folder)
        subprocess.run(["cp", "-a", kept, folder], check=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        MADE[folder] = make(folder)
        subprocess.run(["cp", "-a", folder, kept], check=True)
    # A copy, because tests change the result.
    return copy.deepcopy(MADE[folder])
