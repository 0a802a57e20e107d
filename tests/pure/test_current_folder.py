"""The Pythons that stackenv runs with `-m` and `-c` import nothing from the current folder."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from test_record import RECORD

from stackenv.environments.venv_install import read_pip_version
from stackenv.health.actions import run_command
from stackenv.packing.image import compile_packages


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put modules into the current folder; return the file that exists once one of them was imported."""
    for name in ("pip", "compileall", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "sprung"


def test_a_fix_of_check_imports_nothing_from_the_current_folder(trap: Path) -> None:
    run_command((sys.executable, "-m", "json.tool", "--help"), os.environ)
    assert not trap.exists()


def test_packing_imports_nothing_from_the_current_folder(trap: Path) -> None:
    (trap.parent / "package").mkdir()
    (trap.parent / "package/module.py").touch()
    compile_packages((sys.executable, "-m", "compileall", "-q", str(trap.parent / "package")))
    assert list((trap.parent / "package/__pycache__").iterdir())
    assert not trap.exists()


def test_reading_the_pip_version_imports_nothing_from_the_current_folder(trap: Path) -> None:
    assert read_pip_version(replace(RECORD, path=sys.prefix), os.environ)
    assert not trap.exists()
