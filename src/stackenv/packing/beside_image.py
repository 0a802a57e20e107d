"""Writes the files beside the image of a packed environment: its record, its commands, and others."""

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

# These are sourced to change the variables of a shell, so they cannot run inside the image.
SOURCED = re.compile(r"(de)?activate(\W.*|_this\.py)?", re.IGNORECASE)


def write_relocated(files: Iterable[InstalledFile], record: Record, folder: Path) -> None:
    """Write `files`, whose paths are in the environment of `record`, into `folder` instead."""
    for file in files:
        path = folder / Path(file.path).relative_to(record.path)
        write_file(path, render_installed_file(file), file.executable)


def write_missing(files: Iterable[InstalledFile], record: Record, folder: Path) -> None:
    """Write the missing `files` of `record` into `folder`; an older stackenv wrote fewer."""
    for file in files:
        if not os.path.lexists(folder / Path(file.path).relative_to(record.path)):
            write_relocated((file,), record, folder)


def write_beside_image(record: Record, texts: Mapping[str, str], folder: Path) -> None:
    """Write everything that a packed environment needs beside the image into `folder`.

    `record` describes the image; `texts` are the requirements and the environment.yml, by file name.
    """
    source = Path(record.path)
    # First, so that files in them are never more accessible than before.
    folders = [name for name in (".", "bin", FOLDER) if (source / name).is_dir()]
    for name in folders:
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(stat.S_IMODE((source / name).stat().st_mode) | stat.S_IRWXU)
    own = [f"{FOLDER}/{p.name}" for p in (source / FOLDER).iterdir() if not is_mark(p.name)]
    for name in (*KEPT, *own):
        copy_present(source / name, folder / name)
    history = folder / "conda-meta/history"
    if history.exists():
        # conda does not change an environment whose history is read-only.
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
    """Return whether `entry` of bin is a script that works outside of the image.

    These are scripts of stackenv, scripts with an interpreter in the environment, and, in a venv that runs
    from any place, all other scripts: the interpreter that reads them is a link into the image.
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
    """Return the entries of the packed environment at `prefix` that `write_beside_image` does not write."""
    known = {name.partition("/")[0] for name in KEPT} | {FOLDER, "bin"}
    return sorted(entry.name for entry in prefix.iterdir() if entry.name not in known)


def is_mark(name: str) -> bool:
    """Return whether the file `name` in stackenv's folder belongs to a running command, or to the image."""
    return name.startswith(("unfinished-", "packed-")) or name in (Path(NOTE).name, "__pycache__")


def copy_present(source: Path, target: Path) -> None:
    """Copy the file, link or folder `source`, if it exists."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    elif os.path.lexists(source):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


def write_unpacked(record: Record, folder: Path) -> None:
    """Turn the files extracted to `folder` into an environment that is not packed."""
    assert record.packed is not None
    for name in (NOTE, MARK.format(record.packed.identity)):
        (folder / name).unlink(missing_ok=True)
    unpacked = replace(record, packed=None)
    write_missing(describe_files(unpacked), unpacked, folder)
    write_file(folder / RECORD_FILE, write_record_text(unpacked))
