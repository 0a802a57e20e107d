"""Which places the changes of an interrupted command may touch: its modules, and its environment."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.environments.store import ModuleStore
from stackenv.jupyter.kernels import FOLDER as KERNELS
from stackenv.jupyter.kernels import KERNEL_FILE, LOGOS, read_kernel
from stackenv.record import FOLDER, RECORD_FILE
from stackenv.transactions.backup import LISTING, PREFIX
from stackenv.transactions.journal_file import Entry
from stackenv.transactions.plan import (
    Change,
    MovePath,
    RemoveFile,
    RemoveFolder,
    RemoveTree,
    RestoreTree,
    WriteFile,
)

UNFINISHED = "unfinished-*"
# By these a folder is an environment where it has no record yet, or no more: of a venv, of conda.
MARKS = ("pyvenv.cfg", "conda-meta/history")
BEFORE_UPDATE = re.compile(rf"{PREFIX}[0-9a-f]{{32}}")
# What pip tells of an install goes into the temporary folder (lifecycle.create_venv).
REPORT = re.compile(r"stackenv-report-[0-9a-f]{32}\.json")


def is_file(path: Path) -> bool:
    """Tell whether `path` is a file, and no link."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def is_environment(folder: Path) -> bool:
    """Tell whether `folder` holds what stackenv, venv or conda put into each environment."""
    proofs = (*(folder / mark for mark in (RECORD_FILE, *MARKS)), *folder.glob(f"{FOLDER}/{UNFINISHED}"))
    return any(map(is_file, proofs))


def real_place(path: Path) -> Path:
    """Return where `path` really is; it may be a link itself, its folders have been followed."""
    return Path(os.path.realpath(path.parent), path.name)


def is_proof(path: Path, proof: Path) -> bool:
    """Tell whether `proof` is what proves, by its name, that the folder `path` is stackenv's."""
    if is_kept(path):
        return proof == path / LISTING
    below = Path(os.path.relpath(proof, path)).as_posix()
    of_stackenv = below if path.name != FOLDER else f"{FOLDER}/{below}"
    if of_stackenv == RECORD_FILE or Path(of_stackenv).match(f"{FOLDER}/{UNFINISHED}"):
        return of_stackenv.count("/") == 1
    return below in MARKS and is_aside(path.name)


def is_aside(name: str, original: str = "") -> bool:
    """Tell whether `name` is what a folder, `original`, is called while it is removed."""
    return name.startswith(f".{original}") and ".removing" in name[len(original) :]


def is_staged(name: str, final: str) -> bool:
    """Tell whether `name` is what a folder that becomes `final` is called while it is made."""
    return name.startswith(f".{final}.staged-")


def is_kept(path: Path) -> bool:
    """Tell whether `path` is where an update keeps what it is about to replace."""
    return path.parent.name == FOLDER and bool(BEFORE_UPDATE.fullmatch(path.name))


def find_outside(changes: Iterable[Change], modules: Path) -> str:
    """Return what of `changes` lies neither below `modules` nor in an environment; empty: nothing."""
    changes = tuple(changes)
    sources = [change.source for change in changes if isinstance(change, MovePath)]
    for change in changes:
        if not is_inside(change, modules, sources):
            return change.source if isinstance(change, MovePath) else change.path
    return ""


def is_inside(change: Change, modules: Path, sources: Iterable[str] = ()) -> bool:
    """Tell whether `change` touches nothing but `modules` and environments.

    `sources` are the environments that are moved aside before.
    """
    if isinstance(change, RemoveFolder):
        # Whatever folder it is, only an empty one goes.
        return True
    if isinstance(change, RestoreTree):
        path, kept = Path(change.path), Path(change.kept)
        return kept.parent.parent == path and is_kept(kept) and is_environment(path)
    if isinstance(change, RemoveTree):
        return is_proof(Path(change.path), Path(change.proof))
    if isinstance(change, MovePath):
        source, target = Path(change.source), Path(change.target)
        known = is_environment(source) or not os.path.lexists(source)
        renamed = is_aside(target.name, source.name) or is_staged(source.name, target.name)
        return source.parent == target.parent and known and renamed
    path = Path(change.path)
    real = real_place(path)
    if Path(os.path.realpath(modules)) in real.parents or any(map(is_environment, real.parents)):
        return True
    if is_of_kernel(change):
        return True
    return isinstance(change, RemoveFile) and (
        not os.path.lexists(path)
        or bool(REPORT.fullmatch(path.name))
        or (path.is_symlink() and os.path.realpath(path) in sources)
    )


def is_of_kernel(change: WriteFile | RemoveFile) -> bool:
    """Tell whether `change` touches a kernelspec of Jupyter's that stackenv wrote, and nothing else."""
    path = Path(change.path)
    if path.parent.parent.name != KERNELS or path.name not in (KERNEL_FILE, *LOGOS):
        return False
    if isinstance(change, WriteFile) and (path.name != KERNEL_FILE or STACKENV_UUID not in change.text):
        return False
    # One that the user has removed meanwhile is made again, as the command had begun to.
    return read_kernel(path.parent) is not None or not os.path.lexists(path)


def is_complete(entry: Entry) -> bool:
    """Tell whether the modulefile by which the command of `entry` is complete is there, and its own.

    Not a file of the user's at this place, nor a module of another environment.
    """
    path = Path(entry.complete_when)
    module = ModuleStore(path.parent.parent).read(path) if entry.complete_when and is_file(path) else None
    if module is None:
        return False
    paths = [place for change in entry.changes for place in list_places(change)]
    return any(place == module.prefix or place.startswith(f"{module.prefix}/") for place in paths)


def list_places(change: Change) -> tuple[str, ...]:
    """Return the paths that `change` names."""
    if isinstance(change, MovePath):
        return change.source, change.target
    return (change.path,)


def spares_module(change: Change, entry: Entry) -> bool:
    """Tell whether `change` would touch a modulefile that the command of `entry` did not write."""
    if not entry.complete_when or not isinstance(change, (RemoveFile, WriteFile)):
        return False
    if change.path != entry.complete_when:
        return False
    # What brings an older modulefile back comes after the own one is gone.
    return os.path.lexists(change.path) and not is_complete(entry)
