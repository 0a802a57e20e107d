"""The backup of an update: kept until the update is complete, and restored if it fails.

Neither pip nor conda undoes its changes when it is killed. So before they start, everything that they may
change is listed and copied into a folder in the environment. The restore deletes files that are not in the
list, and brings back those that are missing or changed. Files are copied, not linked, because they may be
written in place, and renamed back, so that a full disk does not prevent the restore.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable

from stackenv import STACKENV_UUID
from stackenv.errors import StackenvError, explain, quote_word
from stackenv.plain_files import read_file_text
from stackenv.transactions.changes import Change, RemoveTree, delete, open_up, remove_tree
from stackenv.transactions.files import write_file
from stackenv.transactions.places import BACKUP, BACKUP_LISTING, LISTING, Places

# The folder of the copies, which are called by their numbers.
COPIES = "copies"
# The first file marks an environment that was changed after the update was killed; the user creates the
# second one to undo the update anyway.
WORKED_ON, UNDO = "worked-on", "undo"
# A command updates its heartbeat every 20 s (process.py), and the clocks of the machines differ.
TOLERANCE_S = 60
SHOWN = 3


@dataclass(frozen=True)
class RestoreTree(Change):
    """Restore the environment at `path` to its state when its backup `kept` was made; then delete `kept`."""

    kept: str

    def carry_out(self, killed_s: float | None = None) -> None:
        restore_environment(Path(self.path), Path(self.kept), killed_s)

    def is_within(self, places: Places) -> bool:
        path, kept = Path(self.path), Path(self.kept)
        named = BACKUP_LISTING.fullmatch(f"{kept.name}/{LISTING}")
        return kept.parent.parent == path and bool(named) and places.is_environment(path)


@dataclass(frozen=True)
class Listed:
    """The state of a file, link or folder; `copy` is the number of the copy of a file, -1 without one."""

    mode: int
    size_bytes: int = 0
    changed_ns: int = 0
    inode: int = 0
    target: str = ""
    copy: int = -1

    @classmethod
    def look_at(cls, path: str) -> Listed:
        """Return the state of `path`, without a copy."""
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return cls(status.st_mode, target=os.readlink(path))  # noqa: PTH115 (tens of thousands of them)
        if stat.S_ISREG(status.st_mode):
            return cls(status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino)
        return cls(status.st_mode)


def name_backup_folder(folder: Path) -> Path:
    """Return a new path for the backup of one update in `folder`, which is in the environment."""
    return folder / f"{BACKUP}{uuid.uuid4().hex}"


def plan_backup_removal(kept: Path) -> RemoveTree:
    """Return the change that deletes the backup `kept`, which is no longer needed."""
    return RemoveTree(str(kept), str(kept / LISTING))


def list_entries(prefix: Path, patterns: Iterable[str]) -> Iterator[str]:
    """Yield all paths below `prefix` that match the glob patterns, and their contents, outer ones first.

    The paths are relative to `prefix`.

    Raises
    ------
    StackenvError
        If a pattern leads out of the environment.
    """
    seen = set()
    real = os.path.realpath(prefix)
    for pattern in patterns:
        for found in sorted(glob.glob(f"{glob.escape(str(prefix))}/{pattern}")):  # noqa: PTH207
            parent = os.path.realpath(os.path.dirname(found))  # noqa: PTH120
            if not f"{parent}/".startswith(f"{real}/") or ".." in Path(pattern).parts:
                raise StackenvError(
                    f"{found} points outside the environment {prefix} and is not touched",
                    f"ls -l {quote_word(Path(found).parent)}",
                )
            for path in walk(found):
                name = os.path.relpath(path, prefix)
                if name not in seen:
                    seen.add(name)
                    yield name


def walk(path: str) -> Iterator[str]:
    """Yield `path` and everything below it, without following links."""
    yield path
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
        for place, folders, files in os.walk(path):
            yield from (f"{place}/{name}" for name in (*folders, *files))


def back_up(prefix: Path, kept: Path, patterns: Iterable[str], is_copied: Callable[[str], bool]) -> None:
    """Back up into `kept` everything below `prefix` that matches the glob patterns.

    All paths are listed; the files for which `is_copied` returns True are copied.

    Raises
    ------
    StackenvError
        If something cannot be read, or the disk is too full for the copies; the environment is unchanged.
    """
    patterns = tuple(dict.fromkeys(patterns))
    entries: dict[str, Listed] = {}
    try:
        (kept / COPIES).mkdir(parents=True, mode=0o700)
        for name in list_entries(prefix, patterns):
            # The parents are listed, too, because pip removes folders that become empty.
            for folder in reversed(list(Path(name).parents)[:-1]):
                if str(folder) not in entries:
                    entries[str(folder)] = Listed.look_at(str(prefix / folder))
            path = os.path.join(prefix, name)  # noqa: PTH118
            found = Listed.look_at(path)
            if stat.S_ISREG(found.mode) and is_copied(name):
                shutil.copy2(path, kept / COPIES / str(len(entries)))
                found = Listed(**{**asdict(found), "copy": len(entries)})
            entries[name] = found
    except OSError as error:
        raise StackenvError(
            f"what will be replaced in {prefix} could not be backed up: {error.filename or kept}: "
            f"{error.strerror}",
            f"df -h {quote_word(prefix)}; df -i {quote_word(prefix)}",
        ) from error
    listing = {
        "stackenv": STACKENV_UUID,
        "patterns": patterns,
        "entries": {n: asdict(e) for n, e in entries.items()},
    }
    write_file(kept / LISTING, json.dumps(listing))


def read_listing(path: Path) -> tuple[tuple[str, ...], dict[str, Listed]] | None:
    """Return the patterns and the entries of the list `path`; None if it was never completed."""
    try:
        data = json.loads(read_file_text(path, errors="surrogateescape"))
        return tuple(data["patterns"]), {name: Listed(**entry) for name, entry in data["entries"].items()}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StackenvError(
            f"{path} is not a valid list of files: {explain(error)}", f"ls -l {quote_word(path)}"
        ) from error


def restore_environment(prefix: Path, kept: Path, ended_s: float | None = None) -> None:
    """Restore the environment at `prefix` to its state when the backup `kept` was made; then delete `kept`.

    It can be repeated after an interruption. Without a complete list, the update had not begun. `ended_s` is
    the time at which the update was killed, if it was.

    Raises
    ------
    StackenvError
        If the environment was changed after the update was killed: then nothing is restored. If a file
        without a copy was changed: then everything else is restored.
    OSError
        If something cannot be written.
    """
    found = read_listing(kept / LISTING)
    if found and ended_s is not None:
        require_untouched(prefix, kept, found[0], ended_s)
    lost: list[str] = []
    if found:
        patterns, entries = found
        for name in list(list_entries(prefix, patterns)):
            if name not in entries and os.path.lexists(prefix / name):
                delete(prefix / name)
        for name, entry in entries.items():
            check_inside(prefix, name)
            if not restore_entry(prefix / name, entry, kept / COPIES / str(entry.copy)):
                lost.append(name)
        restore_modes(prefix, entries)
    delete(kept / COPIES)
    # The draft of an incomplete list: because of it, remove_tree would not delete the folder.
    for draft in kept.glob(f".{LISTING}.*"):
        delete(draft)
    remove_tree(kept, kept / LISTING)
    if lost:
        more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        raise StackenvError(
            f"{prefix} was restored, except for {', '.join(lost[:SHOWN])}{more}: changed meanwhile, "
            "although the update was not expected to replace them",
            "if something no longer works, reinstall the packages to which these belong",
        )


def require_untouched(prefix: Path, kept: Path, patterns: Iterable[str], ended_s: float) -> None:
    """Raise StackenvError if something was written at `prefix` after the update was killed.

    The modification times of the files show it; compiled files do not count, because every Python writes
    them. The user can create the file `UNDO` to have the update undone anyway.
    """
    if (kept / UNDO).exists():
        return
    newer = next(iter(list_newer(prefix, patterns, ended_s + TOLERANCE_S)), "")
    if not newer and not (kept / WORKED_ON).exists():
        return
    # From now on, the time of the journal no longer shows when the update was killed.
    (kept / WORKED_ON).touch()
    example = f" (for example {newer})" if newer else ""
    raise StackenvError(
        f"{prefix} was changed after the interrupted update{example} and is left as it is",
        f"if it works as it is: rm -r {quote_word(kept)}; to undo the update and everything that was "
        f"done after it: touch {quote_word(kept / UNDO)}; then: stackenv list",
    )


def list_newer(prefix: Path, patterns: Iterable[str], since_s: float) -> Iterator[str]:
    """Yield the files below `prefix` that match the glob patterns and were written after `since_s`."""
    for name in list_entries(prefix, patterns):
        if name.endswith(".pyc") or "__pycache__" in name.split("/"):
            continue
        status = os.lstat(prefix / name)
        if stat.S_ISREG(status.st_mode) and status.st_mtime > since_s:
            yield name


def check_inside(prefix: Path, name: str) -> None:
    """Raise StackenvError if `name` leads out of `prefix`, because others may have written the list."""
    real = os.path.realpath(prefix)
    if ".." in Path(name).parts or not f"{os.path.realpath((prefix / name).parent)}/".startswith(f"{real}/"):
        raise StackenvError(f"{prefix / name} points outside the environment and is not touched")


def restore_entry(path: Path, entry: Listed, copy: Path) -> bool:
    """Restore `path` to the state `entry`; return False if that is not possible."""
    now = Listed.look_at(str(path)) if os.path.lexists(path) else None
    if now and stat.S_IFMT(now.mode) != stat.S_IFMT(entry.mode):
        delete(path)
        now = None
    if stat.S_ISDIR(entry.mode):
        path.mkdir(exist_ok=True)
        return True
    if stat.S_ISLNK(entry.mode):
        if now is None or now.target != entry.target:
            path.unlink(missing_ok=True)
            path.symlink_to(entry.target)
        return True
    if now and (now.size_bytes, now.changed_ns, now.inode) == (
        entry.size_bytes,
        entry.changed_ns,
        entry.inode,
    ):
        return True
    if entry.copy >= 0 and copy.is_file():
        try:
            copy.replace(path)
        except PermissionError:
            # A package installed its folder without write permission; its mode is restored at the end.
            open_up(path.parent)
            copy.replace(path)
        return True
    # There is no copy: an interrupted restore has renamed it back already, or it was never copied.
    return (
        now is not None
        and entry.copy >= 0
        and (now.size_bytes, now.changed_ns) == (entry.size_bytes, entry.changed_ns)
    )


def restore_modes(prefix: Path, entries: Mapping[str, Listed]) -> None:
    """Restore the permissions of files and folders, inner ones first."""
    for name, entry in reversed(list(entries.items())):
        path = prefix / name
        if not stat.S_ISLNK(entry.mode) and os.path.lexists(path):
            wanted = stat.S_IMODE(entry.mode)
            if stat.S_IMODE(path.lstat().st_mode) != wanted:
                path.chmod(wanted)
