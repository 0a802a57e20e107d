"""What is beside the image of a packed environment: its record, its commands, and what is read unmounted."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.environments.added_files import describe_files
from stackenv.environments.constraints import describe_uv
from stackenv.environments.launchers import is_launcher
from stackenv.environments.packed import (
    ENTRANCE,
    ENVIRONMENT,
    KEPT,
    MARK,
    NOTE,
    REQUIREMENTS,
    describe_entrance,
)
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.text import render_installed_file
from stackenv.plain_files import open_file
from stackenv.record import FOLDER, RECORD_FILE, Record, write_record_text
from stackenv.transactions.files import write_file

# Sourced by a shell, they change its own variables: they cannot run somewhere else.
SOURCED = re.compile(r"(de)?activate(\W.*|_this\.py)?", re.IGNORECASE)


def write_relocated(files: Iterable[InstalledFile], record: Record, folder: Path) -> None:
    """Write `files`, which are meant for the environment of `record`, into `folder` instead."""
    for file in files:
        path = folder / Path(file.path).relative_to(record.path)
        write_file(path, render_installed_file(file), file.executable)


def write_missing(files: Iterable[InstalledFile], record: Record, folder: Path) -> None:
    """Write into `folder` those of the `files` of `record` that it lacks: an older stackenv had fewer."""
    for file in files:
        if not os.path.lexists(folder / Path(file.path).relative_to(record.path)):
            write_relocated((file,), record, folder)


def write_beside_image(record: Record, texts: Mapping[str, str], folder: Path) -> None:
    """Make in `folder`, beside the image, all else that a packed environment is: `record` has its image.

    `texts` are the requirements and the environment.yml, by the names of their files.
    """
    source = Path(record.path)
    # First, for what is written there is as open as they are.
    folders = [name for name in (".", "bin", FOLDER) if (source / name).is_dir()]
    for name in folders:
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(stat.S_IMODE((source / name).stat().st_mode) | stat.S_IRWXU)
    own = [f"{FOLDER}/{p.name}" for p in (source / FOLDER).iterdir() if not is_mark(p.name)]
    for name in (*KEPT, *own):
        copy_present(source / name, folder / name)
    history = folder / "conda-meta/history"
    if history.exists():
        # conda takes an environment whose history it cannot write for one that it must not change.
        history.chmod(0o444)
    write_relocated(describe_entrance(record), record, folder)
    for name in (REQUIREMENTS, ENVIRONMENT):
        write_file(folder / name, texts[name])
    (folder / "bin").mkdir(exist_ok=True)
    for entry in sorted((source / "bin").iterdir()) if (source / "bin").is_dir() else []:
        if entry.is_dir():
            continue
        if is_text_for_others(entry, record):
            copy_present(entry, folder / "bin" / entry.name)
        else:
            (folder / "bin" / entry.name).symlink_to(f"../{ENTRANCE}")
    write_missing((*describe_files(record), describe_uv(record)), record, folder)
    for name in folders:
        shutil.copymode(source / name, folder / name)
    write_file(folder / RECORD_FILE, write_record_text(record))


def is_text_for_others(entry: Path, record: Record) -> bool:
    """Return whether `entry` of bin is read by a shell or a Python, which need not find it in the image.

    Scripts with an interpreter of the environment, ours, and in a venv that runs from any place all others.
    The program that reads them leads to the image, also where a script of ours starts it; a link to our
    script would have to be run.
    """
    assert record.packed is not None
    if SOURCED.fullmatch(entry.name) or not os.access(entry, os.X_OK):
        return True
    if entry.is_symlink() or is_launcher(entry):
        return False
    with open_file(entry) as stream:
        head = stream.read(1024)
    prefixes = (record.path, Path(record.path).resolve())
    own = STACKENV_UUID.encode() in head or any(os.fsencode(f"{prefix}/bin/") in head for prefix in prefixes)
    return head.startswith(b"#!") and (own or record.packed.way == "session")


def list_strangers(prefix: Path) -> list[str]:
    """Return what is in the packed environment at `prefix` beside what `write_beside_image` writes."""
    known = {name.partition("/")[0] for name in KEPT} | {FOLDER, "bin"}
    return sorted(entry.name for entry in prefix.iterdir() if entry.name not in known)


def is_mark(name: str) -> bool:
    """Return whether the file `name` of stackenv's folder belongs to a command at work, or to the image."""
    return name.startswith(("unfinished-", "packed-")) or name in (Path(NOTE).name, "__pycache__")


def copy_present(source: Path, target: Path) -> None:
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
    unpacked = replace(record, packed=None)
    write_missing(describe_files(unpacked), unpacked, folder)
    write_file(folder / RECORD_FILE, write_record_text(unpacked))
