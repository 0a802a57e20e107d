"""Fixtures for the rules of `stackenv check`: the people of tests/commands, and a conda that can init."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_ci import fail_or_skip

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "commands"))

from built import WORK
from people import Person, Site, make_person, make_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return modules that no test changes."""
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def person(tmp_path: Path, site: Site) -> Person:
    """Return a person who has no environment yet."""
    return make_person(tmp_path, site)


@pytest.fixture(scope="session")
def own_conda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a conda that a user has installed."""
    prefix = tmp_path_factory.mktemp("own") / "miniforge3"
    (installer,) = (Path(__file__).resolve().parents[2] / ".work/distribution").glob("Miniforge3-*.sh")
    subprocess.run(["sh", installer, "-b", "-f", "-p", prefix], check=True, capture_output=True)
    return prefix


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a different file system from the homes."""
    others = [
        place
        for place in (Path("/dev/shm"), WORK)
        if os.access(place, os.W_OK) and place.stat().st_dev != tmp_path.stat().st_dev
    ]
    if not others:
        message = "there is no second file system to write to"
        fail_or_skip(message)
    folder = Path(tempfile.mkdtemp(dir=others[0]))
    yield folder
    shutil.rmtree(folder)
