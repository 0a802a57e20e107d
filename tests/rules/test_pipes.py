"""A pipe in place of a user's file counts as a file that cannot be read: stackenv does not wait for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import read_result
from homes import bring_back, keep_home
from people import COMMAND, MINOR, Person, make_person, make_site

PREFIX = "venvs/it-1.0"
SITE = f"{PREFIX}/lib/python{MINOR}/site-packages"
STUB = f"{SITE}/tiny_stack-1.0.dist-info"
IN_HOME = (
    *(".condarc", ".bashrc", ".pip/pip.conf", ".config/pip/pip.conf", ".pydistutils.cfg"),
    *(".conda/environments.txt", ".local/share/jupyter/kernels/mine/kernel.json", ".config/lmod/default"),
    *(".cache/lmod/spiderT.lua", f".local/lib/python{MINOR}/site-packages/easy-install.pth"),
)
IN_ENVIRONMENT = (
    *("pip.conf", "bin/pip", "bin/mine", "stackenv/constraints.txt", "stackenv/exported.yml"),
    *("etc/jupyter/jupyter_config.json", "etc/conda/activate.d/mine.sh", "conda-meta/mine.json"),
)
IN_SITE_PACKAGES = (
    *("_stackenv_layers.py", "mine.py", "mine.egg-info", "mine.egg-link"),
    *("mine-1.dist-info/METADATA", "mine-1.dist-info/direct_url.json", "mine-1.dist-info/RECORD"),
    "tiny_own-1.0.dist-info/RECORD",
)
# A single pipe for each test if it keeps stackenv from reading the others.
PLACES = (
    tuple(f"{PREFIX}/{name}" for name in IN_ENVIRONMENT),
    tuple(f"{SITE}/{name}" for name in IN_SITE_PACKAGES),
    *((f"{PREFIX}/{name}",) for name in ("stackenv/record.json", "pyvenv.cfg", "bin/python")),
    (f"{SITE}/mine.pth", f"{SITE}/tiny_own-1.0.dist-info/METADATA"),
    *((f"modules/it/{name}",) for name in ("1.0.lua", ".modulerc.lua")),
)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, Path]:
    folder = tmp_path_factory.mktemp("pipes")
    person = make_person(folder, make_site(folder / "site"))
    person.create("it", "tiny-own==1.0")
    return person, keep_home(person.home)


@pytest.fixture
def person(origin: tuple[Person, Path]) -> Iterator[Person]:
    person, kept = origin
    yield person
    bring_back(person.home, kept)


def make_pipe(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)


def run(person: Person, *commands: str) -> None:
    for words in commands:
        done = person.shell(f"timeout 50 {COMMAND} {words}")
        assert done.returncode != 124, (words, done.stderr)
        assert "Traceback" not in done.stderr, (words, done.stderr)


def test_pipes_in_a_home_are_not_waited_for(person: Person) -> None:
    for name in IN_HOME:
        make_pipe(person.home / name)
    run(person, "check", "list", "usage --no-scan", "clean --dry-run", "check it")


@pytest.mark.parametrize("places", PLACES, ids=lambda places: places[0].rpartition("/")[2])
def test_pipes_in_an_environment_are_not_waited_for(person: Person, places: tuple[str, ...]) -> None:
    for place in places:
        make_pipe(person.home / place)
    # A Python waits for these, and `edit` waits a minute for that Python.
    waiting = {f"{PREFIX}/pyvenv.cfg", f"{SITE}/mine.pth"}.intersection(places)
    edit = "edit it --description x" + (" --dry-run" if waiting else "")
    run(person, "list", "info it", "check it", "export it", edit, "remove it --yes")


def test_a_pipe_in_a_stub_of_an_adopted_copy_is_replaced(person: Person) -> None:
    copy = person.home / "copy"
    shutil.copytree(person.home / PREFIX, copy, symlinks=True)
    pipe = copy / STUB.removeprefix(f"{PREFIX}/") / "METADATA"
    make_pipe(pipe)
    run(person, f"adopt {copy} copy -m Bundle/1")
    assert pipe.is_file()
    assert read_result(person.stackenv("check", "copy", "--json").stdout) == []


def test_a_pipe_in_place_of_the_record_is_reported_and_replaced_by_the_hint(person: Person) -> None:
    record = person.home / PREFIX / "stackenv/record.json"
    make_pipe(record)
    # First with a time limit, because the commands below have none.
    run(person, "check it")
    (found,) = read_result(person.stackenv("check", "it", "--json", status=None).stdout)
    assert found["what"] == f"the record of it/1.0, {record}, is not a regular file"
    assert found["hint"].startswith("stackenv edit it/1.0 --refresh")
    person.stackenv("edit", "it/1.0", "--refresh")
    assert record.is_file()
    assert read_result(person.stackenv("check", "it", "--json").stdout) == []
