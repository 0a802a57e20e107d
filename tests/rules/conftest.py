"""Fixtures for the rules of `stackenv check`: the people of tests/commands, and a conda that can init."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "commands"))

from people import Person, Site, make_person, make_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return modules that nobody changes."""
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def person(tmp_path: Path, site: Site) -> Person:
    """Return a person who has no environment yet."""
    return make_person(tmp_path, site)


@pytest.fixture(scope="session")
def own_conda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a conda that somebody has installed for themselves."""
    prefix = tmp_path_factory.mktemp("own") / "miniforge3"
    (installer,) = (Path(__file__).resolve().parents[2] / ".work/distribution").glob("Miniforge3-*.sh")
    subprocess.run(["sh", installer, "-b", "-f", "-p", prefix], check=True, capture_output=True)
    return prefix
