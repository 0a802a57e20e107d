"""`stackenv rename`: the name changes everywhere, and the folder stays where it is."""

from __future__ import annotations

import json

import pytest
from people import Person


def test_files_help_and_the_loaded_environment_have_the_new_name(owner: Person) -> None:
    place = owner.create("old", "tiny-own")
    owner.stackenv("edit", "old", "--description", "Mine")
    done = owner.stackenv("rename", "old", "new")
    assert f"Renamed old/1.0 to new/1.0; its environment stays in {place}" in done.stderr
    assert json.loads((place / "stackenv/record.json").read_text())["name"] == "new"
    assert not (owner.modules / "old").exists()
    session = owner.shell('module load new; echo "$STACKENV_ENVIRONMENT $VIRTUAL_ENV $VIRTUAL_ENV_PROMPT"')
    assert (session.stdout, session.stderr) == (f"new/1.0 {place} (new) \n", "")
    written = [*place.glob("stackenv/*"), *place.glob("lib/python*/site-packages/*stackenv*.py")]
    assert [file for file in written if file.is_file() and "old/1.0" in file.read_text()] == []
    page = owner.shell("module help new 2>&1").stdout
    assert "module load new/1.0" in page
    assert "old/" not in page


def test_the_message_about_missing_modules_has_the_new_name(owner: Person) -> None:
    place = owner.create("before")
    owner.stackenv("rename", "before", "after")
    done = owner.shell(f'STACKENV_CARRY=0 "{place}/bin/python" -c pass')
    assert "after/1.0" in done.stderr
    assert "before/1.0" not in done.stderr


def test_the_version_can_be_changed(owner: Person) -> None:
    owner.create("numbered")
    owner.stackenv("rename", "numbered", "numbered/2024")
    assert "numbered/2024" in owner.shell("module load numbered; module -t list 2>&1").stdout.split()


@pytest.mark.parametrize("new", ["biopy", "biopy/1.0"])
def test_the_current_name_is_refused(owner: Person, new: str) -> None:
    assert "already has this name" in owner.stackenv("rename", "biopy", new, status=2).stderr


@pytest.mark.parametrize("new", ["../x", "a\nb", "a'b", "-x/1", "", "x/", "x/default", "x/../y", "é"])
def test_an_invalid_name_is_refused(owner: Person, new: str) -> None:
    before = owner.tree()
    owner.stackenv("rename", "--", "biopy", new, status=2)
    assert owner.tree() == before


def test_a_name_that_is_taken_is_refused(owner: Person) -> None:
    owner.create("taken")
    (owner.modules / "theirs").mkdir()
    (owner.modules / "theirs/1.0.lua").write_text("-- mine\n")
    before = owner.tree()
    assert "already exists" in owner.stackenv("rename", "biopy", "taken", status=9).stderr
    assert "not written by stackenv" in owner.stackenv("rename", "biopy", "theirs", status=9).stderr
    assert owner.tree() == before


def test_a_dry_run_changes_nothing(owner: Person) -> None:
    before = owner.tree()
    assert owner.stackenv("rename", "biopy", "bio", "--dry-run").stdout.startswith("write the module bio/1.0")
    assert owner.tree() == before


def test_a_loaded_module_is_not_renamed(owner: Person) -> None:
    before = owner.tree()
    changes = {"MODULEPATH": f"{owner.modules}:{owner.site.modulepath}"}
    done = owner.stackenv("rename", "biopy", "bio", load="biopy", status=1, **changes)
    assert "first run: module unload biopy/1.0" in done.stderr
    assert owner.tree() == before


def test_the_default_version_follows_a_rename(owner: Person) -> None:
    for version in ("1.0", "2.0"):
        owner.create("marked", "--version", version)
    owner.stackenv("edit", "marked/1.0", "--default")
    owner.stackenv("rename", "marked/1.0", "marked/0.9")
    assert "marked/0.9" in owner.shell("module load marked; module -t list 2>&1").stdout.split()
    owner.stackenv("rename", "marked/0.9", "other")
    assert not (owner.modules / "marked/.modulerc.lua").exists()
    assert "marked/2.0" in owner.shell("module load marked; module -t list 2>&1").stdout.split()
    owner.create("other", "--version", "2.0")
    assert "other/0.9" in owner.shell("module load other; module -t list 2>&1").stdout.split()
    owner.stackenv("rename", "marked", "other/3.0")
    assert "other/0.9" in owner.shell("module load other; module -t list 2>&1").stdout.split()
