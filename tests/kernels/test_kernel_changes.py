"""Existing kernels: `stackenv kernel remove` and `kernel list`, and `remove`, `rename` and `edit`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from answers import read_result
from findings import read_findings
from jupyters import Jupyter
from labs import MODULES, NAME, adopt, kernels_of, listed, read
from people import COMMAND, Person
from terminals import read_table


def test_the_users_own_files_in_the_kernel_folder_are_kept(owner: Person) -> None:
    folder = kernels_of(owner) / NAME
    (folder / "kernel.js").write_text("// mine\n")
    (folder / "logo-64x64.png").write_bytes(b"mine")
    owner.stackenv("kernel", "add", "lab")
    owner.stackenv("kernel", "remove", "lab")
    assert sorted(path.name for path in folder.iterdir()) == ["kernel.js", "logo-64x64.png"]


@pytest.mark.parametrize("name", [NAME, "lab", "lab/1.0"])
def test_kernel_remove_removes_only_the_kernel(owner: Person, name: str) -> None:
    before = owner.tree()
    done = owner.stackenv("kernel", "remove", name)
    assert "Removed the kernel" in done.stderr
    gone = {path for path in before if path.startswith(f".local/share/jupyter/kernels/{NAME}")}
    assert owner.tree() == {path: text for path, text in before.items() if path not in gone}


def test_removing_the_environment_removes_its_kernel(owner: Person) -> None:
    dry = owner.stackenv("remove", "lab", "--dry-run")
    assert f"remove the Jupyter kernel {kernels_of(owner) / NAME}" in dry.stdout
    owner.stackenv("remove", "lab", "--yes")
    assert list(kernels_of(owner).iterdir()) == []
    assert not (owner.home / "own/lab/stackenv").exists()


def test_the_kernel_keeps_its_name_when_the_environment_is_renamed(owner: Person, tmp_path: Path) -> None:
    owner.stackenv("rename", "lab", "bench/2.0")
    assert read(owner)["display_name"] == "bench/2.0 (Jupyter/1)"
    (found,) = listed(owner)
    assert (found["name"], found["module"], found["state"]) == (NAME, "bench/2.0", "ok")
    with Jupyter(tmp_path, owner.environ) as jupyter:
        jupyter.start(NAME)
        assert jupyter.run(MODULES)[-1] == "bench/2.0"


def test_a_custom_display_name_is_kept_after_a_rename(owner: Person) -> None:
    owner.stackenv("kernel", "add", "lab", "--display-name", "Mine")
    owner.stackenv("rename", "lab", "bench")
    assert read(owner)["display_name"] == "Mine"


def test_the_kernel_starts_with_new_modules_from_another_modulepath(owner: Person, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(owner.site.modulepath, moved)
    (moved / "Jupyter/1.lua").rename(moved / "Jupyter/2.lua")
    owner.stackenv("edit", "lab", "-m", "Jupyter/2", MODULEPATH=str(moved))
    assert read(owner)["display_name"] == "lab/1.0 (Jupyter/2)"
    with Jupyter(tmp_path, owner.environ) as jupyter:
        jupyter.start(NAME)
        assert "Jupyter/2" in jupyter.run(MODULES)


def test_an_edit_to_modules_without_ipykernel_warns_with_a_hint(owner: Person) -> None:
    done = owner.stackenv("edit", "lab", "-m", "Bundle/1")
    install = "stackenv kernel add lab/1.0 --install"
    assert f"warning: its Jupyter kernel will have no ipykernel and will not start: {install}" in done.stderr
    (found,) = listed(owner)
    assert (found["state"], found["hint"]) == ("no ipykernel", install)
    before = owner.tree()
    checked = read_findings(owner.stackenv("check", "--json", status=1).stdout)
    assert [(f["rule"], f["hint"], f["fix_steps"]) for f in checked] == [("kernels", install, [])]
    owner.stackenv("check", "--fix", "--yes", status=1)
    owner.stackenv("clean", "--yes")
    assert owner.tree() == before
    again = owner.stackenv("edit", "lab", "-m", "Jupyter/1")
    assert "warning" not in again.stderr
    assert [found["state"] for found in listed(owner)] == ["ok"]


def test_a_renamed_environments_kernel_is_kept_when_its_old_name_is_reused(owner: Person) -> None:
    owner.stackenv("rename", "lab", "bench")
    adopt(owner, folder="again")
    owner.stackenv("kernel", "add", "lab")
    assert {found["name"]: found["module"] for found in listed(owner)} == {
        NAME: "bench/1.0",
        f"{NAME}-2": "lab/1.0",
    }


def lose_folder(person: Person) -> None:
    shutil.rmtree(person.home / "own/lab")


def lose_record(person: Person) -> None:
    (person.home / "own/lab/stackenv/record.json").unlink()


def lose_python(person: Person) -> None:
    (person.home / "own/lab/bin/python").unlink()


def lose_module(person: Person) -> None:
    (person.modules / "lab/1.0.lua").unlink()


def spoil_record(person: Person) -> None:
    (person.home / "own/lab/stackenv/record.json").write_text("{")


def test_removing_a_linked_kernel_removes_only_the_link(owner: Person) -> None:
    elsewhere = owner.home / "on-scratch"
    (kernels_of(owner) / NAME).rename(elsewhere)
    (kernels_of(owner) / NAME).symlink_to(elsewhere)
    before = owner.tree()
    owner.stackenv("kernel", "remove", "lab")
    assert list(kernels_of(owner).iterdir()) == []
    assert {path: text for path, text in before.items() if "on-scratch" in path} == {
        path: text for path, text in owner.tree().items() if "on-scratch" in path
    }


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (lose_folder, "environment gone"),
        (lose_record, "environment gone"),
        (lose_python, "environment gone"),
        (lose_module, "module gone"),
    ],
)
def test_a_broken_kernel_is_listed_with_a_hint_that_removes_it(
    owner: Person, spoil: Callable[[Person], None], state: str
) -> None:
    spoil(owner)
    (found,) = listed(owner)
    assert (found["state"], found["hint"]) == (state, f"stackenv kernel remove {NAME}")
    done = owner.stackenv("kernel", "list")
    assert read_table(done.stdout)[0][:2] == ["lab/1.0", state]
    assert f"{found['problem']}\nhint: {found['hint']}" in done.stderr
    owner.stackenv(*found["hint"].split()[1:])
    assert listed(owner) == []


def test_an_unreadable_record_hints_at_check_before_kernel_remove(owner: Person) -> None:
    spoil_record(owner)
    (found,) = listed(owner)
    assert found["state"] == "record unreadable"
    first, _, then = found["hint"].partition("; if you do not need the kernel: ")
    assert (first, then) == ("stackenv check", f"stackenv kernel remove {NAME}")
    owner.stackenv(*then.split()[1:])
    assert listed(owner) == []


def test_a_kernel_whose_environment_another_user_renamed_is_listed_with_a_hint(
    owner: Person, tmp_path: Path
) -> None:
    owner.stackenv("rename", "lab", "bench", JUPYTER_DATA_DIR=str(tmp_path / "theirs"))
    (found,) = listed(owner)
    assert (found["state"], found["hint"]) == ("renamed", "stackenv kernel add bench/1.0")
    with Jupyter(tmp_path, owner.environ) as jupyter:
        jupyter.start(NAME)
    owner.stackenv(*found["hint"].split()[1:])
    assert [found["state"] for found in listed(owner)] == ["ok"]


def test_an_empty_list_says_how_to_add_a_kernel(person: Person) -> None:
    done = person.stackenv("kernel", "list")
    assert (done.stdout, "to add one: stackenv kernel add NAME" in done.stderr) == ("", True)
    assert read_result(person.stackenv("kernel", "list", "--json").stdout) == []


@pytest.mark.parametrize("words", [("remove", "lab", "--yes"), ("rename", "lab", "bench")])
def test_the_next_command_completes_or_undoes_a_killed_remove_or_rename(
    owner: Person, tmp_path: Path, words: tuple[str, ...]
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(owner.home, kept, symlinks=True)
    states = set()
    for number in range(1, 80, 3):
        inject = f"inject=unlink,unlinkat,rename:signal=KILL:when={number}"
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject, COMMAND, *words]
        done = subprocess.run(command, env=owner.environ, cwd=owner.home, capture_output=True, check=False)
        owner.stackenv("list")
        kernels = [(found["module"], found["state"]) for found in listed(owner)]
        modules = [found["module"] for found in read_result(owner.stackenv("list", "--json").stdout)]
        assert kernels == [(module, "ok") for module in modules]
        states.add(tuple(modules))
        if done.returncode == 0:
            break
        shutil.rmtree(owner.home)
        shutil.copytree(kept, owner.home, symlinks=True)
    assert states == {("lab/1.0",), ("bench/1.0",) if words[0] == "rename" else ()}
