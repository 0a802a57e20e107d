"""`stackenv edit`: the record, the files that depend on it, and the module change together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from answers import read_result
from old_modules import render_old
from people import Person
from terminals import read_table

from stackenv import STACKENV_UUID


def record(person: Person, name: str) -> dict:
    return json.loads((person.home / f"venvs/{name}-1.0/stackenv/record.json").read_text())


def constraints(person: Person, name: str) -> list[str]:
    text = (person.home / f"venvs/{name}-1.0/stackenv/constraints.txt").read_text()
    return [line.split()[0] for line in text.splitlines() if not line.startswith("#")]


def seen_version(person: Person, name: str) -> str:
    code = "import tiny_stack; print(tiny_stack.VERSION)"
    return person.stackenv("run", name, "--", "python", "-c", code).stdout.strip()


def test_edit_switches_to_other_modules_of_the_same_python(owner: Person) -> None:
    owner.create("moved")
    owner.stackenv("edit", "moved", "--module", "Bundle/2", "--module", "Extra/1")
    assert record(owner, "moved")["modules"] == ["Bundle/2", "Extra/1"]
    assert constraints(owner, "moved") == ["tiny-new==1.0", "tiny-stack==2.0"]
    code = "import os, tiny_stack; print(tiny_stack.VERSION, os.environ['EXTRA'])"
    done = owner.shell(f'module load moved; python -c "{code}"')
    assert (done.stdout.split(), done.stderr) == (["2.0", "1"], "")


def test_modules_of_another_python_are_refused_and_nothing_changes(owner: Person) -> None:
    owner.create("kept")
    before = owner.tree()
    done = owner.stackenv("edit", "kept", "--module", "Bundle/next", status=1)
    assert "Python/next" in done.stderr
    assert "a venv cannot change its Python" in done.stderr
    assert "stackenv rebuild kept/1.0 -m Bundle/next" in done.stderr
    assert owner.tree() == before


@pytest.mark.parametrize(("module", "status"), [("Extra/1", 1), ("Nosuch/1", 7)])
def test_modules_without_python_and_unknown_modules_are_refused(
    owner: Person, module: str, status: int
) -> None:
    before = owner.tree()
    done = owner.stackenv("edit", "biopy", "--module", module, status=status)
    assert module in done.stderr
    assert owner.tree() == before


def test_allow_shadow_unpins_a_package_and_forbid_shadow_pins_it_again(owner: Person) -> None:
    owner.create("free")
    owner.stackenv("edit", "free", "--allow-shadow", "Tiny_Stack")
    assert constraints(owner, "free") == []
    owner.stackenv("run", "free", "python", "-m", "pip", "install", "-q", "tiny-stack==2.0")
    assert seen_version(owner, "free") == "2.0"
    owner.stackenv("run", "free", "python", "-m", "pip", "uninstall", "-q", "-y", "tiny-stack")
    owner.stackenv("edit", "free", "--forbid-shadow", "tiny-stack")
    assert constraints(owner, "free") == ["tiny-stack==1.0"]
    assert seen_version(owner, "free") == "1.0"
    refused = owner.stackenv("run", "free", "python", "-m", "pip", "install", "tiny-stack==2.0", status=1)
    assert "tiny-stack==1.0" in refused.stdout + refused.stderr


def test_a_needless_or_contradictory_forbid_shadow_is_refused(owner: Person) -> None:
    done = owner.stackenv("edit", "biopy", "--forbid-shadow", "tiny-stack", status=2)
    assert "already keeps the modules' version of tiny-stack" in done.stderr
    both = ("--allow-shadow", "tiny-stack", "--forbid-shadow", "tiny_stack")
    assert "both allowed and forbidden" in owner.stackenv("edit", "biopy", *both, status=2).stderr


def test_edit_without_a_change_is_refused(owner: Person) -> None:
    assert "no change was requested" in owner.stackenv("edit", "biopy", status=2).stderr


def test_a_description_with_special_characters_is_kept_as_typed(owner: Person) -> None:
    owner.create("described")
    text = "a \"quoted\" 'text' $HOME `id` \\ ]] %s ä"
    owner.stackenv("edit", "described", "--description", text)
    assert record(owner, "described")["description"] == text
    assert text in owner.shell("module whatis described 2>&1").stdout
    owner.stackenv("edit", "described", "--description", "")
    assert record(owner, "described")["description"] == ""


def test_a_dry_run_changes_nothing(owner: Person) -> None:
    before = owner.tree()
    words = ("--module", "Bundle/2", "--allow-shadow", "tiny-stack", "--default", "--dry-run")
    lines = owner.stackenv("edit", "biopy", *words).stdout.splitlines()
    assert "base it on Bundle/2 instead of Bundle/1" in lines
    assert "unpin tiny-stack 1.0" in lines
    assert owner.tree() == before


def test_a_users_own_pip_conf_is_kept(owner: Person) -> None:
    place = owner.create("own")
    (place / "pip.conf").write_text("[global]\ntimeout = 7\n")
    done = owner.stackenv("edit", "own", "--module", "Bundle/2")
    assert f"{place}/pip.conf is your own file and is not changed" in done.stderr
    assert (place / "pip.conf").read_text() == "[global]\ntimeout = 7\n"
    assert constraints(owner, "own") == ["tiny-new==1.0", "tiny-stack==2.0"]


def test_a_modulefile_changed_by_hand_is_saved_as_orig_byte_for_byte(owner: Person) -> None:
    owner.create("latin")
    modulefile = owner.modules / "latin/1.0.lua"
    changed = modulefile.read_bytes() + b"-- Z\xfcrich \xe2\x82\xac\r\n"
    modulefile.write_bytes(changed)
    owner.stackenv("edit", "latin", "--description", "now")
    assert Path(f"{modulefile}.orig").read_bytes() == changed != modulefile.read_bytes()


def test_a_pip_conf_changed_by_hand_is_saved_as_orig_byte_for_byte(owner: Person) -> None:
    place = owner.adopt("added")
    conf, kept = place / "pip.conf", place / "pip.conf.orig"
    written = conf.read_bytes()
    mine = written + b"[global]\n# Z\xfcrich\nextra-index-url = https://pypi.example\n"
    conf.write_bytes(mine)
    before = owner.tree()
    told = f"keep {conf}, which was changed by hand, as {kept}"
    assert told in owner.stackenv("edit", "added", "--refresh", "--dry-run").stderr
    assert owner.tree() == before
    assert told in owner.stackenv("edit", "added", "--refresh").stderr
    assert (conf.read_bytes(), kept.read_bytes()) == (written, mine)
    # A file as 0.1 wrote it or as it is written now is not treated as changed; remove keeps a changed one.
    url = f"file://{place}/stackenv/constraints.txt"
    conf.write_text(f"# {STACKENV_UUID}\n[install]\nconstraint = {url}\nuser = false\n")
    for _ in range(2):
        assert "by hand" not in owner.stackenv("edit", "added", "--refresh").stderr
    conf.write_bytes(mine)
    removed = owner.stackenv("remove", "added", "--yes")
    assert f"keep {conf}, which was changed by hand, as {kept}.2" in removed.stderr
    assert not conf.exists() and Path(f"{kept}.2").read_bytes() == mine


def test_adopt_saves_a_pip_conf_changed_by_hand_as_orig(owner: Person) -> None:
    place = owner.adopt("again")
    (owner.modules / "again/1.0.lua").unlink()
    mine = (place / "pip.conf").read_bytes() + b"[global]\ntimeout = 7\n"
    (place / "pip.conf").write_bytes(mine)
    assert "pip.conf, which was changed by hand" in owner.stackenv("adopt", str(place), "again").stderr
    assert (place / "pip.conf.orig").read_bytes() == mine != (place / "pip.conf").read_bytes()


def test_module_spider_finds_packages_installed_before_an_edit(owner: Person) -> None:
    owner.create("later")
    owner.stackenv("run", "later", "python", "-m", "pip", "install", "-q", "tiny-own")
    owner.stackenv("edit", "later", "--description", "now")
    assert "later/1.0" in owner.shell("module spider tiny-own/1.1 2>&1").stdout


def test_edit_default_sets_the_version_that_lmod_loads(owner: Person) -> None:
    for version in ("1.0", "2.0", "3.0"):
        owner.create("three", "--version", version)
    assert "three/3.0" in owner.shell("module load three; module -t list 2>&1").stdout.split()
    for version in ("2.0", "1.0"):
        owner.stackenv("edit", f"three/{version}", "--default")
        assert f"three/{version}" in owner.shell("module load three; module -t list 2>&1").stdout.split()
        shown = owner.shell("module avail three 2>&1").stdout.split()
        assert shown[shown.index("(D)") - 1] == f"three/{version}"
    assert len(read_table(owner.stackenv("list").stdout)) == len(list(owner.modules.glob("[!.]*/[!.]*.lua")))


@pytest.mark.parametrize("name", [".modulerc.lua", "default"])
def test_a_default_not_written_by_stackenv_is_kept(owner: Person, name: str) -> None:
    theirs = owner.modules / "biopy" / name
    if name == "default":
        theirs.symlink_to("1.0.lua")
    else:
        theirs.write_text('module_version("biopy/1.0", "default")\n')
    before = owner.tree()
    try:
        done = owner.stackenv("edit", "biopy", "--default", status=9)
        assert owner.tree() == before
    finally:
        theirs.unlink()
    assert str(theirs) in done.stderr


def test_an_environment_adopted_with_no_pth_gets_no_layers(owner: Person) -> None:
    place = owner.adopt("plain", "--no-pth")
    for words in (("--description", "now"), ("--refresh",)):
        owner.stackenv("edit", "plain", *words)
        assert [f for f in place.glob("lib/python*/site-packages/*stackenv*") if f.is_file()] == []
    # Older records have no `layers`; the recorded command line says whether --no-pth was used.
    path = place / "stackenv/record.json"
    data = json.loads(path.read_text())
    assert data.pop("layers") is False
    path.write_text(json.dumps(data))
    owner.stackenv("edit", "plain", "--refresh")
    assert [f for f in place.glob("lib/python*/site-packages/*stackenv*") if f.is_file()] == []


@pytest.fixture
def old(person: Person) -> Person:
    """Return a person with three environments of stackenv 0.1; the record of `three` is of a newer one."""
    for name in ("one", "three", "two"):
        prefix = person.create(name)
        modulefile = person.modules / name / "1.0.lua"
        modulefile.write_text(render_old(modulefile, prefix))
        layers = next(prefix.glob("lib/python*/site-packages/_stackenv_layers.py"))
        for file in (layers, prefix / "pip.conf", prefix / "stackenv/constraints.txt"):
            file.write_text(f"# {STACKENV_UUID} of 0.1\n")
        (prefix / "bin/uv").unlink()
    record = person.home / "venvs/three-1.0/stackenv/record.json"
    record.write_text(record.read_text().replace('"record_version": 1', '"record_version": 2'))
    return person


def test_refresh_all_continues_after_an_environment_that_fails(old: Person) -> None:
    before = old.tree()
    shown = old.stackenv("edit", "--refresh", "--all", "--dry-run", status=1)
    assert shown.stdout.count("write the record, the files in") == 2
    assert old.tree() == before
    done = old.stackenv("edit", "--refresh", "--all", status=1)
    assert "three/1.0 was not changed: " in done.stderr
    assert "2 environments are up to date" in done.stderr
    assert "1 environment could not be changed: three/1.0" in done.stderr.split("hint:")[0]
    after = old.tree()
    assert {path for path in after if "three" in path and before.get(path) != after[path]} == set()
    for name in ("one", "two"):
        prefix = old.home / f"venvs/{name}-1.0"
        assert 'pushenv("PIP_CONSTRAINT"' not in (old.modules / f"{name}/1.0.lua").read_text()
        layers = next(prefix.glob("lib/python*/site-packages/_stackenv_layers.py"))
        assert "def split_command" in layers.read_text()
        assert "[download]" in (prefix / "pip.conf").read_text()
        assert constraints(old, name) == ["tiny-stack==1.0"]
        assert (prefix / "bin/uv").stat().st_mode & 0o111
        assert read_result(old.stackenv("check", name, "--json").stdout) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "the name of the environment is missing"),
        (("biopy", "--refresh", "--all"), "--all cannot be combined with a name"),
        (("--all",), "--all requires --refresh"),
        (("--all", "--refresh", "--default"), "--all requires --refresh, and cannot be combined"),
    ],
)
def test_edit_requires_either_a_name_or_all_with_refresh(
    owner: Person, words: tuple[str, ...], said: str
) -> None:
    assert said in owner.stackenv("edit", *words, status=2).stderr


def test_editing_a_loaded_module_says_how_to_reload_it(owner: Person) -> None:
    changes = {"MODULEPATH": f"{owner.modules}:{owner.site.modulepath}"}
    done = owner.stackenv("edit", "biopy", "--description", "Biology", load="biopy", **changes)
    assert "module unload biopy/1.0; ml biopy/1.0" in done.stderr


def test_a_copied_modulefile_is_not_edited(owner: Person) -> None:
    path = owner.modules / "biopy/1.0.lua"
    copy = owner.modules / "copy/1.0.lua"
    copy.parent.mkdir()
    copy.write_text(path.read_text())
    before = owner.tree()
    try:
        done = owner.stackenv("edit", "copy", "--description", "x", status=1)
        assert owner.tree() == before
    finally:
        copy.unlink()
        copy.parent.rmdir()
    assert f"rm {copy}" in done.stderr


def test_a_missing_python_is_named_in_the_error(owner: Person) -> None:
    place = owner.create("broken")
    for python in place.glob("bin/python*"):
        python.unlink()
    Path(place, "bin/python").symlink_to("/nonexistent/python")
    done = owner.stackenv("edit", "broken", "--module", "Bundle/2", status=1)
    assert "/nonexistent/python" in done.stderr
