"""A pip that the user installed in a venv is a requirement; one that came with the Python is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_record import RECORD

from stackenv.lifecycle.requirements import read_contents
from stackenv.record import Package, Python, Record


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Return the record of a packed venv, on a Python whose ensurepip has pip 23.2.1."""
    wheels = tmp_path / "python/lib/python3.11/ensurepip/_bundled"
    wheels.mkdir(parents=True)
    (wheels / "pip-23.2.1-py3-none-any.whl").touch()
    folder = tmp_path / "it/stackenv"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("# pip's are left out\nsix==1.17.0\n")
    python = Python("3.11.2", f"{tmp_path}/python/bin/python3.11", "Python/3.11.2")
    return replace(RECORD, kind="venv", path=str(folder.parent), python=python)


@pytest.mark.parametrize(
    ("pip", "wanted"),
    [
        (Package("pip", "25.2"), ["six==1.17.0", "pip==25.2"]),
        # Not installed by the user: as the record says, or, in an older record, by the version of ensurepip.
        (Package("pip", "25.2", installer="ensurepip"), ["six==1.17.0"]),
        (Package("pip", "23.2.1"), ["six==1.17.0"]),
    ],
)
@pytest.mark.parametrize("listed", ["as packed", "by the record alone"])
def test_requirements_of_a_packed_venv_include_pip_only_if_it_was_installed(
    record: Record, pip: Package, wanted: list[str], listed: str
) -> None:
    if listed != "as packed":
        Path(record.path, "stackenv/requirements.txt").unlink()
    contents = read_contents(replace(record, packages=(Package("six", "1.17.0"), pip)))
    assert [package.line for package in contents.pip] == wanted
    assert not contents.conda
