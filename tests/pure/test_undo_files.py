"""The changes that restore files of an environment that are about to be overwritten."""

from __future__ import annotations

import os
from pathlib import Path

from stackenv.lifecycle.making import undo_files
from stackenv.transactions.changes import RemoveFile, WriteFile, WriteLink


def test_files_programs_and_links_are_restored_as_they_were(tmp_path: Path) -> None:
    prefix = tmp_path / "it"
    (prefix / "stackenv").mkdir(parents=True)
    (prefix / "file").write_bytes(b"a\r\n\xff")
    (prefix / "program").write_text("#!/bin/sh\n")
    (prefix / "program").chmod(0o755)
    (prefix / "link").symlink_to("file")
    (prefix / "dangling").symlink_to("gone")
    names = ("file", "program", "link", "dangling", "none")
    changes = undo_files([str(prefix / name) for name in names], str(prefix), prefix / "mark")
    assert changes == (
        WriteFile(str(prefix / "file"), "a\r\n\udcff"),
        WriteFile(str(prefix / "program"), "#!/bin/sh\n", executable=True),
        WriteLink(str(prefix / "link"), "file"),
        WriteLink(str(prefix / "dangling"), "gone"),
        *(RemoveFile(str(prefix / name)) for name in ("none", "stackenv/record.json", "mark")),
    )


def test_a_pipe_is_neither_read_nor_restored(tmp_path: Path) -> None:
    (tmp_path / "it/stackenv").mkdir(parents=True)
    os.mkfifo(tmp_path / "it/pipe")
    changes = undo_files([str(tmp_path / "it/pipe")], str(tmp_path / "it"), tmp_path / "it/mark")
    assert [Path(change.path).name for change in changes] == ["record.json", "mark"]
