"""Kernels that a user has changed or copied, interrupted commands, and environments that move."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess

import pytest
from labs import NAME, adopt, kernels_of, listed
from people import COMMAND, Person


def test_a_kernel_copied_and_changed_by_the_user_is_kept(owner: Person) -> None:
    copied = kernels_of(owner) / "lab-gpu"
    shutil.copytree(kernels_of(owner) / NAME, copied)
    spec = json.loads((copied / "kernel.json").read_text())
    spec.update(env={"CUDA_VISIBLE_DEVICES": "0"}, display_name="Lab GPU")
    (copied / "kernel.json").write_text(json.dumps(spec))
    theirs = (copied / "kernel.json").read_bytes()
    for words in (("kernel", "add", "lab"), ("rename", "lab", "bench"), ("kernel", "remove", "bench")):
        owner.stackenv(*words)
        assert (copied / "kernel.json").read_bytes() == theirs
    owner.stackenv("remove", "bench", "--yes")
    assert (copied / "kernel.json").read_bytes() == theirs


def test_adding_again_keeps_the_users_changes_to_the_kernel(owner: Person) -> None:
    owner.stackenv("kernel", "add", "lab", "--display-name", "Mine")
    file = kernels_of(owner) / NAME / "kernel.json"
    spec = json.loads(file.read_text())
    spec["env"] = {"OMP_NUM_THREADS": "4"}
    file.write_text(json.dumps(spec))
    owner.stackenv("kernel", "add", "lab")
    after = json.loads(file.read_text())
    assert (after["env"], after["display_name"]) == ({"OMP_NUM_THREADS": "4"}, "Mine")
    assert after["argv"] == spec["argv"]


@pytest.mark.any_value("calls")
@pytest.mark.parametrize("calls", ["rename", "fsync"])
def test_adding_again_completes_an_interrupted_add_under_the_same_name(person: Person, calls: str) -> None:
    adopt(person)
    for number in range(1, 5):
        inject = f"inject={calls}:signal=KILL:when={number}"
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject, COMMAND, "kernel", "add", "lab"]
        done = subprocess.run(command, env=person.environ, cwd=person.home, capture_output=True, check=False)
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
        person.stackenv("kernel", "add", "lab")
        (folder,) = kernels_of(person).iterdir()
        assert folder.name == NAME
        assert sorted(p.name for p in folder.iterdir()) == [
            "kernel.json",
            "logo-32x32.png",
            "logo-64x64.png",
            "logo-svg.svg",
        ]
        shutil.rmtree(folder)


def test_rebuild_points_the_kernel_to_the_new_folder(owner: Person) -> None:
    owner.stackenv("rebuild", "lab")
    spec = json.loads((kernels_of(owner) / NAME / "kernel.json").read_text())
    new = str(owner.home / "venvs/lab-1.0-2")
    assert spec["argv"][1] == f"{new}/stackenv/launch" and spec["argv"][3] == f"{new}/bin/python"
    assert [found["state"] for found in listed(owner)] == ["ok"]


def test_an_environment_is_kept_when_its_kernel_cannot_be_removed(owner: Person) -> None:
    folder = kernels_of(owner)
    script = f'mount --bind "{folder}" "{folder}"; mount -o remount,ro,bind "{folder}"; exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", COMMAND, "remove", "lab", "--yes"],
        env=owner.environ,
        cwd=owner.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "nothing was changed" in done.stderr, done.stderr
    assert [found["state"] for found in listed(owner)] == ["ok"]


def test_kernel_add_keeps_a_projects_launcher_readable_by_its_group(owner: Person) -> None:
    project = owner.home / "project"
    project.mkdir()
    project.chmod(0o2770)
    owner.stackenv("create", "slab", "-m", "Jupyter/1", "--shared", str(project))
    launch = project / "venvs/slab-1.0/stackenv/launch"
    mode = launch.stat().st_mode
    launch.write_text(launch.read_text() + "# older\n")
    script = f'umask 077; exec "{COMMAND}" kernel add slab --shared "{project}"'
    subprocess.run(["sh", "-c", script], env=owner.environ, cwd=owner.home, capture_output=True, check=True)
    assert "# older" not in launch.read_text() and launch.stat().st_mode & 0o770 == mode & 0o770
    refused = owner.stackenv("kernel", "remove", "slab", status=1)
    assert "stackenv kernel remove stackenv-slab-1.0" in refused.stderr
