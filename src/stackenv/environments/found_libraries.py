"""Which libraries the dynamic loader finds by LD_LIBRARY_PATH alone, as the loader itself says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

# ld.so(8): the program is not run, its libraries are listed. The kernel takes a variable of 128 KiB
# (MAX_ARG_STRLEN, execve(2)).
TRACE = "LD_TRACE_LOADED_OBJECTS"
LARGEST_BYTES = 100_000
TIMEOUT_S = 60
NOT_FOUND = "=> not found"


def needs_library_path(executable: str, folders: Iterable[Path], library_path: Sequence[str]) -> bool:
    """Tell whether `library_path` has the loader find other libraries than it would find without.

    Asked of the program `executable` and of the extension modules below `folders`.
    """
    batches = [(Path("/"), "")]
    batches += [(folder, names) for folder in folders for names in batch_names(list_extensions(folder))]
    return any(
        list_found(executable, folder, names, ()) != list_found(executable, folder, names, library_path)
        for folder, names in batches
    )


def starts_without(executable: str, library_path: Sequence[str]) -> bool:
    """Tell whether the program `executable` has all its libraries without `library_path`, if with it."""
    root = Path("/")
    without, within = (list_found(executable, root, "", path) for path in ((), library_path))
    return count_missing(without) <= count_missing(within)


def count_missing(found: Iterable[str]) -> int:
    return sum(NOT_FOUND in line for line in found)


def list_extensions(folder: Path) -> Iterator[str]:
    """Yield the paths of the extension modules below `folder`, relative to it, in a fixed order."""
    for parent, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if name != "__pycache__")
        for name in sorted(files):
            path = f"./{os.path.relpath(parent, folder)}/{name}"
            # The loader would take a blank or a colon for the end of a name.
            if name.endswith(".so") and not {" ", ":"} & set(path):
                yield path


def batch_names(names: Iterable[str]) -> Iterator[str]:
    """Yield `names`, joined as the loader wants them, as many at once as a variable may hold."""
    batch: list[str] = []
    size_bytes = 0
    for name in names:
        if size_bytes + len(os.fsencode(name)) >= LARGEST_BYTES:
            yield " ".join(batch)
            batch, size_bytes = [], 0
        batch.append(name)
        size_bytes += len(os.fsencode(name)) + 1
    if batch:
        yield " ".join(batch)


def list_found(executable: str, folder: Path, names: str, library_path: Sequence[str]) -> frozenset[str]:
    """Return the loader's lines on `executable` with the extension modules `names` of `folder`."""
    environ = {TRACE: "1", "LD_PRELOAD": names, "LD_LIBRARY_PATH": ":".join(library_path)}
    done = subprocess.run(
        [executable],
        env={name: value for name, value in environ.items() if value},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="surrogateescape",
        timeout=TIMEOUT_S,
        check=False,
    )
    # Without the addresses, which differ each time.
    return frozenset(line.rpartition(" (0x")[0] or line for line in done.stdout.splitlines())
