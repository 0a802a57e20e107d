"""`stackenv info`: what it shows of a module, also if part of it is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from answers import read_result
from people import MINOR, VERSION, Person, force_in


def read(person: Person, *words: str, status: int = 0) -> dict[str, Any]:
    return read_result(person.stackenv("info", *words, "--json", status=status).stdout)


def test_info_shows_the_record_and_the_installed_packages(owner: Person) -> None:
    found = read(owner, "biopy")
    executable = owner.site.software / f"Python/{VERSION}/bin/python{MINOR}"
    assert found["module"] == "biopy/1.0"
    assert found["description"] == "Biology"
    assert found["modules"] == ["Bundle/1"]
    assert found["python"] == {
        "version": VERSION,
        "executable": str(executable),
        "module": f"Python/{VERSION}",
    }
    assert found["pinned"] == [{"name": "tiny-stack", "version": "1.0", "module": "Bundle/1"}]
    assert {"name": "tiny-own", "version": "1.1", "installer": "pip"} in found["packages"]
    assert found["made_by"][:3] == ["stackenv", "create", "biopy"]
    assert (found["shadows"], found["problem"], found["owned"]) == ([], "", True)


def test_packages_are_those_installed_now_not_those_at_creation(owner: Person) -> None:
    owner.stackenv("run", "biopy", "--", "python", "-m", "pip", "install", "-q", "tiny-own==1.0")
    assert {"name": "tiny-own", "version": "1.0", "installer": "pip"} in read(owner, "biopy")["packages"]


@pytest.mark.parametrize("way", ["{home}/venvs/biopy-1.0", "~/venvs/biopy-1.0/", "venvs/biopy-1.0", "./link"])
def test_an_environment_is_found_by_its_path(owner: Person, way: str) -> None:
    link = owner.home / "link"
    if not link.is_symlink():
        link.symlink_to("venvs/biopy-1.0")
    assert read(owner, way.format(home=owner.home))["module"] == "biopy/1.0"


def test_a_module_name_wins_over_a_folder_of_the_same_name(owner: Person) -> None:
    owner.create("other")
    (owner.home / "biopy").mkdir()
    (owner.home / "biopy/1.0").symlink_to(owner.home / "venvs/other-1.0")
    assert read(owner, "biopy/1.0")["module"] == "biopy/1.0"
    assert read(owner, "./biopy/1.0")["module"] == "other/1.0"


def test_a_path_without_a_module_is_refused_with_a_hint(owner: Person) -> None:
    told = owner.stackenv("info", "./venvs", status=1).stderr
    assert f"no module in {owner.modules} belongs to venvs" in told and "stackenv adopt venvs" in told
    assert "no module" in owner.stackenv("info", "~nobody-here/x", status=1).stderr
    told = owner.stackenv("info", "~/nothing", status=1).stderr
    assert f"belongs to {owner.home}/nothing" in told and "stackenv list" in told
    assert "there is no module nothing" in owner.stackenv("info", "nothing", status=1).stderr


def test_a_shadowed_package_is_shown_with_both_versions(owner: Person) -> None:
    owner.create("shadowing", "tiny-stack==2.0", "--allow-shadow", "tiny_stack")
    found = read(owner, "shadowing")
    row = {"name": "tiny-stack", "version": "2.0", "module_version": "1.0", "module": "Bundle/1"}
    assert found["shadows"] == [row]
    assert found["allow_shadow"] == ["tiny_stack"]
    assert "instead of 1.0 Bundle/1" in owner.stackenv("info", "shadowing").stdout


def test_a_package_forced_past_the_constraints_is_shown_as_shadowing(owner: Person) -> None:
    owner.create("forced")
    force_in(owner, "forced", "tiny-stack==2.0")
    (shadow,) = read(owner, "forced")["shadows"]
    assert (shadow["version"], shadow["module_version"]) == ("2.0", "1.0")


def test_the_text_output_shows_modules_packages_and_what_uv_sees(owner: Person) -> None:
    lines = owner.stackenv("info", "biopy").stdout.splitlines()
    assert "module       biopy/1.0" in lines
    assert "modules      Bundle/1" in lines
    assert "uv sees      1 package of its modules" in lines
    assert any(line.startswith("packages of its own (") for line in lines)
    assert ["tiny-stack", "1.0", "Bundle/1"] in [line.split() for line in lines]


@pytest.mark.parametrize("contents", [None, "{", '{"stackenv": "somebody else"}', "\udcff"])
def test_a_missing_or_broken_record_is_reported_with_a_hint(owner: Person, contents: str | None) -> None:
    record = owner.home / "venvs/biopy-1.0/stackenv/record.json"
    text = record.read_text()
    try:
        record.unlink()
        if contents is not None:
            record.write_bytes(contents.encode("utf-8", "surrogateescape"))
        found = read(owner, "biopy", status=1)
        done = owner.stackenv("info", "biopy", status=1)
    finally:
        record.write_text(text)
    assert str(record) in found["problem"]
    assert "stackenv edit biopy/1.0 --refresh" in found["hint"]
    assert (found["modules"], found["description"]) == (["Bundle/1"], "Biology")
    assert "environment  " + str(record.parents[1]) in done.stdout
    assert "hint: " in done.stderr


def test_a_missing_environment_is_reported_with_a_hint(owner: Person) -> None:
    place = owner.create("gone")
    place.rename(place.with_name("elsewhere"))
    found = read(owner, "gone", status=1)
    assert found["environment"] == str(place)
    assert "stackenv remove gone/1.0" in found["hint"]


def test_shadowing_is_shown_without_module_version_when_the_module_is_missing(owner: Person) -> None:
    owner.create("lost", "tiny-stack==2.0", "--allow-shadow", "tiny-stack")
    module = Path(owner.site.modulepath, "Bundle/1.lua")
    module.rename(module.with_suffix(".aside"))
    try:
        (shadow,) = read(owner, "lost")["shadows"]
    finally:
        module.with_suffix(".aside").rename(module)
    assert (shadow["version"], shadow["module_version"]) == ("2.0", "")


def test_invalid_and_unknown_names_are_refused(owner: Person) -> None:
    for name, status in (("nosuch", 1), ("../biopy", 1), ("biopy/9", 1), ("", 2)):
        assert owner.stackenv("info", name, status=status).stdout == ""


def test_a_name_with_several_versions_means_the_default_version(owner: Person) -> None:
    owner.create("several", "--version", "1.0")
    owner.create("several", "--version", "2.0")
    assert "name one of them" in owner.stackenv("info", "several", status=2).stderr
    owner.stackenv("edit", "several/1.0", "--default")
    found = read(owner, "several")
    assert (found["module"], found["default"]) == ("several/1.0", True)
