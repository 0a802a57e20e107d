"""Fixtures: a small site with two Pythons and bundles on each, and people with environments on it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from made_again import make_again
from people import Person, Site, make_person, make_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return a site whose modules no test changes."""
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def new_person(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Person]:
    """Return a function that makes a person with a home of their own."""
    numbers = itertools.count()
    return lambda: make_person(tmp_path_factory.mktemp(f"person{next(numbers)}"), site)


@pytest.fixture
def person(tmp_path: Path, site: Site) -> Person:
    """Return a person who has no environment yet."""
    return make_person(tmp_path, site)


@pytest.fixture(scope="module")
def owner(new_person: Callable[[], Person]) -> Person:
    """Return a person who has made biopy/1.0 with a package of its own; the tests of a file share it."""
    owner = new_person()
    owner.create("biopy", "--description", "Biology", "tiny-own")
    return owner


@pytest.fixture
def left(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Return a person with the environments `left`, whose modulefile was deleted, and `kept`, complete."""

    def make(folder: Path) -> Person:
        person = make_person(folder, site)
        person.create("kept")
        person.create("left", "tiny-own", "--with-pip")
        (person.modules / "left/1.0.lua").unlink()
        return person

    return make_again(tmp_path_factory.getbasetemp() / "left", make)
