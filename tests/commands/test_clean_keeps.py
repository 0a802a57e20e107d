"""`stackenv clean`: what stays, though no module leads to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from leftovers import classes, show
from people import COMMAND, MINOR, Person


def test_what_is_not_stackenvs_stays(person: Person) -> None:
    adopted = person.adopt("mine")
    (person.modules / "mine/1.0.lua").unlink()
    copied = person.create("whole").with_name("copy")
    shutil.copytree(person.home / "venvs/whole-1.0", copied, symlinks=True)
    assert classes(person) == []
    person.stackenv("clean", "--yes")
    assert adopted.is_dir() and copied.is_dir()


FOREIGN = (
    "data/results.csv",
    "src/mine/setup.py",
    "pip.conf",
    "bin/by-hand",
    f"lib/python{MINOR}/site-packages/mine.py",
)


@pytest.mark.parametrize("name", FOREIGN)
def test_an_environment_with_something_of_the_users_in_it_stays(left: Person, name: str) -> None:
    prefix = left.home / "venvs/left-1.0"
    (prefix / name).parent.mkdir(parents=True, exist_ok=True)
    was = (prefix / name).read_text() if (prefix / name).exists() else ""
    (prefix / name).write_text("mine\n")
    (item,) = show(left)
    told = name if name.startswith(("bin", "lib")) else name.split("/")[0]
    assert item["kept"].startswith(f"it holds what was not installed: {told}; ")
    assert f"rm -r {prefix}" in item["kept"]
    before = left.tree()
    done = left.stackenv("clean", "--yes")
    assert told in done.stderr and left.tree() == before
    if was:
        (prefix / name).write_text(was)
    else:
        shutil.move(prefix / told, left.home / "elsewhere")
    left.stackenv("clean", "--yes")
    assert not prefix.exists()


def test_an_environment_stays_on_which_somebody_has_made_a_venv(left: Person) -> None:
    venv = left.home / "venvs/on-it"
    venv.mkdir()
    (venv / "pyvenv.cfg").write_text(f"home = {left.home}/venvs/left-1.0/bin\n")
    (item,) = show(left)
    assert item["kept"] == f"the venv {venv} was made with its Python"


@pytest.mark.parametrize("name", ["biology/1.0.lua", "biopy/.1.0.lua", ".biopy/1.0.lua", "old/biopy/1.0.lua"])
def test_a_module_that_was_renamed_by_hand_keeps_its_environment(person: Person, name: str) -> None:
    prefix = person.create("biopy")
    (person.modules / name).parent.mkdir(parents=True, exist_ok=True)
    (person.modules / "biopy/1.0.lua").rename(person.modules / name)
    assert classes(person) == []
    person.stackenv("clean", "--yes")
    assert prefix.is_dir()


def test_what_a_colleague_has_made_is_not_this_users_to_clean(person: Person) -> None:
    project = person.home / "project"
    project.mkdir(mode=0o2770)
    person.stackenv("create", "left", "-m", "Bundle/1", "--shared", str(project))
    (project / "modules/left/1.0.lua").unlink()
    words = ("clean", "--json", "--shared", str(project))
    assert [item["class"] for item in json.loads(person.stackenv(*words).stdout)] == ["environments"]
    os.chown(project / "venvs/left-1.0", 4711, -1)
    assert json.loads(person.stackenv(*words).stdout) == []
    person.stackenv("create", "whole", "-m", "Bundle/1", "--shared", str(project))
    person.stackenv("rebuild", "whole", "--shared", str(project))
    assert [item["class"] for item in json.loads(person.stackenv(*words).stdout)] == ["old-rebuilds"]
    os.chown(project / "venvs/whole-1.0", 4711, -1)
    assert json.loads(person.stackenv(*words).stdout) == []


def test_a_module_stays_while_the_file_system_of_its_environment_is_away(person: Person) -> None:
    path = person.home / "mounted/venvs/far"
    path.parent.mkdir(parents=True)
    person.create("far", "--path", str(path))
    path.parent.parent.rename(person.home / "away")
    assert classes(person) == []


def test_what_the_command_was_started_by_stays(left: Person) -> None:
    python = left.home / "venvs/left-1.0/bin/python"
    script = f"import subprocess; print(subprocess.call([{COMMAND!r}, 'clean', '--yes']))"
    done = subprocess.run(
        [python, "-c", script], env=left.environ, cwd=left.home, capture_output=True, text=True, check=True
    )
    assert "in use on this node by process" in done.stderr and python.exists()
    # A shell that stands there is no use of it.
    left.shell(f"cd venvs/left-1.0 && {COMMAND} clean --yes; true")
    assert not python.exists()


def test_what_a_process_here_uses_stays(left: Person) -> None:
    python = left.home / "venvs/left-1.0/bin/python"
    with subprocess.Popen([python, "-c", "import time; time.sleep(600)"], env=left.environ) as process:
        try:
            (item,) = show(left)
            assert str(process.pid) in item["kept"]
            done = left.stackenv("clean", "--yes")
        finally:
            process.kill()
    assert f"process {process.pid}" in done.stderr and python.exists()
    left.stackenv("clean", "--yes")
    assert not python.exists()


def test_what_this_shell_has_active_stays_and_what_a_script_will_start(left: Person) -> None:
    prefix = left.home / "venvs/left-1.0"
    done = left.stackenv("clean", "--yes", VIRTUAL_ENV=str(prefix))
    assert f"in use in this shell, VIRTUAL_ENV is {prefix}" in done.stderr and prefix.is_dir()
    script = {**left.environ, "VIRTUAL_ENV": str(prefix)}
    with subprocess.Popen(["sh", "-c", "sleep 600; python more.py"], env=script) as process:
        try:
            done = left.stackenv("clean", "--yes")
        finally:
            subprocess.run(["pkill", "--parent", str(process.pid)], check=False)
            process.kill()
    assert "in use on this node by process" in done.stderr and prefix.is_dir()
