"""Copies of modulefiles, kept while a build replaces them."""

from __future__ import annotations

import atexit
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from stackenv.plain_files import read_file_bytes, read_file_text
from stackenv.transactions.journal_file import parse_process
from stackenv.transactions.process import Process

# Programs of the software whose modulefiles stackenv completes.
PROGRAMS = ("conda", "stackenv")


@dataclass(frozen=True)
class RestoredModulefile:
    """A modulefile that was restored, and the installation that it points to."""

    path: Path
    installdir: Path

    @property
    def has_installation(self) -> bool:
        return any(Path(self.installdir, "bin", name).exists() for name in PROGRAMS)


def read_note(path: Path) -> tuple[Path, Process] | None:
    """Return where the copy of the note `path` belongs, and who made it; None if the note is incomplete."""
    try:
        data = json.loads(read_file_text(path))
        return Path(data["path"]), parse_process(data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def copy_whole(source: Path, target: Path) -> None:
    """Copy the file `source` to `target`, completely or not at all, also to another file system."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}.part")
    shutil.copy2(source, half)
    half.replace(target)


class KeptModulefiles:
    """The copies, each in `folder` under the module's full name, with a note of where it belongs.

    A copy outlives a killed process; the next build of the same module restores it, whoever starts it. The
    note names the process, so that a second `eb` does not touch the copy of one that is still running.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.current: tuple[Path, Path, Path] | None = None

    def place(self, full_name: str) -> Path:
        """Return the path of the copy of the module `full_name`."""
        return self.folder / f"{full_name}.lua"

    def keep(self, path: Path, full_name: str, installdir: Path) -> None:
        """Copy the modulefile `path` aside, if it exists; raise OSError if that fails."""
        if not path.is_file():
            return
        copy = self.place(full_name)
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        copy_whole(path, copy)
        note = {"path": str(path), **asdict(Process.current())}
        copy.with_suffix(".note").write_text(json.dumps(note), encoding="utf-8")
        self.current = (path, copy, installdir)
        # EasyBuild 4 has no hook for a crash, but atexit also runs after an uncaught exception.
        atexit.register(self.restore)

    def forget(self) -> None:
        """Delete the current copy, because its replacement is complete."""
        if self.current:
            _, copy, _ = self.current
            self.current = None
            self._remove(copy)

    def restore(self) -> list[RestoredModulefile]:
        """Restore the current copy, byte for byte; return it if the modulefile had changed."""
        if self.current is None:
            return []
        path, copy, installdir = self.current
        self.current = None
        if not copy.is_file():
            return []
        changed = not path.is_file() or read_file_bytes(path) != read_file_bytes(copy)
        if changed:
            copy_whole(copy, path)
        self._remove(copy)
        return [RestoredModulefile(path, installdir)] if changed else []

    def restore_leftovers(self, full_names: set[str]) -> list[Path]:
        """Restore what a killed process left behind for the modules `full_names`; return the paths."""
        restored = []
        for full_name in sorted(full_names):
            copy = self.place(full_name)
            note = read_note(copy.with_suffix(".note"))
            if not copy.is_file() or note is None:
                continue
            path, process = note
            if process.is_here and process.is_alive(copy):
                continue
            if not path.exists():
                copy_whole(copy, path)
                restored.append(path)
            # On another host, eb may still be running; then it needs the copy to restore it itself.
            if process.is_here:
                self._remove(copy)
        return restored

    def _remove(self, copy: Path) -> None:
        for leftover in (copy.with_suffix(".note"), copy):
            leftover.unlink(missing_ok=True)
        for folder in copy.parents:
            if not folder.is_relative_to(self.folder) or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
