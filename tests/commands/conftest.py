"""A small site, two Pythons and a bundle on each, and people with environments on it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from made_again import make_again
from people import Person, Site, make_person, make_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return modules that nobody changes."""
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def new_person(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Person]:
    """Return what makes a person with a home of their own."""
    numbers = itertools.count()
    return lambda: make_person(tmp_path_factory.mktemp(f"person{next(numbers)}"), site)


@pytest.fixture
def person(tmp_path: Path, site: Site) -> Person:
    """Return a person who has no environment yet."""
    return make_person(tmp_path, site)


@pytest.fixture(scope="module")
def owner(new_person: Callable[[], Person]) -> Person:
    """Return a person who has made biopy/1.0 with a package of its own; the module's tests share it."""
    owner = new_person()
    owner.create("biopy", "--description", "Biology", "tiny-own")
    return owner


@pytest.fixture
def left(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Return a person with an environment whose modulefile somebody has removed, and one that is whole."""

    def make(folder: Path) -> Person:
        person = make_person(folder, site)
        person.create("kept")
        person.create("left", "tiny-own", "--with-pip")
        (person.modules / "left/1.0.lua").unlink()
        return person

    return make_again(tmp_path_factory.getbasetemp() / "left", make)
