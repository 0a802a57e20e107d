"""`stackenv clean`: the caches of pip, wherever they are, and downloaded models, which stay."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from leftovers import show
from occupied import fill, write_policy
from packaging.version import Version
from people import Person

WHEEL = "wheels/ab/cd/tiny-1.0-py3-none-any.whl"


def cache_wheel(folder: Path) -> Path:
    """Put into pip's cache `folder` a wheel as pip does; return it."""
    wheel = folder / WHEEL
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"x" * 100_000)
    return wheel


def test_each_cache_of_pip_is_emptied_also_one_that_it_had_before(person: Person) -> None:
    changes = {
        **write_policy(person, 'caches: {pip: [{parent: "${WORKSPACE}", folder: pip}]}\n'),
        **{"WORKSPACE": f"{person.home}/ws", "PIP_CACHE_DIR": f"{person.home}/now", "PIP_NO_CACHE_DIR": "1"},
    }
    folders = [person.home / name for name in ("now", "ws/pip", ".cache/pip")]
    wheels = [cache_wheel(folder) for folder in folders]
    found = show(person, **changes)
    assert [(item["class"], item["kept"]) for item in found] == [("pip-cache", "")] * 3
    assert [item["places"] for item in found] == [[f"{folder}/wheels"] for folder in folders]
    assert all(item["bytes"] >= 100_000 for item in found)
    person.stackenv("clean", "--yes", **changes)
    assert not any(wheel.exists() for wheel in wheels)
    # What is left are folders.
    assert show(person, **changes) == []


def test_what_is_not_pips_in_its_folder_stays(person: Person) -> None:
    wheel = cache_wheel(person.home / "mine")
    results = person.home / "mine/results.csv"
    results.write_text("of a night")
    person.stackenv("clean", "--yes", PIP_CACHE_DIR=f"{person.home}/mine")
    assert results.read_text() == "of a night" and not wheel.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a file away takes root")
def test_a_cache_in_which_a_colleague_has_files_stays(person: Person) -> None:
    wheel = cache_wheel(person.home / "shared")
    os.chown(wheel, 4711, -1)
    changes = {"PIP_CACHE_DIR": f"{person.home}/shared"}
    (item,) = show(person, **changes)
    assert item["kept"].startswith("4711 has files in it too")
    person.stackenv("clean", "--yes", **changes)
    assert wheel.exists()
    os.chown(person.home / "shared", 4711, -1)
    assert show(person, **changes) == []


def test_of_a_newer_pips_cache_an_older_pip_says_that_it_cannot_empty_it(person: Person) -> None:
    (file,) = fill(person.home / ".cache/pip/http-v2/a/b", 1)
    (item,) = show(person)
    (command,) = item["does"]
    version = subprocess.run(
        [command.split()[0], "-m", "pip", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    person.stackenv("clean", "--yes")
    if Version(version) >= Version("23.3"):
        assert item["kept"] == "" and not file.exists()
    else:
        assert item["kept"].startswith(f"pip {version} cannot empty it, which takes 23.3") and file.exists()
        # Whatever is said, that pip leaves it.
        subprocess.run(["sh", "-c", command], check=True, env=person.environ)
        assert file.exists()


DOWNLOADS = {
    "huggingface": ("hub/models--tiny/blobs", "datasets/tiny", "xet/chunks"),
    "torch": ("hub/checkpoints",),
}


@pytest.mark.parametrize("tool", DOWNLOADS)
def test_downloaded_models_stay_with_their_size_and_what_to_type(person: Person, tool: str) -> None:
    cache = person.home / ".cache" / tool
    for name in DOWNLOADS[tool]:
        fill(cache / name, 2, 1_000_000)
    token = cache / "token"
    if tool == "huggingface":
        token.write_text("hf_secret")
    (item,) = show(person)
    assert (item["class"], item["does"]) == (f"{tool}-cache", [])
    assert item["bytes"] > 1_000_000 * len(DOWNLOADS[tool])
    before = person.tree()
    done = person.stackenv("clean", "--yes")
    assert "MB): stays: what was downloaded may not be had again from here" in done.stderr
    assert person.tree() == before
    # What is to be typed takes the downloads, and not the token.
    subprocess.run(["sh", "-c", item["kept"].rpartition(": ")[2]], check=True)
    assert show(person) == []
    if tool == "huggingface":
        assert token.read_text() == "hf_secret"


def test_the_places_of_the_site_for_models_are_named_each_once(person: Person) -> None:
    folder = person.home / "ws/models"
    for name in ("hub", "datasets"):
        fill(folder / name, 1)
    (person.home / ".cache/huggingface").mkdir(parents=True)
    (person.home / ".cache/huggingface/token").write_text("hf_secret")
    changes = {
        **write_policy(person, 'caches: {huggingface: [{parent: "${WORKSPACE}", folder: models}]}\n'),
        **{"WORKSPACE": f"{person.home}/ws", "HF_HUB_CACHE": f"{folder}/hub", "HF_HOME": str(folder)},
    }
    places = [place for item in show(person, **changes) for place in item["places"]]
    assert sorted(places) == [f"{folder}/datasets", f"{folder}/hub"]


def test_of_a_project_no_caches_are_cleaned(person: Person) -> None:
    (person.home / "project").mkdir()
    cache_wheel(person.home / ".cache/pip")
    fill(person.home / ".cache/torch", 1)
    done = person.stackenv("clean", "--json", "--shared", str(person.home / "project"))
    assert json.loads(done.stdout) == []
