"""Compares the page on files with a new environment: each new file must be in a row of the page."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from pathlib import Path

from pages import DOCS
from stacked import open_stack
from users import make_user

PAGE = (DOCS / "reference/files.md").read_text(encoding="utf-8")


def read_places(heading: str) -> list[str]:
    """Return the paths in the first column of the table below `heading`."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| (`.+?) \| ", section)
    return [place for row in rows for place in re.findall(r"`([^`]+)`", row)]


def list_below(folder: Path) -> set[str]:
    return {str(Path(top, name).relative_to(folder)) for top, _, names in os.walk(folder) for name in names}


def test_every_file_of_a_new_environment_is_documented_and_private(tmp_path: Path) -> None:
    user = make_user(tmp_path, open_stack("eb5-pythonpath"))
    (user.home / "venvs").rmdir()
    plain = user.run(
        f"module load {user.stack.python_module} && python3 -m venv --without-pip {tmp_path}/plain"
    )
    assert plain.returncode == 0, plain.stderr
    made = user.stackenv("create", "biopy", load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr

    prefix = user.home / "venvs/biopy-1.0"
    added = list_below(prefix) - list_below(tmp_path / "plain")
    places = read_places("In an environment")
    assert {path for path in added if not any(fnmatch.fnmatch(path, place) for place in places)} == set()
    assert [place for place in places if not fnmatch.filter(added, place)] == []

    tops = {path.name for path in user.home.iterdir()}
    named = {place.split("/")[1] for place in read_places("Of a user") if place.startswith("~/")}
    assert tops <= named
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (user.modules, prefix)}
    assert set(modes.values()) == {0o700}, modes
