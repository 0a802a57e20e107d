"""A person whose modules have packages that uv sees by stubs: created once, restored after each test."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from homes import bring_back, keep_home
from people import MINOR, Person, make_person, make_site, make_wheel

# Folders, and copies of their original contents.
Kept = list[tuple[Path, Path]]


def make_stubbed(folder: Path, *packages: str) -> Person:
    """Return a person below `folder` whose Bundle/1 also has the `packages`, in version 1.0."""
    site = make_site(folder / "site")
    for name in packages:
        with zipfile.ZipFile(make_wheel(site.wheels, name, "1.0")) as archive:
            archive.extractall(site.software / "Bundle/1/lib")
    return make_person(folder, site)


def keep(person: Person) -> Kept:
    """Return copies of what the tests change: the home and the bundle."""
    return [(place, keep_home(place)) for place in (person.home, person.site.software / "Bundle/1")]


def lend(person: Person, kept: Kept) -> Iterator[Person]:
    """Yield the person, then restore what is `kept`."""
    yield person
    for place, copy in kept:
        bring_back(place, copy)


def site_packages(person: Person, name: str) -> Path:
    """Return the site-packages folder of the environment `name`."""
    return person.home / f"venvs/{name}-1.0/lib/python{MINOR}/site-packages"
