"""Stubs of a packed environment: the image contains them as they were when it was packed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from answers import read_result
from made_again import make_again
from packing import require_fuse, unmounting
from people import Person, make_person, make_site
from stacked import WORK

UV = WORK / "venv/bin/uv"


@pytest.fixture
def packer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Yield a person with a packed environment."""

    def make(folder: Path) -> Person:
        person = make_person(folder, make_site(folder / "site"))
        configuration = folder / "packing.yaml"
        configuration.write_text(f"version: 1\npack:\n  mounts: {folder}/node\n")
        (folder / "node").mkdir()
        environ = {**person.environ, "STACKENV_SITE_CONFIG": str(configuration)}
        person = replace(person, environ=environ)
        person.create("bio", "tiny-own==1.0")
        person.stackenv("pack", "bio")
        return person

    require_fuse()
    folder = tmp_path_factory.getbasetemp() / "packed-stubs"
    with unmounting(folder):
        yield make_again(folder, make)


def uv_list(person: Person) -> dict[str, str]:
    """Return the packages that uv, started by its path, sees in the loaded environment."""
    done = person.shell(f'module load bio; "{UV}" pip list --format json')
    assert done.returncode == 0, done.stderr
    return {package["name"]: package["version"] for package in json.loads(done.stdout)}


def update_module(person: Person) -> None:
    """Replace the module's package by another version."""
    lib = person.site.software / "Bundle/1/lib"
    metadata = lib / "tiny_stack-1.0.dist-info/METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))
    (lib / "tiny_stack-1.0.dist-info").rename(lib / "tiny_stack-1.1.dist-info")


def test_stubs_are_in_the_image(packer: Person) -> None:
    assert uv_list(packer) == {"tiny-own": "1.0", "tiny-stack": "1.0"}
    found = read_result(packer.stackenv("info", "bio", "--json").stdout)
    assert found["stubs"] == {"packages": ["tiny-stack"], "expected_count": 1, "reason": ""}
    assert [package["name"] for package in found["packages"]] == ["tiny-own"]
    assert read_result(packer.stackenv("check", "bio", "--json").stdout) == []
    beside = [path.name for path in (packer.home / "venvs/bio-1.0").rglob("*.dist-info")]
    assert beside == []


@pytest.mark.parametrize(
    "words", [("--no-stubs",), ("--stubs",), ("-m", "Bundle/2"), ("--allow-shadow", "tiny-stack")]
)
def test_an_edit_of_stubs_is_refused_and_suggests_unpacking(packer: Person, words: tuple[str, ...]) -> None:
    before = packer.tree()
    refused = packer.stackenv("edit", "bio", *words, status=1).stderr
    assert "bio/1.0 is packed and cannot be changed; nothing was changed" in refused
    assert "stackenv unpack bio/1.0" in refused
    assert packer.tree() == before


def test_a_refresh_says_how_to_update_the_stubs(packer: Person) -> None:
    steps = "stackenv unpack bio/1.0; stackenv edit bio/1.0 --refresh; stackenv pack bio/1.0"
    assert steps not in packer.stackenv("edit", "bio", "--refresh").stderr
    update_module(packer)
    said = packer.stackenv("edit", "bio", "--refresh").stderr
    shown = "bio/1.0 shows uv the packages of its modules as they were when it was packed"
    assert f"{shown}; to update that: {steps}" in said
    assert uv_list(packer) == {"tiny-own": "1.0", "tiny-stack": "1.0"}
    for step in steps.split("; "):
        packer.stackenv(*step.split()[1:])
    assert uv_list(packer) == {"tiny-own": "1.0", "tiny-stack": "1.1"}
    assert read_result(packer.stackenv("check", "bio", "--json").stdout) == []


def test_a_refresh_without_the_record_finds_the_stubs_of_the_image(packer: Person) -> None:
    (packer.home / "venvs/bio-1.0/stackenv/record.json").unlink()
    packer.stackenv("edit", "bio", "--refresh")
    found = read_result(packer.stackenv("info", "bio", "--json").stdout)
    assert found["stubs"]["packages"] == ["tiny-stack"]


def test_a_rebuild_has_the_stubs_of_the_new_modules(packer: Person) -> None:
    packer.stackenv("rebuild", "bio", "-m", "Bundle/2")
    assert uv_list(packer) == {"tiny-own": "1.0", "tiny-stack": "2.0", "tiny-new": "1.0"}
