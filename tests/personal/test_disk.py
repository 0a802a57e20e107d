"""Disks that are full or read-only, links, files in the way, and the modes of what is created."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_ci import fail_or_skip
from trees import describe_tree, list_files, mode_of
from users import User


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator:
    """Return a function that mounts a small file system on a folder, which only root can do."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("a small disk takes a mount, and that takes root")
    folders: list[Path] = []

    def mount(folder: Path, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"no mount here: {done.stderr}"
            fail_or_skip(message)
        folders.append(folder)

    yield mount
    for folder in reversed(folders):
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("size", ["5m", "30m"])
def test_a_full_disk_leaves_nothing_of_the_environment(user: User, mounted, size: str) -> None:
    mounted(user.home / "venvs", "-t", "tmpfs", "-o", f"size={size}", "tmpfs")
    failed = user.stackenv("create", "it", "pandas", load=[user.stack.bundle_module])
    assert failed.returncode in (1, 10), failed.stderr
    # ensurepip does not show the reason.
    assert "No space left" in failed.stderr or f"df -h {user.home}" in failed.stderr
    assert list_files(user.home) == [] and list((user.home / "venvs").iterdir()) == []
    assert list((user.home.parent / "tmp").iterdir()) == []


def test_a_full_disk_for_the_modules_leaves_nothing(user: User, mounted) -> None:
    mounted(user.modules, "-t", "tmpfs", "-o", "size=4k,nr_inodes=4", "tmpfs")
    failed = user.stackenv("create", "it", load=[user.stack.bundle_module])
    assert failed.returncode == 1 and "No space left" in failed.stderr
    assert str(user.modules) in failed.stderr
    assert list_files(user.home) == [], failed.stderr


def test_a_read_only_module_folder_is_reported_before_anything_is_created(user: User, mounted) -> None:
    user.modules.mkdir()
    mounted(user.modules, "--bind", str(user.modules))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(user.modules)], check=True)
    before = describe_tree(user.home)
    refused = user.stackenv("create", "it", load=[user.stack.bundle_module])
    assert refused.returncode == 1 and f"{user.modules}, is not writable" in refused.stderr
    assert describe_tree(user.home) == before


def test_a_module_folder_that_is_a_link_works_and_is_kept(user: User) -> None:
    (user.home / "elsewhere").mkdir()
    user.modules.symlink_to("elsewhere")
    made = user.stackenv("create", "it", load=[user.stack.bundle_module])
    assert made.returncode == 0 and made.stdout == "ml use ~/modules; ml it\n", made.stderr
    assert user.modules.is_symlink() and (user.home / "elsewhere/it/1.0.lua").is_file()
    assert user.run(f"{made.stdout.strip()} && python -c 'import numpy'").returncode == 0


@pytest.mark.parametrize("what", ["link to nothing", "file"])
def test_a_module_folder_that_is_a_file_or_a_dangling_link_is_reported(user: User, what: str) -> None:
    user.modules.write_text("mine") if what == "file" else user.modules.symlink_to("nowhere")
    before = describe_tree(user.home)
    for command in (("create", "it"), ("list",)):
        told = user.stackenv(*command, load=[user.stack.bundle_module])
        assert str(user.modules) in told.stderr and "Traceback" not in told.stderr
        assert told.returncode == (1 if command[0] == "create" else 0), told.stderr
    assert describe_tree(user.home) == before


@pytest.mark.parametrize("what", ["file", "link", "folder"])
@pytest.mark.parametrize("command", ["create", "adopt"])
def test_a_modulefile_not_written_by_stackenv_is_never_overwritten(
    user: User, command: str, what: str
) -> None:
    theirs = user.modules / "it/1.0.lua"
    theirs.parent.mkdir(parents=True)
    if what == "file":
        theirs.write_text('help("mine")\n')
    elif what == "link":
        theirs.symlink_to("../nowhere")
    else:
        theirs.mkdir()
    (user.home / "env/conda-meta").mkdir(parents=True)
    before = describe_tree(user.home)
    arguments = ("create", "it") if command == "create" else ("adopt", "env", "it")
    refused = user.stackenv(*arguments, load=[user.stack.bundle_module])
    assert refused.returncode == 9 and "not written by stackenv" in refused.stderr, refused.stderr
    assert describe_tree(user.home) == before


@pytest.mark.parametrize(("mask", "of_file"), [("022", "-rw-r--r--"), ("077", "-rw-------")])
def test_folders_are_private_and_file_modes_follow_the_umask(user: User, mask: str, of_file: str) -> None:
    command = f"umask {mask}; module load {user.stack.bundle_module}; stackenv create it"
    made = user.run(command)
    assert made.returncode == 0, made.stderr
    prefix = user.home / "venvs/it-1.0"
    for folder in (user.modules, user.modules / ".stackenv", prefix):
        assert mode_of(folder) == "drwx------"
    for file in (user.modules / "it/1.0.lua", prefix / "stackenv/record.json", prefix / "pyvenv.cfg"):
        assert mode_of(file) == of_file, file


def test_an_existing_module_folder_keeps_its_mode(user: User) -> None:
    user.modules.mkdir()
    user.modules.chmod(0o755)
    assert user.stackenv("create", "it", load=[user.stack.bundle_module]).returncode == 0
    assert mode_of(user.modules) == "drwxr-xr-x"
