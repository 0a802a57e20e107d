"""The image of an environment: compiling files for it, describing it, reading it, and checking it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stackenv.environments.package_folders import list_package_folders
from stackenv.environments.packed import IMAGE
from stackenv.errors import StackenvError
from stackenv.packing.squashfs import opened_image
from stackenv.packing.tree import TreeEntry, list_differences, read_tree
from stackenv.plain_files import open_file
from stackenv.record import PackedImage, Record
from stackenv.transactions.file_hash import hash_file

SHOWN_DIFFERENCES = 5


def describe_compilation(record: Record) -> tuple[str, ...]:
    """Return the command that compiles the uncompiled Python files of `record`'s environment; empty if none.

    This must be done before packing, because an image is read-only.
    """
    python = Path(record.path, "bin/python")
    folders = [str(folder.parent) for folder in list_package_folders(Path(record.path))]
    if not python.exists() or not folders:
        return ()
    return (str(python), "-m", "compileall", "-q", "-q", "-j", "0", *folders)


def compile_packages(words: Sequence[str]) -> None:
    """Run `words`; errors are ignored, because some packages contain files for other Pythons as test data."""
    # Not in the user's folder, where `-m` would run a compileall.py.
    subprocess.run(words, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False)


def require_same(wanted: Mapping[str, TreeEntry], found: Mapping[str, TreeEntry], what: str) -> None:
    """Raise StackenvError, with the names of files, if `found` differs from `wanted`."""
    differences = list_differences(wanted, found)
    if differences:
        more = len(differences) - SHOWN_DIFFERENCES
        shown = "; ".join(differences[:SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
        raise StackenvError(
            f"{what}: {shown}; nothing was changed",
            "if something was installed meanwhile, run the command again when that is done; otherwise check "
            "the disk: df -h",
        )


def describe_image(image: Path, identity: str, way: str, mounts: str, entries: int, tree: str) -> PackedImage:
    """Return the description of the file `image`, after making sure that it is on disk."""
    with open_file(image) as stream:
        os.fsync(stream.fileno())
    return PackedImage(identity, image.stat().st_size, hash_file(image), entries, tree, way, mounts)


def read_image(image: Path, advance: Callable[[int], None] = lambda _: None) -> dict[str, TreeEntry]:
    """Return all entries in `image`, read to the last byte."""
    with opened_image(image) as folder:
        return read_tree(folder, advance)


def require_image(record: Record) -> Path:
    """Return the path of the image of `record`, after checking that it is intact.

    Raises
    ------
    StackenvError
        If it is missing, truncated, damaged or the wrong one.
    """
    assert record.packed is not None
    image, hint = (
        Path(record.path, IMAGE),
        (
            "restore it from a backup, or recreate the environment from the output of: "
            f"stackenv export {record.full_name}"
        ),
    )
    try:
        size = image.stat().st_size
        digest = hash_file(image) if size == record.packed.size_bytes else ""
    except OSError as error:
        raise StackenvError(f"{image} cannot be read: {error.strerror}; nothing was changed", hint) from error
    if size < record.packed.size_bytes:
        raise StackenvError(
            f"{image} is truncated or the wrong image: {size} bytes instead of {record.packed.size_bytes}; "
            "nothing was changed",
            hint,
        )
    if digest != record.packed.sha256:
        raise StackenvError(
            f"{image} is damaged or belongs to another environment: its SHA-256 is not the recorded one; "
            "nothing was changed",
            hint,
        )
    return image
