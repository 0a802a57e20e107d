"""Fixtures: a user with a kernel on a full stack, and people on a small site that has a Jupyter module."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "commands"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from jupyters import make_kernel_user
from labs import adopt
from people import VERSION, Person, Site, make_person, make_site, write_module
from stacked import WORK, Stack, open_stack
from users import User


@pytest.fixture(scope="module")
def stack() -> Stack:
    """Return a stack as EasyBuild 5 builds it, whose packages are found by PYTHONPATH."""
    return open_stack("eb5-pythonpath")


@pytest.fixture(scope="module")
def biologist(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> User:
    """Return a user with a kernel; all tests of a file share the user."""
    return make_kernel_user(tmp_path_factory.mktemp("biologist"), stack)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return the modules of a site, of which Jupyter/1 has ipykernel; the tests do not change them."""
    site = make_site(tmp_path_factory.mktemp("site"))
    packages = Path(sysconfig.get_path("purelib", vars={"base": ""})).relative_to("/")
    write_module(
        site, "Jupyter/1", WORK / "jupyter", f'depends_on("Python/{VERSION}")', "PYTHONPATH", str(packages)
    )
    return site


@pytest.fixture
def person(tmp_path: Path, site: Site) -> Person:
    """Return a person who has no environment yet."""
    return make_person(tmp_path, site)


@pytest.fixture
def owner(person: Person) -> Person:
    """Return a person who has the environment `lab` and a kernel for it."""
    adopt(person)
    person.stackenv("kernel", "add", "lab")
    return person
