"""Files of a packed venv on a node: other mount folders, other users, leftovers of killed commands."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from open_ways import open_way_to
from packing import list_mounts, make_packing_user, require_fuse, unmounting
from squashfuses import list_squashfuses
from stacked import Stack
from users import STACKENV, User

IMPORT = "python -c 'import Bio; print(Bio.__file__)'"
SOMEBODY = 12345


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> Iterator[User]:
    """Return a user with a packed environment."""
    require_fuse()
    folder = tmp_path_factory.mktemp("places")
    with unmounting(folder):
        user = make_packing_user(folder, one_stack)
        made = user.stackenv("create", "bio", "biopython", load=[one_stack.bundle_module])
        assert made.returncode == 0, made.stderr
        done = user.stackenv("pack", "bio")
        assert done.returncode == 0, done.stderr
        yield user


@pytest.fixture
def taken(owner: User) -> Iterator[Path]:
    """Return the user's mount folder, which here belongs to another user."""
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    folder = owner.home.parent / "node/stackenv-0"
    folder.mkdir()
    os.chown(folder, SOMEBODY, SOMEBODY)
    yield folder
    folder.rmdir()


def load(user: User, commands: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return user.run(f"module use {user.modules}; module load bio || exit 70; {commands}", **environ)


def test_xdg_runtime_dir_is_used_when_the_mount_folder_is_another_users(
    owner: User, taken: Path, tmp_path: Path
) -> None:
    with unmounting(tmp_path):
        done = load(owner, IMPORT, XDG_RUNTIME_DIR=str(tmp_path))
        assert done.stdout.startswith(f"{tmp_path}/stackenv-0/"), done.stderr
        assert len(list_mounts(tmp_path)) == len(list_squashfuses(tmp_path)) == 1
        again = load(owner, f"{IMPORT}; module unload bio", XDG_RUNTIME_DIR=str(tmp_path))
        assert again.stdout == done.stdout
        assert not list_mounts(tmp_path)
    assert not list(taken.iterdir())


@pytest.mark.parametrize("runtime", ["", "absent", "somebody's", "read-only"])
def test_a_load_without_a_usable_runtime_folder_fails_with_the_reason(
    owner: User, taken: Path, tmp_path: Path, runtime: str
) -> None:
    folder = tmp_path / "runtime"
    before = "true"
    if runtime in ("somebody's", "read-only"):
        folder.mkdir()
        os.chown(folder, *((SOMEBODY,) * 2 if runtime == "somebody's" else (0, 0)))
    if runtime == "read-only":
        before = f"mount --bind {folder} {folder}; mount -o remount,bind,ro {folder}"
    init = Path(owner.environ["LMOD_CMD"]).parents[1] / "init/bash"
    script = tmp_path / "load.sh"
    script.write_text(f'{before}\n. "{init}"; module use {owner.modules}; module load bio\n')
    refused = owner.run(
        f"unshare --mount bash {script}", **({"XDG_RUNTIME_DIR": str(folder)} if runtime else {})
    )
    told = " ".join(refused.stderr.split())
    assert refused.returncode == 1
    assert f"cannot create {folder}/stackenv-0: is {folder} full" in told or (
        runtime != "read-only" and f"{taken} belongs to another user" in told
    ), told
    assert not list_mounts(owner.home.parent)
    assert not list(taken.iterdir())


def test_an_ordinary_user_mounts_with_fusermount(owner: User, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("this user is one already: the other tests mount so")
    # On clusters /dev/fuse is open to all, and users have names; here only in a namespace of the test.
    init = Path(owner.environ["LMOD_CMD"]).parents[1] / "init/bash"
    script = tmp_path / "as_user.sh"
    script.write_text(
        f"mknod -m 666 {tmp_path}/fuse c 10 229 && mount --bind {tmp_path}/fuse /dev/fuse || exit 80\n"
        f"(cat /etc/passwd; echo somebody:x:4321:4321::/:/bin/sh) >{tmp_path}/passwd\n"
        f"mount --bind {tmp_path}/passwd /etc/passwd || exit 81\n"
        f'exec setpriv --reuid 4321 --regid 4321 --clear-groups bash -c \'. "{init}"; module use '
        f"{owner.modules}; module load bio && id -u && {IMPORT.replace(chr(39), chr(34))} && "
        "cd /proc/self; grep -c stackenv-4321/ mounts; module unload bio; grep -c stackenv-4321/ mounts'\n"
    )
    subprocess.run(["chmod", "-R", "a+rwX", str(owner.home.parent)], check=True)
    open_way_to(owner.home)
    done = owner.run(f"unshare --mount bash {script}")
    lines = done.stdout.splitlines()
    assert lines[:1] == ["4321"], done.stderr
    assert lines[1].startswith(f"{owner.home.parent}/node/stackenv-4321/")
    assert lines[2:] == ["1", "0"]


@pytest.fixture
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for a test's programs, which is not there yet."""
    return tmp_path_factory.mktemp("programs") / "bin"


def start_unpacking(owner: User, folder: Path, programs: Path) -> subprocess.Popen[bytes]:
    """Start `unpack --to`, and return the process once it has begun to write.

    A stand-in for unsquashfs in `programs` unpacks and then waits, so that a signal is never too late.
    """
    programs.mkdir()
    waiting = programs / "unsquashfs"
    waiting.write_text(f'#!/bin/sh\n{shutil.which("unsquashfs")} "$@"\nexec sleep 60\n')
    waiting.chmod(0o755)
    running = subprocess.Popen(
        [STACKENV, "unpack", "bio", "--to", str(folder)],
        env={**owner.environ, "PATH": f"{programs}:{owner.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not list(folder.glob("*/*")):
        assert running.poll() is None
        time.sleep(0.001)
    return running


def test_files_left_by_a_killed_unpack_to_are_removed_by_the_next(
    owner: User, tmp_path: Path, programs: Path
) -> None:
    running = start_unpacking(owner, tmp_path, programs)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    (left,) = tmp_path.iterdir()
    (tmp_path / "mine").mkdir()
    done = owner.stackenv("unpack", "bio", "--to", str(tmp_path))
    assert done.returncode == 0, done.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert left.name not in names
    assert len(names) == 2 and "mine" in names
    assert load(owner, IMPORT, TMPDIR=str(tmp_path)).stdout.startswith(f"{tmp_path}/stackenv-")


def test_files_of_a_running_unpack_to_are_kept(owner: User, tmp_path: Path, programs: Path) -> None:
    running = start_unpacking(owner, tmp_path, programs)
    os.kill(running.pid, signal.SIGSTOP)
    (draft,) = tmp_path.iterdir()
    assert owner.stackenv("unpack", "bio", "--to", str(tmp_path)).returncode == 0
    assert draft.is_dir()
    os.kill(running.pid, signal.SIGTERM)
    os.kill(running.pid, signal.SIGCONT)
    assert running.wait() == 128 + signal.SIGTERM
    assert not draft.exists()


def test_clean_removes_files_left_in_tmpdir_by_a_killed_unpack_to(owner: User, programs: Path) -> None:
    folder = Path(owner.environ["TMPDIR"])
    running = start_unpacking(owner, folder, programs)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert list(folder.glob("stackenv-*"))
    assert owner.stackenv("clean", "--yes").returncode == 0
    assert not list(folder.glob("stackenv-*"))


def test_unpack_to_a_read_only_folder_fails_with_the_reason(owner: User, tmp_path: Path) -> None:
    script = f"mount --bind {tmp_path} {tmp_path}; mount -o remount,bind,ro {tmp_path}; "
    refused = owner.run(f"unshare --mount bash -c '{script} {STACKENV} unpack bio --to {tmp_path}'")
    assert refused.returncode == 1
    assert f"{tmp_path} cannot be written: Read-only file system" in refused.stderr
