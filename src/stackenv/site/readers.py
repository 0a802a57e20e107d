"""Whether users can read what an admin wrote, despite the admin's umask."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

READ, ENTER = 0o004, 0o001


def find_closed(places: Iterable[Path]) -> list[Path]:
    """Return the paths that prevent users from reading the files and folders `places`, from the root down.

    These are the places themselves, the folders above them, and the folders above the targets of links.
    """
    needed: dict[Path, int] = {}
    for place in places:
        real = Path(os.path.realpath(place))
        for folder in (*reversed(place.parents), *reversed(real.parents)):
            needed[folder] = needed.get(folder, 0) | ENTER
        needed[place] = READ | ENTER if place.is_dir() else READ
    return [path for path, bits in needed.items() if path.exists() and path.stat().st_mode & bits != bits]
