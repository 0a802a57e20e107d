"""`stackenv clean`: what it removes, what it keeps, and that nothing is removed without an answer."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from answers import read_result
from built import SITE_CONFIGURATION, BuiltModules
from leftovers import classes, show
from people import COMMAND, INIT, Person
from without_cache import list_below


def hash_tree(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            str(path.readlink())
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
            if path.is_file()
            else "",
        )
        for path in list_below(folder)
    }


@pytest.fixture
def conda_person(person: Person, built_modules: BuiltModules) -> Person:
    """Return a person with the real module Anaconda3."""
    configuration = person.home.parent / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION)
    person.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
    return person


def test_a_home_without_leftovers_has_nothing_to_clean(person: Person) -> None:
    person.create("biopy")
    assert person.stackenv("clean").stdout == "nothing to clean\n"


def test_nothing_is_removed_without_an_answer(left: Person) -> None:
    before = hash_tree(left.home)
    shown = left.stackenv("clean")
    assert "left/1.0" in shown.stdout and "there is no terminal to ask on" in shown.stderr
    left.stackenv("clean", "--dry-run")
    (item,) = show(left)
    assert item["kept_reason"] == ""
    assert hash_tree(left.home) == before


def test_an_environment_without_a_module_is_removed_and_all_else_is_kept(left: Person) -> None:
    prefix = left.home / "venvs/left-1.0"
    others = {path: text for path, text in hash_tree(left.home).items() if "left" not in path}
    (item,) = show(left)
    assert (item["category"], item["paths"]) == ("environments", [str(prefix)])
    counted = subprocess.run(["du", "--inodes", "-s", prefix], capture_output=True, text=True, check=True)
    assert item["file_count"] == int(counted.stdout.split()[0])
    assert not item["removed"]
    done = left.stackenv("clean", "--yes", "--json")
    assert "on other nodes" in done.stderr
    assert read_result(done.stdout) == [{**item, "removed": True}]
    assert not prefix.exists()
    after = {path: text for path, text in hash_tree(left.home).items() if "left" not in path}
    assert after == others
    assert classes(left) == []


def test_a_module_without_an_environment_is_removed(person: Person) -> None:
    person.create("gone")
    person.create("kept")
    shutil.rmtree(person.home / "venvs/gone-1.0")
    (item,) = show(person)
    assert (item["category"], item["paths"]) == ("modules", [str(person.modules / "gone/1.0.lua")])
    person.stackenv("clean", "--yes")
    assert not (person.modules / "gone").exists() and (person.modules / "kept/1.0.lua").exists()


def test_a_dry_run_writes_nothing_not_even_bytecode(person: Person) -> None:
    prefix = person.create("biopy")
    (person.home / ".cache/pip").mkdir(parents=True)
    (person.home / ".cache/pip/something").write_text("x")
    for folder in [*prefix.rglob("__pycache__")]:
        shutil.rmtree(folder)
    before = person.tree()
    person.stackenv("clean", "--dry-run")
    assert person.tree() == before


@pytest.mark.any_value("when", of=2)
@pytest.mark.parametrize("when", range(1, 6))
def test_a_killed_removal_is_finished_by_the_next_command(left: Person, when: int) -> None:
    prefix = left.home / "venvs/left-1.0"
    kept, whole = hash_tree(left.home / "venvs/kept-1.0"), hash_tree(prefix)
    killed = subprocess.run(
        [
            *("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2,link,rmdir"),
            *("-e", f"inject=rename,renameat,renameat2,link,rmdir:signal=KILL:when={when}"),
            *(COMMAND, "clean", "--yes"),
        ],
        env=left.environ,
        cwd=left.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), killed.stderr
    assert not prefix.exists() or hash_tree(prefix) == whole
    left.stackenv("list")
    left.stackenv("clean", "--yes")
    assert [path.name for path in (left.home / "venvs").iterdir()] == ["kept-1.0"]
    assert [path.name for path in (left.modules / ".stackenv").iterdir()] == []
    assert hash_tree(left.home / "venvs/kept-1.0") == kept


def test_the_pip_cache_is_emptied_by_pip(person: Person) -> None:
    person.create("biopy")
    wheel = person.home / f".cache/pip/wheels/ab/cd/ef/{'0' * 50}/tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"x" * 100_000)
    (item,) = show(person)
    assert (item["category"], item["kept_reason"]) == ("pip-cache", "")
    assert item["size_bytes"] >= 100_000 and "pip cache purge" in item["steps"][0]
    person.stackenv("clean", "--yes")
    assert not wheel.exists()


def conda(person: Person, words: str) -> None:
    script = f'. "{INIT}"; module load Anaconda3 && {words}'
    done = subprocess.run(
        ["bash", "-c", script],
        env=person.environ,
        cwd=person.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_conda_packages_that_no_environment_links_to_are_removed(conda_person: Person) -> None:
    conda(conda_person, "conda create -q -y --name used activating && conda create -q -y --name old python")
    conda(conda_person, "conda env remove -q -y --name old")
    used = hash_tree(conda_person.home / "conda/envs/used")
    found = {item["category"]: item for item in show(conda_person)}
    assert {"conda-archives", "conda-packages"} <= set(found)
    names = [Path(place).name for place in found["conda-packages"]["paths"]]
    assert any(name.startswith("python-") for name in names)
    assert not any(name.startswith("activating-") for name in names)
    conda_person.stackenv("clean", "--yes")
    packages = [path.name for path in (conda_person.home / "conda/pkgs").iterdir() if path.is_dir()]
    assert any(name.startswith("activating-") for name in packages)
    assert not any(name.startswith("python-") for name in packages)
    assert hash_tree(conda_person.home / "conda/envs/used") == used
    assert not set(classes(conda_person)) & {"conda-archives", "conda-packages"}


def test_a_former_conda_package_cache_is_cleaned(conda_person: Person) -> None:
    conda(conda_person, "conda create -q -y --name used activating")
    packages = conda_person.home / "conda/pkgs"
    old = conda_person.home / ".conda/pkgs"
    old.parent.mkdir(exist_ok=True)
    packages.rename(old)
    used = hash_tree(conda_person.home / "conda/envs/used")
    archives = list(old.glob("*.conda")) + list(old.glob("*.tar.bz2"))
    (item,) = [item for item in show(conda_person) if item["category"] == "conda-archives"]
    assert set(map(str, archives)) <= set(item["paths"])
    assert f"CONDA_PKGS_DIRS={packages},{old}" in item["steps"][0]
    conda_person.stackenv("clean", "--yes")
    assert not any(archive.exists() for archive in archives)
    assert any(path.name.startswith("activating-") for path in old.iterdir())
    assert hash_tree(conda_person.home / "conda/envs/used") == used
    assert not set(classes(conda_person)) & {"conda-archives", "conda-packages", "conda-indexes"}


def test_conda_caches_are_kept_while_conda_would_delete_foreign_files(
    conda_person: Person,
) -> None:
    conda(conda_person, "conda create -q -y --name used activating")
    conda(conda_person, "conda env remove -q -y --name used")
    packages = conda_person.home / "conda/pkgs"
    (packages / "cache").mkdir(exist_ok=True)
    (packages / "cache/0123abcd.json").write_text("{}")
    names = {"conda-archives": "thesis.tar.bz2", "conda-packages": "book", "conda-indexes": "cache/book"}
    (packages / "book/info").mkdir(parents=True)
    for file in ("thesis.tar.bz2", "book/info/author.txt", "cache/book"):
        (packages / file).write_text("of a night")
    found = {item["category"]: item["kept_reason"] for item in show(conda_person)}
    assert found == {
        kind: f"conda would also delete a file that it did not create: move {packages}/{name} elsewhere "
        "and run the command again"
        for kind, name in names.items()
    }
    before = hash_tree(packages)
    conda_person.stackenv("clean", "--yes")
    assert hash_tree(packages) == before
    for name in names.values():
        (packages / name).rename(conda_person.home / Path(name).name.replace("book", f"of-{len(name)}"))
    conda_person.stackenv("clean", "--yes")
    assert not set(classes(conda_person)) & set(names)


def test_conda_packages_with_symlinks_from_an_environment_are_kept(conda_person: Person) -> None:
    conda(conda_person, "CONDA_ALWAYS_SOFTLINK=1 conda create -q -y --name soft activating")
    links = [p for p in (conda_person.home / "conda/envs/soft").rglob("*") if p.is_symlink()]
    assert links
    found = {item["category"]: item for item in show(conda_person)}
    assert "soft" in found["conda-packages"]["kept_reason"]
    conda_person.stackenv("clean", "--yes")
    assert all(link.exists() for link in links)
