"""What each command does with the stubs: afterwards uv sees the packages of the environment's modules."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from answers import read_result
from people import Person, make_person, make_site, make_wheel

from stackenv.transactions.file_hash import hash_file

NUMPY, STACK = "numpy-1.0", "tiny_stack-1.0"
BOTH = [NUMPY, STACK]


@pytest.fixture(scope="module")
def new_person(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Person]:
    """Return a function that makes a person on a site whose Bundle/1 and Bundle/2 also have a numpy."""
    site = make_site(tmp_path_factory.mktemp("site"))
    for bundle, version in (("1", "1.0"), ("2", "1.2")):
        with zipfile.ZipFile(make_wheel(site.wheels, "numpy", version)) as archive:
            archive.extractall(site.software / f"Bundle/{bundle}/lib")
    return lambda: make_person(tmp_path_factory.mktemp("person"), site)


@pytest.fixture(scope="module")
def owner(new_person: Callable[[], Person]) -> Person:
    return new_person()


def site_packages(prefix: Path) -> Path:
    (found,) = prefix.glob("lib/python3*/site-packages")
    return found


def stubs(prefix: Path) -> list[str]:
    """Return the names and versions of the stubs at `prefix`; assert that each is complete."""
    found = [
        path.parent for path in site_packages(prefix).glob("*/INSTALLER") if path.read_text() == "stackenv\n"
    ]
    for folder in found:
        names = {path.name for path in folder.iterdir()}
        assert {"METADATA", "WHEEL", "INSTALLER", "RECORD"} <= names and len(names) <= 6
    return sorted(folder.name.removesuffix(".dist-info") for folder in found)


def read_record(prefix: Path) -> dict[str, Any]:
    return json.loads((prefix / "stackenv/record.json").read_text())


def info(person: Person, name: str) -> dict[str, Any]:
    return read_result(person.stackenv("info", name, "--json").stdout)


def require_healthy(person: Person, name: str, **changes: str) -> None:
    assert read_result(person.stackenv("check", name, "--json", **changes).stdout) == []


def test_a_package_that_may_be_shadowed_has_no_stub(owner: Person) -> None:
    prefix = owner.create("free")
    assert stubs(prefix) == BOTH
    owner.stackenv("edit", "free", "--allow-shadow", "NumPy")
    assert stubs(prefix) == [STACK]
    require_healthy(owner, "free")
    owner.stackenv("edit", "free", "--refresh")
    assert stubs(prefix) == [STACK]
    owner.stackenv("edit", "free", "--forbid-shadow", "numpy")
    assert stubs(prefix) == BOTH
    require_healthy(owner, "free")
    assert stubs(owner.create("freed", "--allow-shadow", "numpy")) == [STACK]


def test_a_package_installed_meanwhile_has_no_stub_until_it_is_removed(owner: Person) -> None:
    """Allowed, installed, and forbidden again: it gets no stub, until `check --fix` has removed it."""
    prefix = owner.create("late", "--allow-shadow", "numpy", "numpy==1.2")
    owner.stackenv("edit", "late", "--forbid-shadow", "numpy")
    assert stubs(prefix) == [STACK] and info(owner, "late")["stubs"] == {
        "packages": ["tiny-stack"],
        "expected_count": 1,
        "reason": "",
    }
    owner.stackenv("check", "late", "--fix", "--yes")
    assert stubs(prefix) == BOTH
    require_healthy(owner, "late")


@pytest.mark.parametrize("way", ["create", "edit"])
def test_stubs_stay_off_until_they_are_turned_on(new_person: Callable[[], Person], way: str) -> None:
    person, there = new_person(), new_person()
    prefix = person.create("off", "tiny-own==1.0", *(["--no-stubs"] if way == "create" else []))
    if way == "edit":
        said = person.stackenv("edit", "off", "--no-stubs", "--dry-run").stdout
        assert "show uv no package of the modules" in said and stubs(prefix) == BOTH
        person.stackenv("edit", "off", "--no-stubs")
    assert stubs(prefix) == []
    person.stackenv("edit", "off", "--refresh")
    person.stackenv("edit", "off", "-m", "Bundle/2")
    person.stackenv("edit", "off", "--allow-shadow", "numpy")
    person.stackenv("edit", "off", "--forbid-shadow", "numpy")
    assert stubs(prefix) == []
    (prefix / "stackenv/record.json").unlink()
    person.stackenv("edit", "off", "--refresh")
    person.stackenv("rebuild", "off")
    (rebuilt,) = (path for path in prefix.parent.glob("off-*") if path != prefix)
    assert stubs(rebuilt) == []
    file = person.home.parent / "off.yaml"
    file.write_text(person.stackenv("export", "off").stdout)
    there.stackenv("create", "off", "--from", str(file))
    assert stubs(there.home / "venvs/off-1.0") == [] and info(there, "off")["stubs"]["reason"] == "user"
    there.stackenv("edit", "off", "--stubs")
    assert stubs(there.home / "venvs/off-1.0") == ["numpy-1.2", "tiny_new-1.0", "tiny_stack-2.0"]
    require_healthy(there, "off")
    person.stackenv("edit", "off", "--stubs")
    require_healthy(person, "off")


def test_edit_and_info_say_whether_stubs_are_on(owner: Person) -> None:
    owner.create("said", "--no-stubs")
    assert (
        "uv sees      no package of its modules: turned off; to turn it on: stackenv edit said/1.0 --stubs"
        in (owner.stackenv("info", "said").stdout)
    )
    said = owner.stackenv("edit", "said", "--stubs", "--dry-run").stdout
    assert "show uv 2 packages of the modules" in said
    owner.stackenv("edit", "said", "--stubs")
    assert "uv sees      2 packages of its modules" in owner.stackenv("info", "said").stdout


def configure(person: Person, text: str) -> dict[str, str]:
    path = person.home.parent / "site.yaml"
    path.write_text(f"version: 1\npersonal:\n  {text}\n")
    return {"STACKENV_SITE_CONFIG": str(path)}


def test_a_site_can_turn_stubs_off(new_person: Callable[[], Person]) -> None:
    person, there = new_person(), new_person()
    site = configure(person, "stubs: false")
    person.stackenv("create", "off", "-m", "Bundle/1", **site)
    prefix = person.home / "venvs/off-1.0"
    assert stubs(prefix) == [] and info(person, "off")["stubs"]["reason"] == "no-record"
    require_healthy(person, "off", **site)
    said = person.stackenv("info", "off", **site).stdout
    assert (
        "uv sees      no package of its modules: turned off by the site configuration (personal.stubs)"
        in said
    )
    refused = person.stackenv("edit", "off", "--stubs", status=2, **site)
    assert "personal.stubs" in refused.stderr and "pip install PACKAGE" in refused.stderr
    # The site's choice is not exported.
    file = person.home.parent / "off.yaml"
    file.write_text(person.stackenv("export", "off", **site).stdout)
    there.stackenv("create", "off", "--from", str(file))
    assert stubs(there.home / "venvs/off-1.0") == BOTH
    person.stackenv("edit", "off", "--refresh")
    assert stubs(prefix) == BOTH
    person.stackenv("edit", "--refresh", "--all", **site)
    assert stubs(prefix) == []


def test_stubs_turned_off_by_the_user_stay_off_whatever_the_site_says(
    new_person: Callable[[], Person],
) -> None:
    person = new_person()
    site = configure(person, "stubs: false")
    person.stackenv("create", "both", "-m", "Bundle/1", "--no-stubs", **site)
    prefix = person.home / "venvs/both-1.0"
    assert read_record(prefix)["stubs_off"] == "user"
    person.stackenv("edit", "both", "--refresh")
    assert stubs(prefix) == [] and read_record(prefix)["stubs_off"] == "user"
    person.stackenv("edit", "both", "--stubs")
    person.stackenv("edit", "both", "--refresh", **site)
    assert stubs(prefix) == [] and read_record(prefix)["stubs_off"] == "site"
    # A user can turn stubs off while the site does so too, and they stay off when the site no longer does.
    person.stackenv("edit", "both", "--no-stubs", **site)
    person.stackenv("edit", "both", "--refresh")
    assert stubs(prefix) == [] and read_record(prefix)["stubs_off"] == "user"
    # One package left out by the site, another that the user may shadow: each stays without a stub
    # until its own setting changes.
    fewer = configure(person, "stubs_leave_out: [numpy]")
    person.stackenv("edit", "both", "--stubs", "--allow-shadow", "tiny-stack", **fewer)
    assert stubs(prefix) == []
    person.stackenv("edit", "both", "--forbid-shadow", "tiny-stack", **fewer)
    assert stubs(prefix) == [STACK]
    person.stackenv("edit", "both", "--allow-shadow", "numpy")
    assert stubs(prefix) == [STACK]
    person.stackenv("edit", "both", "--forbid-shadow", "numpy")
    assert stubs(prefix) == BOTH


def test_a_site_can_leave_stubs_out(new_person: Callable[[], Person]) -> None:
    person = new_person()
    site = configure(person, 'stubs_leave_out: ["TINY*"]')
    person.stackenv("create", "few", "-m", "Bundle/1", **site)
    prefix = person.home / "venvs/few-1.0"
    assert stubs(prefix) == [NUMPY]
    require_healthy(person, "few", **site)
    person.stackenv("edit", "few", "--refresh")
    assert stubs(prefix) == BOTH
    all_out = configure(person, 'stubs_leave_out: ["*"]')
    person.stackenv("edit", "few", "--refresh", **all_out)
    assert stubs(prefix) == []
    require_healthy(person, "few", **all_out)


def test_stubs_follow_the_modules_of_an_edit_and_a_rebuild(owner: Person) -> None:
    prefix = owner.create("moved", "tiny-own==1.0")
    owner.stackenv("edit", "moved", "-m", "Bundle/2")
    assert stubs(prefix) == ["numpy-1.2", "tiny_new-1.0", "tiny_stack-2.0"]
    owner.stackenv("edit", "moved", "-m", "Bundle/2", "-m", "Extra/1")
    require_healthy(owner, "moved")
    owner.stackenv("rebuild", "moved", "-m", "Bundle/next")
    (rebuilt,) = (path for path in prefix.parent.glob("moved-*") if path != prefix)
    assert stubs(rebuilt) == ["tiny_stack-2.0"]
    require_healthy(owner, "moved")
    # The old environment is unchanged.
    assert stubs(prefix) == ["numpy-1.2", "tiny_new-1.0", "tiny_stack-2.0"]


def test_stubs_are_not_counted_as_packages(owner: Person) -> None:
    prefix = owner.create("known", "tiny-own==1.0")
    assert [package["name"] for package in info(owner, "known")["packages"]] == ["tiny-own"]
    assert info(owner, "known")["shadows"] == []
    assert [package["name"] for package in read_record(prefix)["packages"]] == ["tiny-own"]
    assert "tiny-stack" not in owner.stackenv("list", "--json").stdout
    exported = owner.stackenv("export", "known", "--format", "requirements").stdout
    assert "tiny-own==1.0" in exported and "numpy==" not in exported
    before = {path: path.read_bytes() for path in site_packages(prefix).glob("*-1.0.dist-info/*")}
    owner.stackenv("update", "tiny-own==1.1", "--env", "known", "--yes")
    after = {path: path.read_bytes() for path in site_packages(prefix).glob("*-1.0.dist-info/*")}
    assert after == {path: text for path, text in before.items() if "tiny_own" not in str(path)}
    held = owner.stackenv("update", "numpy", "--env", "known", "--yes")
    assert "in known/1.0 comes from Bundle/1 and is not updated" in held.stderr
    owner.stackenv("rename", "known", "renamed")
    assert stubs(prefix) == BOTH
    require_healthy(owner, "renamed")
    classes = [item["category"] for item in read_result(owner.stackenv("clean", "--json").stdout)]
    assert not [name for name in classes if "stub" in name]
    owner.stackenv("remove", "renamed", "--yes")
    assert not prefix.exists()


def make_venv_with(person: Person, name: str, *packages: tuple[str, str]) -> Path:
    """Return a venv of the user with `packages`, unpacked as pip installs them."""
    prefix = person.adopt(name, "--no-pth")
    person.stackenv("remove", name, "--yes")
    for package, version in packages:
        with zipfile.ZipFile(make_wheel(person.site.wheels, package, version)) as archive:
            archive.extractall(site_packages(prefix))
    return prefix


def contents(prefix: Path) -> dict[str, str]:
    """Return a hash of each file below `prefix`, by relative path."""
    found = {str(path.relative_to(prefix)): path for path in prefix.rglob("*") if path.is_file()}
    return {name: hash_file(path) for name, path in found.items() if "__pycache__" not in name}


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_an_adopted_environment_keeps_its_own_numpy(owner: Person, version: str) -> None:
    """It gets no stub for numpy, of the modules' version or another; `remove` restores the venv."""
    name = f"own{version[0]}"
    prefix = make_venv_with(owner, name, ("numpy", version))
    before = contents(prefix)
    said = owner.stackenv("adopt", str(prefix), name, "-m", "Bundle/1").stderr
    assert "show uv 1 package of the modules" in said
    assert stubs(prefix) == [STACK]
    assert {name: text for name, text in contents(prefix).items() if name in before} == before
    owner.stackenv("remove", name, "--yes")
    assert contents(prefix) == before and sorted(
        p.name for p in site_packages(prefix).glob("*.dist-info")
    ) == [f"numpy-{version}.dist-info"]
    # Adopted again with --no-stubs: the choice is remembered without the record.
    owner.stackenv("adopt", str(prefix), name, "-m", "Bundle/1", "--no-stubs")
    assert stubs(prefix) == []
    (prefix / "stackenv/record.json").unlink()
    owner.stackenv("adopt", str(prefix), name)
    assert stubs(prefix) == [] and read_record(prefix)["stubs_off"] == "user"
    owner.stackenv("edit", name, "--stubs")
    assert stubs(prefix) == [STACK]


def test_a_refresh_restores_stubs_after_a_lost_record(owner: Person) -> None:
    prefix = owner.create("lost", "tiny-own==1.0")
    before, known = contents(prefix), read_record(prefix)["stubs"]
    (prefix / "stackenv/record.json").unlink()
    shutil.rmtree(site_packages(prefix) / f"{STACK}.dist-info")
    owner.stackenv("edit", "lost", "--refresh")
    assert stubs(prefix) == BOTH and read_record(prefix)["stubs"] == known
    assert contents(prefix).keys() == before.keys()
    require_healthy(owner, "lost")


def test_an_adopted_copy_loses_the_stubs_of_the_old_modules(owner: Person) -> None:
    prefix = owner.create("source")
    copy = owner.home / "own/copy"
    shutil.copytree(prefix, copy, symlinks=True)
    shutil.rmtree(copy / "stackenv")
    before = contents(copy)
    dry = owner.stackenv("adopt", str(copy), "copy", "-m", "Bundle/2", "--dry-run").stdout
    assert "show uv 3 packages of the modules" in dry and contents(copy) == before
    owner.stackenv("adopt", str(copy), "copy", "-m", "Bundle/2")
    assert stubs(copy) == ["numpy-1.2", "tiny_new-1.0", "tiny_stack-2.0"]
    assert not (site_packages(copy) / f"{STACK}.dist-info").exists()
    require_healthy(owner, "copy")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("edit", "bare", "--stubs"), "it was adopted with --no-pth"),
        (("edit", "extra", "--stubs"), "it is based on no module"),
        (("edit", "--all", "--stubs"), "--all requires --refresh"),
        (("edit", "--all", "--refresh", "--no-stubs"), "--all requires --refresh"),
        (("edit", "genes", "--stubs"), "genes/1.0 is a conda environment: modules provide no packages to it"),
        (
            ("edit", "genes", "--no-stubs"),
            "genes/1.0 is a conda environment: modules provide no packages to it",
        ),
        (("create", "x", "--conda", "--no-stubs"), "--no-stubs cannot be combined with --conda"),
        (("create", "x", "--from", "conda.yaml", "--no-stubs"), "--no-stubs is only for venvs"),
        (("adopt", "of-conda", "--no-stubs"), "--no-stubs is only for venvs"),
    ],
)
def test_unsupported_uses_of_the_stubs_options_are_refused(
    owner: Person, words: tuple[str, ...], said: str
) -> None:
    prepare(owner, words)
    before = owner.tree()
    assert said in owner.stackenv(*words, status=2).stderr
    assert owner.tree() == before


def prepare(person: Person, words: tuple[str, ...]) -> None:
    """Make what `words` name: a venv without a .pth or without modules, or a stand-in for conda's."""
    name = words[1]
    if name == "bare":
        prefix = person.adopt("bare", "--no-pth")
        assert not list(site_packages(prefix).glob("*.dist-info"))
        assert "no package of its modules: adopted with --no-pth" in person.stackenv("info", name).stdout
    elif name == "extra":
        person.stackenv("create", "extra", "--os-python")
        assert "no package of its modules: it has no base modules" in person.stackenv("info", name).stdout
    elif name == "genes" and not (person.home / "venvs/genes-1.0").exists():
        record = person.create("genes") / "stackenv/record.json"
        record.write_text(record.read_text().replace('"kind": "venv"', '"kind": "conda"'))
        assert "uv sees" not in person.stackenv("info", name).stdout
    elif "conda.yaml" in words:
        person.create("exported")
        text = person.stackenv("export", "exported").stdout.replace("kind: venv", "kind: conda")
        (person.home / "conda.yaml").write_text(text)
    elif name == "of-conda":
        (person.home / "of-conda/conda-meta").mkdir(parents=True)
