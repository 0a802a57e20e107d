"""The two forms of an environment on the disk: a folder of files, and an image with what leads into it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.environments.constraints import UV, describe_uv
from stackenv.environments.packed import (
    ENTRANCE,
    ENVIRONMENT,
    IMAGE,
    KEPT,
    MARK,
    NOTE,
    REQUIREMENTS,
    describe_entrance,
)
from stackenv.errors import StackenvError
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.text import render_installed_file
from stackenv.packing.squashfs import opened_image
from stackenv.packing.tree import TreeEntry, hash_file, list_differences, read_tree
from stackenv.packing.way import find_own_path
from stackenv.record import FOLDER, RECORD_FILE, PackedImage, Record, write_record_text
from stackenv.transactions.files import write_file

# Sourced by a shell, they change its own variables: they cannot run somewhere else.
SOURCED = re.compile(r"(de)?activate(\W.*|_this\.py)?", re.IGNORECASE)
SHOWN_DIFFERENCES = 5


def describe_compilation(record: Record) -> tuple[str, ...]:
    """Return the words that compile all modules of the environment of `record` which are not compiled.

    Empty where there are none. An image cannot be added to later.
    """
    python = Path(record.path, "bin/python")
    folders = [str(folder) for folder in Path(record.path).glob("lib/python3*")]
    if not python.exists() or not folders:
        return ()
    return (str(python), "-m", "compileall", "-q", "-q", "-j", "0", *folders)


def compile_packages(words: Sequence[str]) -> None:
    """Run `words`; that some packages carry files for other Pythons, as data of tests, is no failure."""
    subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def choose_way(record: Record, tree: Mapping[str, TreeEntry]) -> tuple[str, str]:
    """Return how an environment can be used when it is packed (`PackedImage.way`), and what to tell of it.

    A venv, in which `tree` is, runs from any place, but for what was told its own. conda writes the path
    into what it installs.
    """
    if record.kind != "venv":
        return "namespace", ""
    name = find_own_path(record.path, tree)
    if not name:
        return "session", ""
    return "namespace", (
        f"{name} holds the environment's path: its commands will get its files at that path, in a namespace "
        "of their own, and others will not see them"
    )


def write_files(files: Iterable[InstalledFile], record: Record, folder: Path) -> None:
    """Write `files`, which are meant for the environment of `record`, into `folder` instead."""
    for file in files:
        path = folder / Path(file.path).relative_to(record.path)
        write_file(path, render_installed_file(file), file.executable)


def require_same(wanted: Mapping[str, TreeEntry], found: Mapping[str, TreeEntry], what: str) -> None:
    """Raise StackenvError, with the names, when `found` is not what is `wanted`."""
    differences = list_differences(wanted, found)
    if differences:
        more = len(differences) - SHOWN_DIFFERENCES
        shown = "; ".join(differences[:SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
        raise StackenvError(
            f"{what}: {shown}; nothing was changed",
            "if something was installed meanwhile, type the same again when it is done; otherwise look at "
            "the disk: df -h",
        )


def describe_image(image: Path, identity: str, way: str, mounts: str, entries: int, tree: str) -> PackedImage:
    """Return the description of the file `image`, which is durable when this returns."""
    with image.open("rb") as stream:
        os.fsync(stream.fileno())
    return PackedImage(identity, image.stat().st_size, hash_file(str(image)), entries, tree, way, mounts)


def read_image(image: Path, advance: Callable[[int], None] = lambda _: None) -> dict[str, TreeEntry]:
    """Return all that is in `image`, read to the last byte."""
    with opened_image(image) as folder:
        return read_tree(folder, advance)


def write_shell(record: Record, texts: Mapping[str, str], folder: Path) -> None:
    """Make in `folder`, beside the image, all else that a packed environment is: `record` has its image.

    `texts` are the requirements and the environment.yml, by the names of their files.
    """
    source = Path(record.path)
    own = [f"{FOLDER}/{p.name}" for p in (source / FOLDER).iterdir() if not is_mark(p.name)]
    for name in (*KEPT, *own):
        copy(source / name, folder / name)
    history = folder / "conda-meta/history"
    if history.exists():
        # conda takes an environment whose history it cannot write for one that it must not change.
        history.chmod(0o444)
    write_files(describe_entrance(record), record, folder)
    for name in (REQUIREMENTS, ENVIRONMENT):
        write_file(folder / name, texts[name])
    (folder / "bin").mkdir(exist_ok=True)
    for entry in sorted((source / "bin").iterdir()) if (source / "bin").is_dir() else []:
        if entry.is_dir():
            continue
        if is_text_for_others(entry, record):
            copy(entry, folder / "bin" / entry.name)
        else:
            (folder / "bin" / entry.name).symlink_to(f"../{ENTRANCE}")
    if not os.path.lexists(folder / UV):
        write_files((describe_uv(record),), record, folder)
    for name in (".", "bin", FOLDER):
        shutil.copymode(source / name, folder / name) if (source / name).is_dir() else None
    write_file(folder / RECORD_FILE, write_record_text(record))


def is_text_for_others(entry: Path, record: Record) -> bool:
    """Tell whether `entry` of bin is read by a shell or a Python, which need not find it in the image.

    Scripts with an interpreter of the environment, ours, and in a venv that runs from any place all others.
    The program that reads them leads to the image; a link to our script would have to be run.
    """
    assert record.packed is not None
    if SOURCED.fullmatch(entry.name) or not os.access(entry, os.X_OK):
        return True
    if entry.is_symlink():
        return False
    with entry.open("rb") as stream:
        head = stream.read(1024)
    prefixes = (record.path, Path(record.path).resolve())
    own = STACKENV_UUID.encode() in head or any(os.fsencode(f"{prefix}/bin/") in head for prefix in prefixes)
    return head.startswith(b"#!") and (own or record.packed.way == "session")


def list_strangers(prefix: Path) -> list[str]:
    """Return what is in the packed environment at `prefix` beside what `write_shell` writes."""
    known = {name.partition("/")[0] for name in KEPT} | {FOLDER, "bin"}
    return sorted(entry.name for entry in prefix.iterdir() if entry.name not in known)


def is_mark(name: str) -> bool:
    """Tell whether the file `name` of stackenv's folder says that a command is at work, or is the image's."""
    return name.startswith(("unfinished-", "packed-")) or name in (Path(NOTE).name, "__pycache__")


def copy(source: Path, target: Path) -> None:
    """Copy the file, link or folder `source`, where there is one."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    elif os.path.lexists(source):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


def write_unpacked(record: Record, folder: Path) -> None:
    """Make what was extracted to `folder` an environment that is not packed."""
    assert record.packed is not None
    for name in (NOTE, MARK.format(record.packed.identity)):
        (folder / name).unlink(missing_ok=True)
    write_file(folder / RECORD_FILE, write_record_text(replace(record, packed=None)))


def require_image(record: Record) -> Path:
    """Return the image of `record`, which is as it was when it was made.

    Raises
    ------
    StackenvError
        When it is gone, truncated, damaged or another.
    """
    assert record.packed is not None
    image, hint = (
        Path(record.path, IMAGE),
        (
            "bring it back from a backup, or make the environment anew from what this prints: "
            f"stackenv export {record.full_name}"
        ),
    )
    try:
        size = image.stat().st_size
        digest = hash_file(str(image)) if size == record.packed.size_bytes else ""
    except OSError as error:
        raise StackenvError(f"{image} cannot be read: {error.strerror}; nothing was changed", hint) from error
    if size < record.packed.size_bytes:
        raise StackenvError(
            f"{image} is truncated, or another image: {size} bytes, of {record.packed.size_bytes}; nothing "
            "was changed",
            hint,
        )
    if digest != record.packed.sha256:
        raise StackenvError(
            f"{image} is damaged, or the image of another environment: its SHA-256 is not the recorded one; "
            "nothing was changed",
            hint,
        )
    return image
