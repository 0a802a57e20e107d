"""Stubs, which show uv the packages of the modules: missing, changed or unwanted ones, and the fix."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from answers import read_result
from checking import take_one
from people import Person, force_in, make_wheel
from stacked import WORK
from stubbed import Kept, keep, lend, make_stubbed, site_packages

REFRESH = "stackenv edit biopy/1.0 --refresh"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, Kept]:
    """Return a person with an environment on a bundle of three packages, and copies of both."""
    person = make_stubbed(tmp_path_factory.mktemp("stubs"), "numpy", "tiny.dots")
    person.create("biopy", "tiny-own==1.0")
    person.create("other", module="Bundle/2")
    return person, keep(person)


@pytest.fixture
def biologist(origin: tuple[Person, Kept]) -> Iterator[Person]:
    """Return the person with the original home and bundle."""
    yield from lend(*origin)


def find(person: Person, *rules: str, **changes: str) -> list[dict[str, str]]:
    """Return the findings of `rules`, or of all rules, in biopy."""
    done = person.stackenv("check", "biopy", "--json", status=None, **changes)
    return [finding for finding in read_result(done.stdout) if finding["rule"] in rules or not rules]


def find_one(person: Person, **changes: str) -> dict[str, str]:
    """Return the only finding, and assert what all findings of the rule have in common."""
    found = take_one(find(person, **changes))
    assert (found["rule"], found["level"], found["hint"]) == ("stubs", "warning", REFRESH)
    assert found["where"].startswith(str(site_packages(person, "biopy")))
    return found


def stub(person: Person, name: str = "tiny_stack-1.0") -> Path:
    return site_packages(person, "biopy") / f"{name}.dist-info"


def type_it(person: Person, hint: str) -> None:
    """Type the commands of `hint` unchanged, up to the alternative."""
    for command in hint.partition("; to keep it: ")[0].split("; "):
        assert command.startswith("stackenv ")
        person.stackenv(*command.split()[1:])


def uv_list(person: Person) -> dict[str, str]:
    """Return the packages and versions that a real uv, started by its path, sees in biopy."""
    python = person.home / "venvs/biopy-1.0/bin/python"
    done = subprocess.run(
        [WORK / "venv/bin/uv", "pip", "list", "--format", "json", "--python", python],
        env=person.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "warning" not in done.stderr
    return {package["name"]: package["version"] for package in json.loads(done.stdout)}


ALL = {"numpy": "1.0", "tiny-dots": "1.0", "tiny-own": "1.0", "tiny-stack": "1.0"}


def test_a_new_environment_has_no_finding(biologist: Person) -> None:
    assert find(biologist) == []
    assert uv_list(biologist) == ALL


def remove_by_uv(person: Person) -> None:
    uv, python = str(WORK / "venv/bin/uv"), str(person.home / "venvs/biopy-1.0/bin/python")
    subprocess.run(
        [uv, "pip", "uninstall", "-q", "--python", python, "tiny-stack"], env=person.environ, check=True
    )
    assert not stub(person).exists()


def purge(person: Person, *kept: str) -> None:
    """Delete files of a stub that were not read for a month, as a purge does; those in `kept` were read."""
    old = time.time() - 31 * 86400
    for path in stub(person).iterdir():
        if path.name not in kept:
            os.utime(path, (old, old))
    for path in site_packages(person, "biopy").rglob("*"):
        if path.is_file() and path.stat().st_atime < time.time() - 30 * 86400:
            path.unlink()
    assert {path.name for path in stub(person).iterdir()} == {*kept}


def edit(person: Person) -> None:
    path = stub(person) / "METADATA"
    path.write_text(path.read_text() + "Requires-Dist: absent\n")


def add_to_module(person: Person) -> None:
    """Give the module different metadata of the same version."""
    path = person.site.software / "Bundle/1/lib/tiny_stack-1.0.dist-info/METADATA"
    path.write_text(path.read_text() + "Requires-Python: >=3.9\n")


MISSING, CHANGED = "missing: tiny-stack 1.0", "different from the module: tiny-stack 1.0"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda person: shutil.rmtree(stub(person)), MISSING),
        (remove_by_uv, MISSING),
        (purge, CHANGED),
        (lambda person: purge(person, "METADATA"), CHANGED),
        (lambda person: purge(person, "METADATA", "INSTALLER", "WHEEL"), CHANGED),
        (lambda person: purge(person, "INSTALLER"), CHANGED),
        (edit, CHANGED),
        (lambda person: (stub(person) / "METADATA").write_text(""), CHANGED),
        (lambda person: (stub(person) / "REQUESTED").touch(), CHANGED),
        (add_to_module, CHANGED),
    ],
    ids=["gone", "uv", "all", "read", "record", "metadata", "edited", "empty", "more", "module"],
)
@pytest.mark.parametrize("way", ["typed", "fixed"])
@pytest.mark.each_value("spoil", "way")
def test_a_missing_or_changed_stub_is_reported_and_restored(
    biologist: Person, spoil: Callable[[Person], object], said: str, way: str
) -> None:
    spoil(biologist)
    found = find_one(biologist)
    assert found["what"].endswith(f"are wrong: {said}")
    if way == "typed":
        type_it(biologist, found["hint"])
    else:
        biologist.stackenv("check", "biopy", "--fix", "--yes")
    assert find(biologist) == [] and uv_list(biologist) == ALL
    source = biologist.site.software / "Bundle/1/lib/tiny_stack-1.0.dist-info/METADATA"
    assert (stub(biologist) / "METADATA").read_text() == source.read_text()
    assert not (stub(biologist) / "REQUESTED").exists()


def test_all_wrong_stubs_are_one_finding(biologist: Person) -> None:
    shutil.rmtree(stub(biologist))
    edit_path = stub(biologist, "numpy-1.0") / "METADATA"
    edit_path.write_text("Name: numpy\nVersion: 1.0\n")
    shutil.copytree(
        site_packages(biologist, "other") / "tiny_new-1.0.dist-info", stub(biologist, "tiny_new-1.0")
    )
    found = find_one(biologist)
    assert found["what"].endswith(
        "missing: tiny-stack 1.0; different from the module: numpy 1.0; "
        "unwanted (no module has the package): tiny-new 1.0"
    )
    type_it(biologist, found["hint"])
    assert find(biologist) == [] and uv_list(biologist) == ALL


def test_a_second_version_of_a_stub_is_reported_and_removed(biologist: Person) -> None:
    """As after copying the stubs of an environment on another generation."""
    name = "tiny_stack-2.0.dist-info"
    shutil.copytree(site_packages(biologist, "other") / name, site_packages(biologist, "biopy") / name)
    found = find_one(biologist)
    assert found["what"].endswith("unwanted (the right one exists too): tiny-stack 2.0")
    type_it(biologist, found["hint"])
    assert find(biologist) == [] and uv_list(biologist) == ALL


def test_a_new_version_in_the_module_is_reported_as_stale(biologist: Person) -> None:
    """The pinned version changes, too: one finding reports it, and its hint renews both."""
    lib = biologist.site.software / "Bundle/1/lib"
    metadata = lib / "tiny_stack-1.0.dist-info/METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))
    (lib / "tiny_stack-1.0.dist-info").rename(lib / "tiny_stack-1.1.dist-info")
    found = take_one(find(biologist))
    assert (found["rule"], found["hint"]) == ("stale", REFRESH)
    assert found["what"] == "tiny-stack is pinned to 1.0, but Bundle/1 has 1.1" and "uv" in found["why"]
    type_it(biologist, found["hint"])
    assert find(biologist) == [] and uv_list(biologist) == {**ALL, "tiny-stack": "1.1"}


def test_a_package_missing_from_the_module_is_reported_as_stale(biologist: Person) -> None:
    shutil.rmtree(biologist.site.software / "Bundle/1/lib/tiny_stack-1.0.dist-info")
    found = take_one(find(biologist))
    assert found["rule"] == "stale" and found["what"] == "tiny-stack 1.0 is pinned, but no module has it"
    type_it(biologist, found["hint"])
    assert find(biologist) == [] and "tiny-stack" not in uv_list(biologist)


@pytest.mark.parametrize("where", ["its place", "another place", "beside it"])
def test_a_package_installed_over_a_stub_is_reported_and_replaced(biologist: Person, where: str) -> None:
    """The rule `shadows` reports it, and its hint also restores the stub."""
    if where == "beside it":
        with zipfile.ZipFile(make_wheel(biologist.site.wheels, "tiny-stack", "2.0")) as archive:
            archive.extractall(site_packages(biologist, "biopy"))
    else:
        same = ("--reinstall", "tiny-stack==1.0")
        force_in(biologist, "biopy", *(same if where == "its place" else ("tiny-stack==2.0",)))
    found = find(biologist)
    assert [finding["rule"] for finding in found] == (["stubs"] if where == "beside it" else []) + ["shadows"]
    for finding in found:
        type_it(biologist, finding["hint"])
    assert find(biologist) == [] and uv_list(biologist) == ALL


def test_stubs_lost_by_uv_sync_are_reported_and_restored(biologist: Person) -> None:
    """bin/uv lets `uv sync --active` replace stubs by packages of the lock, and remove the other stubs."""
    project = biologist.home / "project"
    project.mkdir()
    needs = '["tiny-own==1.0", "tiny-stack==2.0"]'
    (project / "pyproject.toml").write_text(
        f'[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = {needs}\n'
    )
    words = ("sync", "--active", "--quiet", "--no-index", "--find-links", str(biologist.site.wheels))
    prefix = str(biologist.home / "venvs/biopy-1.0")
    subprocess.run(
        [WORK / "venv/bin/uv", *words],
        env={**biologist.environ, "VIRTUAL_ENV": prefix},
        cwd=project,
        check=True,
    )
    assert uv_list(biologist) == {"tiny-own": "1.0", "tiny-stack": "2.0"}
    found = find(biologist)
    assert [finding["rule"] for finding in found] == ["stubs", "shadows"]
    assert found[0]["what"].endswith("missing: numpy 1.0, tiny-dots 1.0")
    for finding in found:
        type_it(biologist, finding["hint"])
    assert find(biologist) == [] and uv_list(biologist) == ALL


def test_several_packages_installed_over_stubs_are_fixed_at_once(biologist: Person) -> None:
    make_wheel(biologist.site.wheels, "numpy", "2.0")
    force_in(biologist, "biopy", "tiny-stack==2.0")
    force_in(biologist, "biopy", "numpy==2.0")
    shutil.rmtree(stub(biologist, "tiny.dots-1.0"))
    assert [finding["rule"] for finding in find(biologist)] == ["stubs", "shadows", "shadows"]
    biologist.stackenv("check", "biopy", "--fix", "--yes")
    assert find(biologist) == [] and uv_list(biologist) == ALL


def configure(person: Person, text: str) -> dict[str, str]:
    path = person.home.parent / "site.yaml"
    path.write_text(f"version: 1\npersonal:\n  {text}\n")
    return {"STACKENV_SITE_CONFIG": str(path)}


def test_stubs_left_out_by_the_site_are_reported_as_unwanted(biologist: Person) -> None:
    site = configure(biologist, "stubs_leave_out: ['Tiny_*']")
    found = find_one(biologist, **site)
    why = "unwanted (left out by the site: personal.stubs_leave_out)"
    assert found["what"].endswith(f"{why}: tiny-dots 1.0, tiny-stack 1.0")
    biologist.stackenv("edit", "biopy", "--refresh", **site)
    assert find(biologist, **site) == []
    assert uv_list(biologist) == {"numpy": "1.0", "tiny-own": "1.0"}
    # The site wants all of them again.
    assert find_one(biologist)["what"].endswith("missing: tiny-dots 1.0, tiny-stack 1.0")
    type_it(biologist, REFRESH)
    assert find(biologist) == [] and uv_list(biologist) == ALL


def test_stubs_turned_off_by_the_site_are_reported_as_unwanted(biologist: Person) -> None:
    site = configure(biologist, "stubs: false")
    assert "unwanted (turned off by the site: personal.stubs): " in find_one(biologist, **site)["what"]
    biologist.stackenv("edit", "biopy", "--refresh", **site)
    assert find(biologist, **site) == [] and uv_list(biologist) == {"tiny-own": "1.0"}
    # If the site allows them again, no finding bothers users.
    assert find(biologist) == []
    assert "no package of its modules" in biologist.stackenv("info", "biopy").stdout
    type_it(biologist, REFRESH)
    assert find(biologist) == [] and uv_list(biologist) == ALL


def test_a_stub_after_no_stubs_is_reported_as_unwanted(biologist: Person) -> None:
    biologist.stackenv("edit", "biopy", "--no-stubs")
    assert find(biologist) == [] and uv_list(biologist) == {"tiny-own": "1.0"}
    name = "tiny_stack-2.0.dist-info"
    shutil.copytree(site_packages(biologist, "other") / name, site_packages(biologist, "biopy") / name)
    assert find_one(biologist)["what"].endswith("unwanted (after --no-stubs): tiny-stack 2.0")
    type_it(biologist, REFRESH)
    assert find(biologist) == [] and uv_list(biologist) == {"tiny-own": "1.0"}


def test_an_environment_of_an_older_stackenv_is_not_reported(biologist: Person) -> None:
    """Users without uv are not bothered: `info` gives the command, as do findings that need a refresh."""
    biologist.stackenv("edit", "biopy", "--no-stubs")
    record = biologist.home / "venvs/biopy-1.0/stackenv/record.json"
    data = json.loads(record.read_text())
    del data["stubs"], data["stubs_off"]
    record.write_text(json.dumps(data))
    assert find(biologist, "stubs") == []
    assert f"made by an older stackenv, or uv can use none of them; to try: {REFRESH}" in (
        biologist.stackenv("info", "biopy").stdout
    )
    type_it(biologist, REFRESH)
    assert find(biologist) == [] and uv_list(biologist) == ALL


def test_missing_stubs_are_not_reported_if_the_modules_are_missing(biologist: Person) -> None:
    shutil.rmtree(stub(biologist))
    bundle = Path(biologist.site.modulepath, "Bundle/1.lua")
    text = bundle.read_text()
    bundle.unlink()
    try:
        assert [finding["rule"] for finding in find(biologist)] == ["modules-gone"]
    finally:
        bundle.write_text(text)
