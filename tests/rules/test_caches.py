"""Caches: uv's on another file system than environments or on purged storage; caches writable by others."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from checking import find, find_one
from occupied import write_configuration
from people import Person

SPLIT, PURGED, OPEN = "storage-split", "storage-purged", "open-caches"


OF_SITE = (
    'personal: {environments: ["${HOME}/venvs"]}\n'
    'caches: {uv: [{parent: "${HOME}", folder: .cache/site-uv}]}\n'
)


def test_a_uv_cache_on_another_file_system_is_reported(person: Person, elsewhere: Path) -> None:
    cache = elsewhere / "uv"
    named = {"UV_CACHE_DIR": str(cache)}
    (person.home / ".bashrc").write_text(f"export UV_CACHE_DIR={cache}\n")
    # The cache does not exist yet, and may never exist.
    assert find(person, SPLIT, **named) == []
    cache.mkdir()
    found = find_one(person, SPLIT, **named)
    assert found["what"].startswith(f"uv keeps packages in {cache} and environments in {person.home}/venvs, ")
    assert found["where"].endswith(f"UV_CACHE_DIR ({person.home}/.bashrc:1)")
    # The command of the hint moves the cache to the file system of the environments.
    typed = shlex.split(found["hint"].rpartition(": ")[2])
    assert typed[0] == "export"
    assert find(person, SPLIT, UV_CACHE_DIR=typed[1].partition("=")[2]) == []
    assert find(person, SPLIT, **named, UV_LINK_MODE="copy") == []
    # If the site defines a place for the cache, that is the right one.
    of_site = write_configuration(person, OF_SITE)
    hint = find_one(person, SPLIT, **named, **of_site)["hint"]
    assert hint.startswith("unset UV_CACHE_DIR") and hint.endswith(
        "the module stackenv then sets it correctly"
    )


def test_uvs_default_cache_on_another_file_system_is_reported(person: Person, elsewhere: Path) -> None:
    (elsewhere / "uv").mkdir()
    (person.home / ".cache").symlink_to(elsewhere)
    assert find_one(person, SPLIT)["where"].endswith("uv's default")
    of_site = write_configuration(person, OF_SITE)
    assert find_one(person, SPLIT, **of_site)["hint"].startswith(
        "let the module set UV_CACHE_DIR: module load stackenv"
    )
    assert find(person, SPLIT, **of_site, UV_CACHE_DIR=f"{person.home}/site-uv") == []
    # The module would not override this variable.
    hint = find_one(person, SPLIT, **of_site, XDG_CACHE_HOME=str(elsewhere))["hint"]
    assert hint.startswith("put both on one file system, for example: export UV_CACHE_DIR=")


def test_a_uv_cache_on_purged_storage_is_reported(person: Person) -> None:
    scratch = person.home / "scratch"
    for name in ("uv", "pip", "hub"):
        (scratch / name).mkdir(parents=True)
    variables = {
        "SCRATCH": str(scratch),
        "UV_CACHE_DIR": f"{scratch}/uv",
        # Files lost from these caches are downloaded again.
        "PIP_CACHE_DIR": f"{scratch}/pip",
        "HF_HUB_CACHE": f"{scratch}/hub",
    }
    found = find_one(person, PURGED, **variables)
    assert found["what"].startswith(f"uv's packages are in {scratch}/uv, which is purged storage")
    typed = shlex.split(found["hint"].rpartition(": ")[2])
    variables["UV_CACHE_DIR"] = typed[1].partition("=")[2]
    assert find(person, PURGED, **variables) == []


@pytest.fixture
def workspace() -> Iterator[Path]:
    """Return a group's folder that others can reach, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="stackenv-caches-", dir="/tmp") as folder:
        Path(folder).chmod(0o2775)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a folder to a group takes root")
def test_group_writable_caches_are_reported(person: Person, workspace: Path) -> None:
    variables = {"UV_CACHE_DIR": f"{workspace}/uv", "TORCH_HOME": f"{workspace}/torch"}
    for name in ("uv", "torch"):
        (workspace / name).mkdir()
        os.chown(workspace / name, -1, 4711)
        (workspace / name).chmod(0o2775)
    found = find_one(person, OPEN, **variables)
    assert found["level"] == "insecure"
    assert found["what"] == f"the group 4711 can write {workspace}/uv, {workspace}/torch"
    subprocess.run(["sh", "-c", found["hint"].partition(";")[0]], check=True)
    assert stat.S_IMODE((workspace / "uv").stat().st_mode) == 0o2700
    assert find(person, OPEN, **variables) == []


def test_a_world_writable_cache_in_a_closed_folder_is_not_reported(person: Person, workspace: Path) -> None:
    cache = workspace / "closed/uv"
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    assert find_one(person, OPEN, UV_CACHE_DIR=str(cache))["what"] == f"everybody can write {cache}"
    cache.parent.chmod(0o700)
    assert find(person, OPEN, UV_CACHE_DIR=str(cache)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a folder away takes root")
def test_a_cache_owned_by_another_user_is_not_reported(person: Person, workspace: Path) -> None:
    cache = workspace / "uv"
    cache.mkdir()
    cache.chmod(0o777)
    os.chown(cache, 4711, -1)
    assert find(person, OPEN, UV_CACHE_DIR=str(cache)) == []
