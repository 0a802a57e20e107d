"""The files of stubs, made from metadata in every format, and how the real uv treats them."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import subprocess
from email import message_from_string
from pathlib import Path

import pytest
from odd_module import LEFT_OVER, MODULE, NAMELESS, SHOWN, make_odd_user
from packaging.utils import canonicalize_name
from stacked import open_stack
from trees import describe_tree
from users import User
from uvs import UVS

MOST = 7


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with the environment `it`, which is based on the module of odd packages."""
    user = make_odd_user(tmp_path_factory.mktemp("odd"), open_stack("eb5-pythonpath"))
    made = user.stackenv("create", "it", load=[MODULE])
    assert made.returncode == 0, made.stderr
    return user


def find_site(user: User) -> Path:
    (site,) = user.home.glob("venvs/it-1.0/lib/python3*/site-packages")
    return site


def find_stubs(user: User) -> dict[str, Path]:
    """Return the folders of the stubs, by the names in their METADATA."""
    found = {}
    for installer in find_site(user).glob("*.dist-info/INSTALLER"):
        if installer.read_text() == "stackenv\n":
            metadata = message_from_string((installer.parent / "METADATA").read_text())
            found[metadata["Name"]] = installer.parent
    return found


def test_each_form_of_metadata_gets_a_stub_that_says_the_same(odd: User) -> None:
    stubs = find_stubs(odd)
    assert stubs.keys() - {"numpy", "packaging", LEFT_OVER[0]} == SHOWN.keys()
    for name, version in SHOWN.items():
        metadata = message_from_string((stubs[name] / "METADATA").read_text())
        assert metadata["Version"] == version
        assert metadata.get_all("Requires-Dist", []) or name == "egg-info-file"
    assert not [path for name in NAMELESS for path in find_site(odd).glob(f"{name.split('-')[0]}*")]


def test_the_stub_has_the_version_that_python_sees_of_two_in_a_folder(odd: User) -> None:
    name = LEFT_OVER[0]
    asked = odd.run(
        f"module load {MODULE}\npython3 -c 'import importlib.metadata as m; print(m.version(\"{name}\"))'"
    )
    assert find_stubs(odd)[name].name == f"left_over-{asked.stdout.strip()}.dist-info"


def test_a_stub_has_few_plain_files_all_in_its_record(odd: User) -> None:
    for folder in find_stubs(odd).values():
        paths = [folder, *folder.rglob("*")]
        assert len(paths) <= MOST
        assert not any(path.is_symlink() for path in paths)
        files = {f"{folder.name}/{path.name}": path.read_bytes() for path in paths[1:]}
        recorded = {row[0]: row[1:] for row in csv.reader((folder / "RECORD").read_text().splitlines())}
        assert recorded.keys() == files.keys()
        assert recorded.pop(f"{folder.name}/RECORD") == ["", ""]
        for name, (digest, size) in recorded.items():
            found = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).decode().rstrip("=")
            assert (digest, size) == (f"sha256={found}", str(len(files[name])))
        assert f"{folder.name}/WHEEL" in files


def test_requirements_of_a_setup_script_are_in_the_stub(odd: User) -> None:
    for name in ("EggInfo-folder", "in-an.egg"):
        metadata = message_from_string((find_stubs(odd)[name] / "METADATA").read_text())
        needed = [requirement.replace(" ", "") for requirement in metadata.get_all("Requires-Dist")]
        assert "numpy" in needed
        assert 'six;extra=="fast"' in [text.replace("'", '"') for text in needed]
        assert any(text.startswith("dot.ted>=1") and "python_version" in text for text in needed)


def in_environment(user: User, uv: str, script: str) -> subprocess.CompletedProcess[str]:
    return user.run(f"export PATH={UVS[uv]}:/usr/bin:/bin; module use ~/modules; ml it || exit\n{script}")


@pytest.mark.parametrize("uv", UVS)
def test_uv_treats_all_stubs_as_installed(odd: User, uv: str) -> None:
    site = find_site(odd)
    before = {path.name for path in site.iterdir()}
    done = in_environment(
        odd,
        uv,
        "uv pip list --format json\n"
        "uv pip install -q needs-all 'in-an.egg[fast]' local-build==1.0; echo $?; uv pip check; echo $?\n"
        "python -c 'import needs_all, with_dash'; echo $?; uv pip uninstall -q needs-all six; echo $?",
    )
    listed, *statuses = done.stdout.splitlines()
    found = [(canonicalize_name(package["name"]), package["version"]) for package in json.loads(listed)]
    assert statuses == ["0"] * 4, done.stderr
    for name, version in SHOWN.items():
        assert found.count((canonicalize_name(name), version)) == 1
    assert {path.name for path in site.iterdir()} == before


@pytest.mark.parametrize("uv", UVS)
def test_a_prerelease_of_the_modules_is_pinned(odd: User, uv: str) -> None:
    done = in_environment(odd, uv, "uv pip install -q needs-newer")
    assert done.returncode == 1
    assert "under-score==1.0rc1" in done.stderr
    assert "under_score" in find_stubs(odd)


@pytest.mark.parametrize("uv", UVS)
def test_uninstalling_by_the_path_of_uv_removes_only_the_stubs(odd: User, uv: str) -> None:
    """Nothing restricts a uv that is started by its absolute path."""
    software = odd.home.parent / "odd"
    stubs, modules, site = find_stubs(odd), describe_tree(software), find_site(odd)
    own = {path.name for path in site.iterdir()} - {folder.name for folder in stubs.values()}
    done = in_environment(odd, uv, f"{UVS[uv]}/uv pip uninstall -q {' '.join(stubs)}")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in site.iterdir()} == own
    assert describe_tree(software) == modules
    refreshed = odd.stackenv("edit", "it", "--refresh")
    assert refreshed.returncode == 0, refreshed.stderr
    assert find_stubs(odd) == stubs
