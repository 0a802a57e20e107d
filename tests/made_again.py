"""What many tests begin with, made once in a process of the tests and then copied back to the same place."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

MADE: dict[Path, Any] = {}


def make_again(folder: Path, make: Callable[[Path], Any]) -> Any:
    """Have in `folder`, which nothing else uses, what `make` makes there; return what it has returned.

    Environments and modules hold the path that they were made at: so it is the same for each test.
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
    # Tests add to what it holds.
    return copy.deepcopy(MADE[folder])
