"""What `--json` prints keeps its shape: scripts read it."""

from __future__ import annotations

import json

from people import Person

INFO = """
    module modulefile environment default kind description python modules packages pinned shadows
    allow_shadow platform carried stubs muted made_by owned problem hint
""".split()  # noqa: SIM905 (names read better as words)
LIST = ["module", "environment", "modulefile", "kind", "marks", "modules", "python", "description", "problem"]
CREATE = ["module", "modulefile", "environment", "modules", "packages", "use"]


def test_info(owner: Person) -> None:
    found = json.loads(owner.stackenv("info", "biopy", "--json").stdout)
    assert list(found) == INFO
    assert list(found["python"]) == ["version", "executable", "module"]
    assert list(found["platform"]) == ["machine", "os", "cpu"]
    assert list(found["carried"]) == [
        "carries",
        "reason",
        "cpu",
        "any_cpu",
        "restarts",
        "by_script",
        "needs_modules",
    ]
    assert found["stubs"] == {"packages": ["tiny-stack"], "recorded": 1, "reason": ""}
    assert {tuple(package) for package in found["packages"]} == {("name", "version", "installer")}
    assert [list(package) for package in found["pinned"]] == [["name", "version", "module"]]


def test_info_of_a_broken_module(owner: Person) -> None:
    record = owner.home / "venvs/biopy-1.0/stackenv/record.json"
    record.rename(record.with_suffix(".aside"))
    try:
        done = owner.stackenv("info", "biopy", "--json", status=1)
    finally:
        record.with_suffix(".aside").rename(record)
    assert list(json.loads(done.stdout)) == INFO


def test_info_of_an_environment_that_shadows(owner: Person) -> None:
    owner.create("shadowing", "tiny-stack==2.0", "--allow-shadow", "tiny-stack")
    found = json.loads(owner.stackenv("info", "shadowing", "--json").stdout)
    assert list(found) == INFO
    assert [list(shadow) for shadow in found["shadows"]] == [["name", "version", "stack_version", "module"]]


def test_list(owner: Person) -> None:
    (found, *_) = json.loads(owner.stackenv("list", "--json").stdout)
    assert list(found) == LIST


def test_create(owner: Person) -> None:
    done = owner.stackenv("create", "another", "-m", "Bundle/1", "--json")
    assert list(json.loads(done.stdout)) == CREATE
