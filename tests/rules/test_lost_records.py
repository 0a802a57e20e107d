"""An environment's record that is lost in a purge: restored from what is left, or left alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from answers import read_result

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from homes import bring_back
from managed import check, describe_environment, fix, lose_record, make_managed, prefix_of
from people import Person, Site


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, site: Site) -> tuple[Person, Path]:
    return make_managed(tmp_path_factory.mktemp("own"), site)


@pytest.fixture
def person(origin: tuple[Person, Path]) -> Iterator[Person]:
    person, kept = origin
    yield person
    bring_back(person.home, kept)


def restore_by_check(person: Person, name: str) -> None:
    (found,) = check(person, name)
    assert (found["rule"], found["level"]) == ("managed-files", "broken")
    assert found["hint"] == f"stackenv edit {name}/1.0 --refresh"
    fix(person, name)


def restore_by_adopt(person: Person, name: str) -> None:
    person.stackenv("adopt", str(prefix_of(person, name)), name)


def restore_by_adopt_of_the_path(person: Person, name: str) -> None:
    person.stackenv("adopt", str(prefix_of(person, name)))


@pytest.mark.each_pair("name", "way", "restore")
@pytest.mark.parametrize("restore", [restore_by_check, restore_by_adopt, restore_by_adopt_of_the_path])
@pytest.mark.parametrize("way", ["gone", "cut", "all"])
@pytest.mark.parametrize("name", ["made", "adopted", "plain"])
def test_a_lost_record_is_restored_from_the_modulefile_and_the_environment(
    person: Person, name: str, way: str, restore: Callable[[Person, str], None]
) -> None:
    prefix = prefix_of(person, name)
    before, modulefile = describe_environment(prefix), (person.modules / f"{name}/1.0.lua").read_text()
    record = json.loads((prefix / "stackenv/record.json").read_text())
    lose_record(prefix, way)
    restore(person, name)
    again = json.loads((prefix / "stackenv/record.json").read_text())
    # Others could have written the modulefile, so it never allows deleting a folder.
    assert not again["owned"]
    # The sources of the packages, and the command that was typed, are lost.
    for data in (record, again):
        del data["made_by"], data["owned"]
        for package in data["packages"]:
            package.update(source="", sha256="")
    assert again == record
    assert describe_environment(prefix) == before
    assert (person.modules / f"{name}/1.0.lua").read_text() == modulefile
    assert check(person, name) == []


def test_a_modulefile_alone_does_not_allow_deleting_a_folder(person: Person) -> None:
    prefix, modulefile = prefix_of(person, "made"), person.modules / "made/1.0.lua"
    python = (prefix / "bin/python").resolve()
    shutil.rmtree(prefix)
    subprocess.run([python, "-I", "-m", "venv", "--without-pip", prefix], check=True)
    (prefix / "thesis.txt").write_text("mine")
    modulefile.write_text(modulefile.read_text().replace("-- choices: {", '-- choices: {"owned": true, '))
    before = person.tree()
    refused = person.stackenv("edit", "made", "--refresh", status=1)
    assert "another environment may have taken its place" in refused.stderr
    assert f"stackenv adopt {prefix} made --version 1.0" in refused.stderr
    assert person.tree() == before
    person.stackenv("adopt", str(prefix), "made", "--version", "1.0")
    (prefix / "stackenv/record.json").unlink()
    again = person.stackenv("edit", "made", "--refresh").stderr
    assert "to delete it as well: stackenv remove made/1.0 --environment" in again
    person.stackenv("remove", "made", "--yes")
    assert (prefix / "thesis.txt").read_text() == "mine" and not modulefile.exists()


def test_a_modulefile_of_another_user_restores_no_record(person: Person) -> None:
    if os.geteuid():
        pytest.skip("files of another user take root")
    project, prefix = person.home / "project", prefix_of(person, "made")
    text = (person.modules / "made/1.0.lua").read_text()
    theirs = project / "modules/pwn/2.0.lua"
    theirs.parent.mkdir(parents=True)
    theirs.write_text(text)
    os.chown(theirs, 74012, -1)
    (prefix / "stackenv/record.json").unlink()
    before = person.tree()
    shared = ("--shared", str(project))
    for words in (("edit", "pwn", "--refresh"), ("adopt", str(prefix), "pwn", "--version", "2.0")):
        refused = person.stackenv(*words, *shared, status=1)
        assert f"{theirs} belongs to 74012" in refused.stderr
    every = person.stackenv("edit", "--refresh", "--all", *shared, status=1)
    assert "in a project, --all does not restore it" in every.stderr
    assert f"stackenv edit pwn/2.0 --refresh --shared {project}" in every.stderr
    assert person.tree() == before


@pytest.mark.parametrize("whose", ["a colleague's", "open to all"])
def test_restoring_a_record_runs_no_python_of_another_user(person: Person, whose: str) -> None:
    if os.geteuid():
        pytest.skip("files of another user take root")
    project, mark = person.home / "project", person.home / "executed"
    project.mkdir()
    person.stackenv("create", "team", "-m", "Bundle/1", "--shared", str(project))
    prefix = project / "venvs/team-1.0"
    (prefix / "stackenv/record.json").unlink()
    python = prefix / "bin/python"
    python.unlink()
    python.write_text(f"#!/bin/sh\ntouch {mark}\nexit 1\n")
    python.chmod(0o777 if whose == "open to all" else 0o755)
    for path in (prefix, *prefix.rglob("*")) if whose != "open to all" else ():
        os.chown(path, 74012, -1, follow_symlinks=False)
    os.chown(project / "modules/team/1.0.lua", prefix.stat().st_uid, -1)
    before = person.tree()
    refused = person.stackenv("edit", "team", "--refresh", "--shared", str(project), status=1)
    why = f"{python} can be written by everybody" if whose == "open to all" else f"{prefix} belongs to 74012"
    assert f"{why}, and restoring the record" in refused.stderr
    assert person.tree() == before and not mark.exists()


def test_a_path_instead_of_a_module_name_in_a_modulefile_is_refused(person: Person) -> None:
    modulefile = person.modules / "made/1.0.lua"
    text = modulefile.read_text()
    modulefile.write_text(text.replace('"modules": ["Bundle/1"]', '"modules": ["../evil/pwn"]'))
    assert modulefile.read_text() != text
    (prefix_of(person, "made") / "stackenv/record.json").unlink()
    refused = person.stackenv("edit", "made", "--refresh", status=1)
    assert "../evil/pwn: a module can only be loaded by its name in MODULEPATH" in refused.stderr


def test_an_older_modulefile_restores_the_record_without_ownership(person: Person) -> None:
    for name in ("made", "plain"):
        modulefile, prefix = person.modules / f"{name}/1.0.lua", prefix_of(person, name)
        lines = modulefile.read_text().splitlines(keepends=True)
        assert lines[2].startswith("-- choices: ")
        modulefile.write_text("".join(lines[:2] + lines[3:]))
        before = describe_environment(prefix)
        record = json.loads((prefix / "stackenv/record.json").read_text())
        (prefix / "stackenv/record.json").unlink()
        person.stackenv("edit", name, "--refresh")
        again = json.loads((prefix / "stackenv/record.json").read_text())
        assert not again["owned"]
        for key in ("kind", "path", "modules", "python", "pinned", "layers"):
            assert again[key] == record[key], key
        layers = [path for path in describe_environment(prefix) if "_stackenv" in path]
        assert layers == [path for path in before if "_stackenv" in path]


def test_no_record_is_restored_in_a_folder_without_an_environment(person: Person) -> None:
    prefix = prefix_of(person, "made")
    for path in prefix.rglob("*"):
        if not path.is_dir() or path.is_symlink():
            path.unlink()
    before = person.tree()
    (found,) = check(person, "made")
    assert found["rule"] == "environment-gone" and "stackenv remove made/1.0" in found["hint"]
    assert "No such file" in person.stackenv("edit", "made", "--refresh", status=1).stderr
    assert person.tree() == before


def test_a_record_of_a_newer_stackenv_is_left_unchanged(person: Person) -> None:
    record = prefix_of(person, "made") / "stackenv/record.json"
    record.write_text(record.read_text().replace('"record_version": 1', '"record_version": 2'))
    before = person.tree()
    (found,) = check(person, "made")
    assert found["rule"] == "environment-gone" and "newer" in found["hint"]
    assert "newer" in person.stackenv("edit", "made", "--refresh", status=1).stderr
    assert "made/1.0" in person.stackenv("adopt", "venvs/made-1.0", status=9).stderr
    assert person.tree() == before


def test_adopting_an_environment_without_a_record_by_another_name_is_refused(person: Person) -> None:
    (prefix_of(person, "made") / "stackenv/record.json").unlink()
    before = person.tree()
    refused = person.stackenv("adopt", "venvs/made-1.0", "other", status=9)
    assert "already has a module: made/1.0" in refused.stderr
    assert "stackenv check made/1.0" in refused.stderr
    assert "restore" in person.stackenv("adopt", "venvs/made-1.0", "--dry-run").stdout
    (step,) = read_result(person.stackenv("adopt", "venvs/made-1.0", "--dry-run", "--json").stdout)["steps"]
    assert "restore" in step
    assert person.tree() == before
    answer = read_result(person.stackenv("adopt", "venvs/made-1.0", "--json").stdout)
    assert answer["module"] == "made/1.0"
    assert {"name": "tiny-own", "version": "1.0"} in answer["packages"]
