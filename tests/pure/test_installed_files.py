"""Files of an environment's packages that are missing, or not as pip installed them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from wheels import make_wheel

from stackenv.environments.own_packages import read_owners
from stackenv.health.installed_files import list_faults

SHELL = "#!/bin/sh\n# Not pip's.\nexec python3 -c 'print(1)'\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a venv in which pip has installed the programs tool and other, and a shell script."""
    folder = tmp_path_factory.mktemp("made")
    prefix = folder / "it"
    script = {"tool-1.0.data/scripts/tool.sh": SHELL}
    wheels = [make_wheel(folder, "tool", "1.0", files=script), make_wheel(folder, "other", "1.0")]
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    pip = [sys.executable, "-m", "pip", "-q", "--python", prefix, "install", "--no-index"]
    subprocess.run([*pip, *wheels], check=True)
    return prefix


def find_after(made: Path, name: str, change: Callable[[bytes], bytes], stays: bool) -> list[str]:
    """Return the names of the scripts that are reported while the script `name` has the change `change`."""
    script = made / "bin" / name
    before = script.read_bytes()
    script.write_bytes(change(before))
    try:
        assert script.read_bytes() != before
        faults = list(list_faults(read_owners(made), made, stays, thorough=True))
    finally:
        script.write_bytes(before)
    assert list(list_faults(read_owners(made), made, stays, thorough=True)) == []
    return [fault.path.name for fault in faults]


def test_a_missing_file_is_found_even_if_distribution_files_is_empty(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python 3.12 and later list only the files that exist.
    monkeypatch.setattr(Distribution, "files", [])
    module = next(path for path in made.glob("lib/python3*/site-packages/tool*/*") if path.suffix == ".py")
    away = module.rename(module.with_suffix(".away"))
    try:
        found = list(list_faults(read_owners(made), made, stays=True, thorough=False))
    finally:
        away.rename(module)
    assert [(fault.path, fault.is_there) for fault in found] == [(module, False)]


@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize("name", ["tool", "tool.sh"])
def test_a_changed_or_truncated_script_is_found(made: Path, name: str, stays: bool) -> None:
    assert find_after(made, name, lambda text: text[:-20], stays) == [name]
    assert find_after(made, name, lambda text: text.replace(b"import", b"print", 1) + b"#\n", stays) == [name]


@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize(
    "line",
    [
        b"#!/usr/bin/env python",
        b"#!/elsewhere/bin/python3.11",
        b"#!/bin/sh\n'''exec' \"/old place/bin/python\" \"$0\" \"$@\"\n' '''",
    ],
)
def test_a_script_that_differs_only_in_its_interpreter_is_accepted(
    made: Path, line: bytes, stays: bool
) -> None:
    assert find_after(made, "tool", lambda text: line + text[text.index(b"\n") :], stays) == []


def test_the_scripts_of_a_moved_environment_are_accepted(made: Path, tmp_path: Path) -> None:
    moved = made.rename(tmp_path / "moved")
    try:
        for name in ("tool", "other"):
            script = moved / "bin" / name
            script.write_bytes(script.read_bytes().replace(bytes(made), bytes(moved)))
        assert list(list_faults(read_owners(moved), moved, False, thorough=True)) == []
    finally:
        for name in ("tool", "other"):
            script = moved / "bin" / name
            script.write_bytes(script.read_bytes().replace(bytes(moved), bytes(made)))
        moved.rename(made)
