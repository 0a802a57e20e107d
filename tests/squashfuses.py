"""The processes that mount the images of packed environments."""

from __future__ import annotations

from pathlib import Path


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
