"""Copies of modulefiles that an eb on another host keeps, and copies in a module hierarchy."""

from __future__ import annotations

import json
from pathlib import Path

from stackenv.site.kept_modulefiles import KeptModulefiles

NAME = "Core/Anaconda3/2024.02-1"


def keep(folder: Path) -> tuple[KeptModulefiles, Path]:
    path = folder / "modules" / f"{NAME}.lua"
    path.parent.mkdir(parents=True)
    path.write_text("old")
    kept = KeptModulefiles(folder / "kept")
    kept.keep(path, NAME, folder / "installation")
    return kept, path


def test_forget_also_removes_the_folders_of_a_module_hierarchy(tmp_path: Path) -> None:
    kept, _ = keep(tmp_path)
    kept.forget()
    assert not (tmp_path / "kept").exists()


def test_a_copy_from_another_host_is_restored_and_kept(tmp_path: Path) -> None:
    kept, path = keep(tmp_path)
    note = tmp_path / "kept" / f"{NAME}.note"
    note.write_text(json.dumps({**json.loads(note.read_text()), "host": "another.host"}))
    path.unlink()
    assert KeptModulefiles(tmp_path / "kept").restore_leftovers({NAME}) == [path]
    assert path.read_text() == "old"
    # The eb on that host may still run and need its copy.
    assert kept.place(NAME).is_file()
    kept.forget()


def test_a_copy_with_an_incomplete_note_is_left_alone(tmp_path: Path) -> None:
    kept, path = keep(tmp_path)
    (tmp_path / "kept" / f"{NAME}.note").write_text('{"path": ')
    path.unlink()
    assert KeptModulefiles(tmp_path / "kept").restore_leftovers({NAME}) == []
    assert kept.place(NAME).is_file()
    kept.forget()
