"""`stackenv clean`: what is kept although it looks like a leftover."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from answers import read_result
from leftovers import classes, show
from people import COMMAND, MINOR, Person
from terminals import open_terminal


def test_adopted_and_copied_environments_are_kept(person: Person) -> None:
    adopted = person.adopt("mine")
    (person.modules / "mine/1.0.lua").unlink()
    copied = person.create("whole").with_name("copy")
    shutil.copytree(person.home / "venvs/whole-1.0", copied, symlinks=True)
    assert classes(person) == []
    person.stackenv("clean", "--yes")
    assert adopted.is_dir() and copied.is_dir()


SITE = f"lib/python{MINOR}/site-packages"
# Files of the user, and the name under which each is reported.
FOREIGN = {
    "data/results.csv": "data",
    "src/mine/setup.py": "src",
    "pip.conf": "pip.conf",
    "bin/by-hand": "bin/by-hand",
    "bin/pipeline.sh": "bin/pipeline.sh",
    "bin/python_analysis.py": "bin/python_analysis.py",
    f"{SITE}/mine.py": f"{SITE}/mine.py",
    f"{SITE}/pip/mine/notes": f"{SITE}/pip/mine",
    "share/reference.fa": "share/reference.fa",
    "share/db/reference.fa": "share/db",
    "etc/mine/settings": "etc",
    "lib/node_modules/mine/index.js": "lib/node_modules",
}


@pytest.mark.parametrize(("name", "told"), FOREIGN.items())
def test_an_environment_with_the_users_own_files_is_kept(left: Person, name: str, told: str) -> None:
    prefix = left.home / "venvs/left-1.0"
    (prefix / name).parent.mkdir(parents=True, exist_ok=True)
    was = (prefix / name).read_text() if (prefix / name).exists() else ""
    (prefix / name).write_text("mine\n")
    (item,) = show(left)
    assert item["kept_reason"].startswith(f"it contains files that were not installed: {told}; ")
    assert f"rm -r {prefix}" in item["kept_reason"]
    before = left.tree()
    done = left.stackenv("clean", "--yes")
    assert told in done.stderr and left.tree() == before
    if was:
        (prefix / name).write_text(was)
    else:
        shutil.move(prefix / told, left.home / "elsewhere")
    left.stackenv("clean", "--yes")
    assert not prefix.exists()


@pytest.mark.each_value("name", "metadata")
@pytest.mark.parametrize("name", ["bin/by-hand", f"{SITE}/mine.py", "share/db/reference.fa"])
@pytest.mark.parametrize("metadata", ["old_tool-1.0.egg-info", "old_tool-1.0.dist-info/METADATA"])
def test_the_users_files_are_found_beside_a_package_without_a_file_list(
    left: Person, name: str, metadata: str
) -> None:
    prefix = left.home / "venvs/left-1.0"
    old = {metadata: "Metadata-Version: 1.0\nName: old-tool\nVersion: 1.0\n", "old_tool.py": ""}
    if metadata.endswith("METADATA"):
        old[metadata.replace("METADATA", "entry_points.txt")] = "[console_scripts]\nold = old_tool:main\n"
        (prefix / "bin/old").touch()
    for path, text in old.items():
        (prefix / SITE / path).parent.mkdir(exist_ok=True)
        (prefix / SITE / path).write_text(text)
    (item,) = show(left)
    assert item["kept_reason"] == ""
    (prefix / name).parent.mkdir(parents=True, exist_ok=True)
    (prefix / name).touch()
    (item,) = show(left)
    told = "share/db" if name.startswith("share") else name
    assert item["kept_reason"].startswith(f"it contains files that were not installed: {told}; ")


def test_an_environment_with_a_file_added_during_the_question_is_kept(left: Person) -> None:
    prefix = left.home / "venvs/left-1.0"
    outer, inner = open_terminal(columns=300)
    with subprocess.Popen(
        [COMMAND, "clean"], env=left.environ, cwd=left.home, stdin=inner, stdout=inner, stderr=subprocess.PIPE
    ) as process:
        os.close(inner)
        assert process.stderr is not None
        words = b""
        while b"Remove environments" not in words:
            words += os.read(process.stderr.fileno(), 1000)
        (prefix / "results.csv").write_text("of a night")
        os.write(outer, b"y\n")
        words += process.stderr.read()
    os.close(outer)
    assert process.returncode != 0 and (prefix / "results.csv").read_text() == "of a night"
    assert b"not removed: it contains files that were not installed: results.csv;" in words


def test_an_environment_that_the_users_own_kernel_starts_is_kept(person: Person) -> None:
    prefix = person.create("biopy", "tiny-own")
    kernel = person.home / ".local/share/jupyter/kernels/mine/kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": [f"{prefix}/bin/python", "-m", "x"], "display_name": "mine"}))
    person.stackenv("rebuild", "biopy")
    (item,) = show(person)
    hint = "jupyter kernelspec remove mine"
    assert item["kept_reason"] == f"the Jupyter kernel {kernel.parent} uses it; to remove the kernel: {hint}"
    person.stackenv("clean", "--yes")
    assert prefix.is_dir()
    shutil.rmtree(kernel.parent)
    person.stackenv("clean", "--yes")
    assert not prefix.exists()


def test_a_module_edited_by_hand_is_kept_without_its_environment(person: Person) -> None:
    shutil.rmtree(person.create("gone"))
    modulefile = person.modules / "gone/1.0.lua"
    modulefile.write_text(modulefile.read_text() + 'setenv("MINE", "1")\n')
    (item,) = show(person)
    assert item["kept_reason"] == "it was edited by hand; to remove it: stackenv remove gone/1.0"
    person.stackenv("clean", "--yes")
    assert 'setenv("MINE", "1")' in modulefile.read_text()


def test_an_environment_that_a_venv_is_based_on_is_kept(left: Person) -> None:
    venv = left.home / "venvs/on-it"
    venv.mkdir()
    (venv / "pyvenv.cfg").write_text(f"home = {left.home}/venvs/left-1.0/bin\n")
    (item,) = show(left)
    assert item["kept_reason"] == f"the venv {venv} uses its Python"
    # A venv in another folder, found only through its module.
    shutil.rmtree(venv)
    elsewhere = left.adopt("on-it") / "pyvenv.cfg"
    elsewhere.write_text(f"home = {left.home}/venvs/left-1.0/bin\n")
    (item,) = show(left)
    assert item["kept_reason"] == f"the venv {elsewhere.parent} uses its Python"


@pytest.mark.parametrize("name", ["biology/1.0.lua", "biopy/.1.0.lua", ".biopy/1.0.lua", "old/biopy/1.0.lua"])
def test_an_environment_is_kept_if_its_module_was_renamed_by_hand(person: Person, name: str) -> None:
    prefix = person.create("biopy")
    (person.modules / name).parent.mkdir(parents=True, exist_ok=True)
    (person.modules / "biopy/1.0.lua").rename(person.modules / name)
    assert classes(person) == []
    person.stackenv("clean", "--yes")
    assert prefix.is_dir()


def test_environments_of_other_project_members_are_not_listed(person: Person) -> None:
    project = person.home / "project"
    project.mkdir(mode=0o2770)
    person.stackenv("create", "left", "-m", "Bundle/1", "--shared", str(project))
    (project / "modules/left/1.0.lua").unlink()
    words = ("clean", "--json", "--shared", str(project))
    assert [item["category"] for item in read_result(person.stackenv(*words).stdout)] == ["environments"]
    os.chown(project / "venvs/left-1.0", 4711, -1)
    assert read_result(person.stackenv(*words).stdout) == []
    person.stackenv("create", "whole", "-m", "Bundle/1", "--shared", str(project))
    person.stackenv("rebuild", "whole", "--shared", str(project))
    assert [item["category"] for item in read_result(person.stackenv(*words).stdout)] == ["old-rebuilds"]
    os.chown(project / "venvs/whole-1.0", 4711, -1)
    assert read_result(person.stackenv(*words).stdout) == []


def test_a_module_is_kept_while_its_environments_folder_is_not_mounted(person: Person) -> None:
    path = person.home / "mounted/venvs/far"
    path.parent.mkdir(parents=True)
    person.create("far", "--path", str(path))
    path.parent.parent.rename(person.home / "away")
    assert classes(person) == []


def test_an_environment_whose_python_started_clean_is_kept(left: Person) -> None:
    python = left.home / "venvs/left-1.0/bin/python"
    script = f"import subprocess; print(subprocess.call([{COMMAND!r}, 'clean', '--yes']))"
    done = subprocess.run(
        [python, "-c", script], env=left.environ, cwd=left.home, capture_output=True, text=True, check=True
    )
    assert "in use on this node by process" in done.stderr and python.exists()
    # A shell whose working directory is the environment does not count as using it.
    left.shell(f"cd venvs/left-1.0 && {COMMAND} clean --yes; true")
    assert not python.exists()


def test_an_environment_used_by_a_process_is_kept(left: Person) -> None:
    python = left.home / "venvs/left-1.0/bin/python"
    with subprocess.Popen([python, "-c", "import time; time.sleep(600)"], env=left.environ) as process:
        try:
            (item,) = show(left)
            assert str(process.pid) in item["kept_reason"]
            done = left.stackenv("clean", "--yes")
        finally:
            process.kill()
    assert f"process {process.pid}" in done.stderr and python.exists()
    left.stackenv("clean", "--yes")
    assert not python.exists()


def test_an_environment_active_in_the_shell_or_in_a_script_is_kept(left: Person) -> None:
    prefix = left.home / "venvs/left-1.0"
    done = left.stackenv("clean", "--yes", VIRTUAL_ENV=str(prefix))
    assert f"in use in this shell (VIRTUAL_ENV is {prefix})" in done.stderr and prefix.is_dir()
    script = {**left.environ, "VIRTUAL_ENV": str(prefix)}
    with subprocess.Popen(["sh", "-c", "sleep 600; python more.py"], env=script) as process:
        try:
            done = left.stackenv("clean", "--yes")
        finally:
            subprocess.run(["pkill", "--parent", str(process.pid)], check=False)
            process.kill()
    assert "in use on this node by process" in done.stderr and prefix.is_dir()
