"""Whether users can read what an admin has written, whose umask may keep them out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

READ, ENTER = 0o004, 0o001


def find_closed(places: Iterable[Path]) -> list[Path]:
    """Return what keeps users from reading the files and folders `places`, from the root on, each once.

    Those themselves, and folders above them and above what links lead to.
    """
    needed: dict[Path, int] = {}
    for place in places:
        real = Path(os.path.realpath(place))
        for folder in (*reversed(place.parents), *reversed(real.parents)):
            needed[folder] = needed.get(folder, 0) | ENTER
        needed[place] = READ | ENTER if place.is_dir() else READ
    return [path for path, bits in needed.items() if path.exists() and path.stat().st_mode & bits != bits]
