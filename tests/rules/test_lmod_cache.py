"""A user's Lmod cache, written by Lmod itself, and modules that it does not contain."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from checking import find, find_one, fix
from people import Person, make_person, make_site, write_module

RULE = "lmod-cache"


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return make_person(tmp_path, make_site(tmp_path / "site"))


def write_cache(person: Person, age_s: int) -> list[Path]:
    """Have Lmod write its cache, as it does if reading all modules takes more than two seconds."""
    person.shell("module spider", LMOD_SHORT_TIME="0")
    caches = sorted(p for name in (".lmod.d/.cache", ".cache/lmod") for p in (person.home / name).glob("*"))
    assert caches
    then = time.time() - age_s
    modules = Path(person.site.modulepath)
    for path in (*caches, modules, *modules.rglob("*")):
        os.utime(path, (then, then))
    return caches


def finds(person: Person, module: str) -> bool:
    done = person.shell(f"module spider {module}")
    return "Unable to find" not in done.stdout + done.stderr


def test_a_cache_that_lacks_a_module_is_reported_and_removed(person: Person) -> None:
    caches = write_cache(person, 100)
    assert find(person, RULE) == []
    assert finds(person, "Extra/1")
    write_module(person.site, "Extra/2", person.home, "", "EXTRA_PATH", "lib")
    assert not finds(person, "Extra/2")
    found = find_one(person, RULE)
    assert (found["level"], found["where"]) == ("warning", str(caches[0]))
    before = person.tree()
    fix(person)
    assert finds(person, "Extra/2")
    assert find(person, RULE) == []
    for cache in caches:
        del before[str(cache.relative_to(person.home))]
    assert person.tree() == before


def test_an_expired_cache_is_not_reported(person: Person) -> None:
    write_cache(person, 90000)
    write_module(person.site, "Extra/2", person.home, "", "EXTRA_PATH", "lib")
    assert find(person, RULE) == []
    assert len(find(person, RULE, LMOD_ANCIENT_TIME="900000")) == 1


def test_a_cache_of_other_modules_is_not_reported(person: Person, tmp_path: Path) -> None:
    write_cache(person, 100)
    (tmp_path / "others/Own").mkdir(parents=True)
    assert find(person, RULE, MODULEPATH=str(tmp_path / "others")) == []
