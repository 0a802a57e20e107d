"""The user's kernelspecs that stackenv did not write: what they start, and whether it still exists."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stackenv.errors import StackenvError
from stackenv.jupyter.kernels import KERNEL_FILE, list_kernel_folders, read_kernel
from stackenv.plain_files import read_file_bytes


def list_foreign_kernels(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders of the kernelspecs that stackenv did not write; raise as `list_kernel_folders`."""
    for folder in list_kernel_folders(environ):
        # Jupyter skips inaccessible folders, for which pathlib would raise.
        if os.path.isfile(folder / KERNEL_FILE) and read_kernel(folder) is None:  # noqa: PTH113
            yield folder


def describe_fault(folder: Path) -> str:
    """Return why the kernelspec in `folder` cannot start; empty if it may."""
    try:
        program = read_kernelspec(folder)["argv"][0]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return "its kernel.json cannot be read, or names no program"
    gone = isinstance(program, str) and program.startswith("/") and not Path(program).exists()
    return f"its program {program} no longer exists" if gone else ""


def list_named_paths(environ: Mapping[str, str]) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder of `list_foreign_kernels`, with the words and variables that start its kernel."""
    with contextlib.suppress(OSError, StackenvError):
        for folder in list_foreign_kernels(environ):
            with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
                data = read_kernelspec(folder)
                yield (
                    folder,
                    [str(word) for word in (*data.get("argv", ()), *(data.get("env") or {}).values())],
                )


def read_kernelspec(folder: Path) -> dict[str, Any]:
    """Return the contents of the kernelspec in `folder`, which can be any JSON."""
    data: dict[str, Any] = json.loads(read_file_bytes(folder / KERNEL_FILE))
    return data
