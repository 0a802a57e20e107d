"""`stackenv rebuild`: the same environment on other modules, completely or not at all."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from answers import read_result
from built import SITE_CONFIGURATION, BuiltModules
from made_again import make_again
from people import COMMAND, INIT, Person, Site, make_person, make_site, make_wheel


@pytest.fixture
def biologist(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Return a person with the environment biopy, not yet rebuilt."""

    def make(folder: Path) -> Person:
        person = make_person(folder, site)
        person.create("biopy", "tiny-own==1.0", "--description", "Biology")
        return person

    return make_again(tmp_path_factory.getbasetemp() / "biologist", make)


def look(person: Person, script: str) -> str:
    done = person.shell(f"module load biopy && {script}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


WHAT = 'python -c "import sys, tiny_own, tiny_stack; print(tiny_own.VERSION, tiny_stack.VERSION, sys.prefix)"'


def test_rebuild_creates_a_new_environment_and_leaves_the_old_to_clean(biologist: Person) -> None:
    old, new = biologist.home / "venvs/biopy-1.0", biologist.home / "venvs/biopy-1.0-2"
    before = {path: text for path, text in biologist.tree().items() if path.startswith("venvs/biopy-1.0/")}
    done = biologist.stackenv("rebuild", "biopy", "-m", "Bundle/next", "--json")
    result = read_result(done.stdout)
    assert (result["environment"], result["old_environment"]) == (str(new), str(old))
    report = result["package_report"]
    assert (result["modules"], report["missing"], report["changed"]) == (["Bundle/next"], [], [])
    assert look(biologist, WHAT) == f"1.0 2.0 {new}"
    (listed,) = read_result(biologist.stackenv("list", "--json").stdout)
    assert (listed["description"], listed["modules"]) == ("Biology", ["Bundle/next"])
    # In the old environment, only the record has changed: it names the new one. `clean` lists the old one.
    after = {path: text for path, text in biologist.tree().items() if path.startswith("venvs/biopy-1.0/")}
    record = f"{old.relative_to(biologist.home)}/stackenv/record.json"
    assert after.pop(record) != before.pop(record) and after == before
    (item,) = read_result(biologist.stackenv("clean", "--json").stdout)
    assert (item["category"], item["paths"]) == ("old-rebuilds", [str(old)])
    biologist.stackenv("clean", "--yes")
    assert not old.exists() and look(biologist, WHAT) == f"1.0 2.0 {new}"


def test_an_environment_can_be_rebuilt_twice_on_the_same_modules(biologist: Person) -> None:
    biologist.stackenv("rebuild", "biopy")
    biologist.stackenv("rebuild", "biopy")
    assert look(biologist, WHAT).endswith("/venvs/biopy-1.0-3")
    assert read_result(biologist.stackenv("check", "biopy", "--json").stdout) == []


def test_missing_changed_and_provided_packages_are_listed(tmp_path: Path) -> None:
    person = make_person(tmp_path, make_site(tmp_path / "site"))
    wheels = [make_wheel(person.site.wheels, name, "1.0") for name in ("tiny-gone", "tiny-moved")]
    person.create("biopy", "tiny-own==1.0", "tiny-gone", "tiny-moved", "tiny-new", module="Bundle/1")
    for wheel in wheels:
        wheel.unlink()
    make_wheel(person.site.wheels, "tiny-moved", "2.0")
    done = person.stackenv("rebuild", "biopy", "-m", "Bundle/2")
    assert "tiny-gone 1.0: not installed" in done.stdout
    assert "tiny-moved 1.0: not available; 2.0 was installed" in done.stdout
    assert "tiny-new 1.0: now 1.0 from Bundle/2" in done.stdout
    assert look(person, WHAT).startswith("1.0 2.0")


def test_missing_modules_are_reported_with_a_replacement(tmp_path: Path) -> None:
    person = make_person(tmp_path, make_site(tmp_path / "site"))
    person.create("biopy", "tiny-own==1.0")
    Path(person.site.modulepath, "Bundle/1.lua").unlink()
    before = person.tree()
    failed = person.stackenv("rebuild", "biopy", status=7)
    assert "stackenv rebuild biopy/1.0 -m Bundle/2" in failed.stderr
    assert person.tree() == before
    person.stackenv("rebuild", "biopy", "-m", "Bundle/2")
    assert look(person, WHAT).startswith("1.0 2.0")


def test_an_environment_with_purged_files_is_rebuilt_from_its_record(biologist: Person) -> None:
    for path in (biologist.home / "venvs/biopy-1.0/lib").rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.unlink()
    biologist.stackenv("rebuild", "biopy")
    assert look(biologist, WHAT).startswith("1.0 1.0")


def test_a_dry_run_changes_nothing(biologist: Person) -> None:
    before = biologist.tree()
    done = biologist.stackenv("rebuild", "biopy", "-m", "Bundle/next", "--dry-run")
    assert "create a venv with Python" in done.stdout and "stackenv clean" in done.stdout
    assert biologist.tree() == before


def test_a_rebuild_with_new_conflicts_requires_force(tmp_path: Path) -> None:
    person = make_person(tmp_path, make_site(tmp_path / "site"))
    person.create("biopy", "tiny-own==1.0")
    before = person.tree()
    # The wheel now requires another numpy; PIP_NO_DEPS keeps pip from checking that.
    add_need(make_wheel(person.site.wheels, "tiny-own", "1.0"), "numpy>=9")
    failed = person.stackenv("rebuild", "biopy", status=6, PIP_NO_DEPS="1")
    assert "tiny-own 1.0 requires numpy>=9" in failed.stderr and "--force" in failed.stderr
    assert person.tree() == before
    person.stackenv("rebuild", "biopy", "--force", PIP_NO_DEPS="1")
    assert look(person, WHAT).endswith("/venvs/biopy-1.0-2")


def add_need(wheel: Path, need: str) -> None:
    """Write Requires-Dist into the metadata of `wheel`."""
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, contents in files.items():
            more = f"Requires-Dist: {need}\n".encode() if name.endswith("METADATA") else b""
            archive.writestr(name, contents + more)


@pytest.mark.any_value("when", of=2)
@pytest.mark.parametrize("when", [1, 2, 3, 5, 8, 12, 16, 20])
def test_a_rebuild_killed_at_any_step_loses_nothing(biologist: Person, when: int) -> None:
    killed = subprocess.run(
        [
            *("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename,link,unlink"),
            *("-e", f"inject=rename,link,unlink:signal=KILL:when={when}"),
            *(COMMAND, "rebuild", "biopy", "-m", "Bundle/next"),
        ],
        env=biologist.environ,
        cwd=biologist.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    said = biologist.stackenv("list").stderr
    old, new = biologist.home / "venvs/biopy-1.0", biologist.home / "venvs/biopy-1.0-2"
    assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), killed.stderr
    assert new.exists() == (f"of {new}" in look(biologist, "echo of $VIRTUAL_ENV")), said
    assert old.is_dir()
    assert look(biologist, WHAT).startswith("1.0 ")
    assert [path.name for path in (biologist.modules / ".stackenv").iterdir()] == []
    biologist.stackenv("rebuild", "biopy", "-m", "Bundle/next")
    assert look(biologist, WHAT).startswith("1.0 2.0 ")
    left = [i["paths"][0] for i in read_result(biologist.stackenv("clean", "--json").stdout)]
    assert str(old) in left


def test_rebuilding_an_adopted_environment_keeps_the_original(person: Person) -> None:
    path = person.adopt("mine")
    person.stackenv("rebuild", "mine", "-m", "Bundle/2")
    assert path.is_dir()
    (listed,) = read_result(person.stackenv("list", "--json").stdout)
    assert listed["environment"] == str(person.home / "venvs/mine-1.0-2")
    # `clean` does not list the original, which stackenv did not create.
    assert read_result(person.stackenv("clean", "--json").stdout) == []


@pytest.fixture
def conda_person(person: Person, built_modules: BuiltModules) -> Person:
    """Return a person with the real module Anaconda3."""
    configuration = person.home.parent / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION)
    person.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
    return person


def test_a_conda_environment_is_rebuilt_with_the_same_packages(conda_person: Person) -> None:
    person = conda_person
    person.stackenv("create", "--conda", "it", "activating")
    before = read_result(person.stackenv("info", "it", "--json").stdout)
    result = read_result(person.stackenv("rebuild", "it", "--json").stdout)
    assert result["environment"] == str(person.home / "conda/envs/it-1.0-2")
    after = read_result(person.stackenv("info", "it", "--json").stdout)
    assert (after["packages"], after["modules"]) == (before["packages"], before["modules"])
    script = f'. "{INIT}"; module use ~/modules; module load it && echo $CONDA_PREFIX'
    done = subprocess.run(
        ["bash", "-c", script], env=person.environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == result["environment"], done.stderr
    classes = [item["category"] for item in read_result(person.stackenv("clean", "--json").stdout)]
    assert "old-rebuilds" in classes
