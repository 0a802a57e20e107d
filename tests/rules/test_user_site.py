"""Packages of `pip install --user`, with the Python of a real stack, and the Pythons that import them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from checking import find, find_one, fix, take_one
from people import MINOR, Person
from stacked import Stack, open_stack

USER_SITE, PIP_USER = "user-site", "pip-user"


@pytest.fixture(scope="module")
def stack() -> Stack:
    return open_stack("eb5-pythonpath")


@pytest.fixture(scope="module")
def python(stack: Stack) -> Path:
    return Path(stack.software, stack.python_module, "bin/python3")


@pytest.fixture
def person(person: Person, stack: Stack) -> Person:
    person.environ["PIP_FIND_LINKS"] = stack.wheels
    return person


def run(person: Person, *words: object, status: int = 0, **changes: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        env={**person.environ, **changes},
        cwd=person.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def make_conda_environment(person: Person, python: Path) -> Path:
    """Create a folder that conda lists as an environment, with a Python that can be moved."""
    prefix = person.home / "conda/envs/genes"
    shutil.copytree(python.parents[1], prefix, symlinks=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta/history").touch()
    return prefix


def test_user_packages_that_a_conda_environment_imports_are_reported(person: Person, python: Path) -> None:
    prefix = make_conda_environment(person, python)
    assert find(person, USER_SITE) == []
    run(person, python, "-m", "pip", "install", "--user", "--upgrade", "setuptools")
    folder = person.home / ".local/lib" / f"python{MINOR}/site-packages"
    version = next(folder.glob("setuptools-*")).name.split("-")[1].removesuffix(".dist")
    found = find_one(person, USER_SITE)
    assert (found["level"], found["where"]) == ("warning", str(folder))
    assert f"the conda environment {person.home}/conda/envs/genes" in found["what"]
    assert f"setuptools {version} hides 65.5.0 of" in found["what"]
    # The environment's own Python confirms the finding.
    script = "import setuptools; print(setuptools.__file__)"
    assert run(person, prefix / "bin/python", "-c", script).startswith(str(folder))
    assert find(person, USER_SITE, PYTHONNOUSERSITE="1") == []
    before = person.tree()
    typed, _, one_program = found["hint"].partition(": ")[2].partition("; or, for one program: ")
    run(person, "sh", "-c", one_program.replace("PROGRAM", "test -n here"))
    run(person, "sh", "-c", typed)
    assert find(person, USER_SITE) == []
    assert run(person, prefix / "bin/python", "-c", script).startswith(str(prefix))
    Path(f"{folder}.aside").rename(folder)
    assert person.tree() == before
    # A folder that was moved aside before is not in the way.
    Path(f"{folder}.aside").mkdir()
    shown = person.stackenv("check", "--fix", "--dry-run")
    assert shown.stdout == f"mv -T {folder} {folder}.aside2\n"
    fix(person)
    assert find(person, USER_SITE) == []
    Path(f"{folder}.aside").rmdir()
    Path(f"{folder}.aside2").rename(folder)
    assert person.tree() == before


def test_user_packages_that_hide_the_loaded_pythons_are_reported(person: Person, python: Path) -> None:
    run(person, python, "-m", "pip", "install", "--user", "packaging")
    loaded = {"PATH": f"{python.parent}:{person.environ['PATH']}"}
    # It hides no other package: that is what --user is for.
    assert find(person, USER_SITE, **loaded) == []
    run(person, python, "-m", "pip", "install", "--user", "--upgrade", "setuptools")
    found = take_one(find(person, USER_SITE, **loaded))
    assert f"hides 65.5.0 of the loaded Python {os.path.realpath(python.parents[1])}" in found["what"]
    assert find(person, USER_SITE) == []


def test_user_packages_are_reported_only_for_venvs_that_import_them(person: Person, python: Path) -> None:
    run(person, python, "-m", "pip", "install", "--user", "packaging")
    person.stackenv("create", "biopy", "-m", "Bundle/1")
    assert find(person, USER_SITE) == []
    venv = person.home / "venvs/own"
    run(person, python, "-m", "venv", "--without-pip", "--system-site-packages", venv)
    assert f"the venv {person.home}/venvs/own" in find_one(person, USER_SITE)["what"]
    assert "/.local/" in run(person, venv / "bin/python", "-c", "import packaging; print(packaging.__file__)")
    shutil.rmtree(venv)
    run(person, python, "-m", "venv", "--without-pip", venv)
    assert find(person, USER_SITE) == []
    run(person, venv / "bin/python", "-c", "import packaging", status=1)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        (".bashrc", "alias l=ls\nexport PIP_USER=yes\n", 2),
        (".config/pip/pip.conf", "[global]\nindex-url = https://a\n[install]\nuser = true\n", 4),
        (".pip/pip.conf", "[global]\nuser: 1\n", 2),
    ],
)
def test_settings_that_make_pip_install_for_the_user_are_reported(
    person: Person, name: str, text: str, line: int
) -> None:
    file = person.home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    found = find_one(person, PIP_USER)
    assert (found["where"], found["level"]) == (f"{file}:{line}", "warning")
    lines = text.splitlines(keepends=True)
    file.write_text("".join(lines[: line - 1] + lines[line:]))
    assert find(person, PIP_USER) == []


def test_pip_user_set_in_the_environment_is_reported(person: Person, python: Path) -> None:
    assert find_one(person, PIP_USER, PIP_USER="1")["hint"] == "unset PIP_USER"
    venv = person.home / "own"
    run(person, python, "-m", "venv", venv)
    said = run(person, venv / "bin/pip", "install", "packaging", status=1, PIP_USER="1")
    assert "--user" in said
    for value in ("0", "false", ""):
        assert find(person, PIP_USER, PIP_USER=value) == []


def test_settings_that_turn_pip_user_off_are_not_reported(person: Person) -> None:
    file = person.home / ".config/pip/pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text("[install]\nuser = false\n# user = true\n[other]\nuser = true\n")
    (person.home / ".bashrc").write_text("export PIP_USER=0\n")
    assert find(person, PIP_USER) == []
