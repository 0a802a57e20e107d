"""`update` of a venv, killed at any change on the disk, leaves the old or the new state."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_ci import fail_or_skip
from stacked import open_stack
from trees import describe_tree
from users import User, make_user
from wheels import make_wheel

# Installed in the environment: kills pip when it changes a file there, and first its parent if requested.
KILLER = """\
import os, sys
COUNT, AT, PARENT = [0], int(os.environ.get("TEST_KILL_AT", "-1")), os.environ.get("TEST_KILL_PARENT")
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.link", "os.symlink", "open"}

def count(event, arguments):
    if event not in CHANGES or not str(arguments[0]).startswith(sys.prefix):
        return
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return
    COUNT[0] += 1
    if AT == 0:
        os.write(2, b"ERROR: counted\\n")
    if COUNT[0] == AT:
        if PARENT:
            os.kill(os.getppid(), 9)
        os.kill(os.getpid(), 9)

if AT >= 0 and "install" in sys.orig_argv and "--no-deps" in sys.orig_argv:
    sys.addaudithook(count)
    if AT == 0:
        import atexit
        atexit.register(lambda: open(os.environ["TEST_COUNT"], "w").write(str(COUNT[0])))
"""
# Evenly spaced among all changes that pip makes.
POINTS = 6
MOST_RENAMES = 60
WORDS = ("update", "tiny-lib", "--all", "--yes")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with the environment `it`, in which pip can be killed."""
    folder = tmp_path_factory.mktemp("update-interrupted")
    user = make_user(folder, open_stack("eb5-pythonpath"))
    make_wheel(folder / "wheels", "tiny-lib", "1.0", files={"six_like.py": "A = 1\n"})
    user.environ["PIP_FIND_LINKS"] += f" {folder / 'wheels'}"
    made = user.stackenv("create", "it", "tiny-lib", load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    make_wheel(folder / "wheels", "tiny-lib", "2.0", ["tiny-new"], files={"six_like.py": "A = 2\n"})
    make_wheel(folder / "wheels", "tiny-new", "0.5")
    (site,) = (user.home / "venvs/it-1.0").glob("lib/python3*/site-packages")
    (site / "test_killer.py").write_text(KILLER)
    (site / "zz_test_killer.pth").write_text("import test_killer\n")
    # The first start compiles files, which must be in the copy too.
    assert user.run("module use ~/modules; module load it && tiny-lib").stdout == "1.0\n"
    shutil.copytree(user.home, folder / "before", symlinks=True)
    return user


@pytest.fixture
def user(origin: User) -> User:
    """Return the user, with the home restored."""
    put_back(origin)
    return origin


def put_back(user: User) -> None:
    shutil.rmtree(user.home)
    shutil.copytree(user.home.parent / "before", user.home, symlinks=True)


def look_at(user: User) -> dict[str, tuple[str, str]]:
    tree = describe_tree(user.home)
    tree.pop("modules/.stackenv", None)
    return tree


def require_whole(user: User, before: dict[str, tuple[str, str]]) -> str:
    """Require the old or the new state and no leftovers; return the version of tiny-lib."""
    assert not list(user.home.glob("venvs/*/stackenv/before-*"))
    assert not list((user.modules / ".stackenv").glob("*"))
    assert list((user.home.parent / "tmp").iterdir()) == []
    record = json.loads((user.home / "venvs/it-1.0/stackenv/record.json").read_text())
    (version,) = (p["version"] for p in record["packages"] if p["name"] == "tiny-lib")
    if version == "1.0":
        assert look_at(user) == before
    assert f"tiny-lib/{version}" in (user.modules / "it/1.0.lua").read_text()
    used = user.run("module use ~/modules; module load it && tiny-lib && python -m pip check")
    assert used.stdout == f"{version}\nNo broken requirements found.\n", used.stderr
    return version


@pytest.fixture(scope="module")
def changes(origin: User) -> int:
    """Return how many changes pip makes in the environment while it installs."""
    told = origin.home.parent / "count"
    done = origin.stackenv(*WORDS, TEST_KILL_AT="0", TEST_COUNT=str(told))
    assert done.returncode == 0, done.stderr
    put_back(origin)
    return int(told.read_text())


@pytest.mark.any_value("point", of=3)
@pytest.mark.parametrize("point", range(1, POINTS + 1))
def test_the_changes_of_a_killed_pip_are_undone_at_once(user: User, changes: int, point: int) -> None:
    before = look_at(user)
    done = user.stackenv(*WORDS, TEST_KILL_AT=str(changes * point // POINTS))
    assert done.returncode == 10, done.stderr
    assert "it/1.0 was not changed" in done.stderr and "status -9" in done.stderr
    assert require_whole(user, before) == "1.0"


@pytest.mark.any_value("point", of=3)
@pytest.mark.parametrize("point", range(1, POINTS + 1))
def test_an_update_killed_with_its_pip_is_undone_by_the_next_command(
    user: User, changes: int, point: int
) -> None:
    before = look_at(user)
    killed = user.stackenv(*WORDS, TEST_KILL_AT=str(changes * point // POINTS), TEST_KILL_PARENT="1")
    assert killed.returncode == -9, killed.stderr
    assert look_at(user) != before
    listed = user.stackenv("list")
    assert "its changes to it/1.0 were undone" in listed.stderr
    assert require_whole(user, before) == "1.0"


@pytest.mark.parametrize("typed", ["rm -r {kept}", "touch {kept}/undo"])
def test_changes_made_by_the_user_since_are_not_undone(user: User, changes: int, typed: str) -> None:
    before = look_at(user)
    user.stackenv(*WORDS, TEST_KILL_AT=str(changes // 2), TEST_KILL_PARENT="1")
    (site,) = (user.home / "venvs/it-1.0").glob("lib/python3*/site-packages")
    (site / "six_like.py").write_text("A = 3\n")
    later_s = time.time() + 3600
    os.utime(site / "six_like.py", (later_s, later_s))
    (kept,) = (user.home / "venvs/it-1.0/stackenv").glob("before-update-*")
    as_left = describe_tree(site)
    for _ in range(2):
        listed = user.stackenv("list")
        assert (
            "was changed after the interrupted update" in listed.stderr
            and typed.format(kept=kept) in listed.stderr
        )
        assert describe_tree(site) == as_left
    assert "was interrupted" in user.stackenv(*WORDS).stderr
    assert user.run(typed.format(kept=kept)).returncode == 0
    user.stackenv("list")
    assert list((user.modules / ".stackenv").glob("*")) == []
    if typed.startswith("touch"):
        assert require_whole(user, before) == "1.0"
    else:
        assert describe_tree(site) == as_left


@pytest.fixture(scope="module")
def renames(origin: User) -> int:
    """Return how many renames the command itself makes."""
    trace = origin.home.parent / "trace"
    # The first run compiles what it imports, each file with a rename; those must not count.
    assert origin.stackenv(*WORDS).returncode == 0
    put_back(origin)
    done = origin.run(f"strace -qq -o {trace} -e trace=rename stackenv {' '.join(WORDS)}")
    assert done.returncode == 0, done.stderr
    put_back(origin)
    return trace.read_text().count("rename(")


@pytest.mark.any_value("before_the_end", of=3)
@pytest.mark.parametrize("before_the_end", range(MOST_RENAMES - 3, -1, -3))
def test_an_update_killed_at_a_rename_leaves_the_old_or_the_new_state(
    user: User, renames: int, before_the_end: int
) -> None:
    assert renames < MOST_RENAMES
    number = renames - before_the_end
    if number < 1:
        pytest.skip(f"there are {renames} renames only")
    before = look_at(user)
    inject = f"-e trace=rename -e inject=rename:signal=KILL:when={number}"
    killed = user.run(f"strace -qq -o {user.home.parent}/trace {inject} stackenv {' '.join(WORDS)}")
    assert killed.returncode in (-9, 137), killed.stderr
    listed = user.stackenv("list")
    assert listed.returncode == 0, listed.stderr
    # The next command finishes the update once the journal no longer holds the undo.
    assert require_whole(user, before) == ("2.0" if "were finished" in listed.stderr else "1.0")


@pytest.mark.any_value("number", of=2)
@pytest.mark.parametrize("number", range(1, 5))
def test_a_killed_undo_is_finished_by_the_next_command(user: User, changes: int, number: int) -> None:
    before = look_at(user)
    user.stackenv(*WORDS, TEST_KILL_AT=str(changes * 3 // 4), TEST_KILL_PARENT="1")
    inject = f"-e trace=rename,unlink,rmdir -e inject=rename,unlink,rmdir:signal=KILL:when={4 * number}"
    user.run(f"strace -qq -o {user.home.parent}/trace {inject} stackenv list")
    assert user.stackenv("list").returncode == 0
    assert require_whole(user, before) == "1.0"


@pytest.fixture
def small_disk(user: User) -> Iterator[Path]:
    """Return the folder of environments, on a small disk of its own that a test can fill."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("a small disk takes a mount, and that takes root")
    place = user.home / "venvs"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], check=False)
    if done.returncode:
        fail_or_skip("no mount here")
    try:
        shutil.copytree(user.home.parent / "before/venvs", place, symlinks=True, dirs_exist_ok=True)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("left_kb", [0, *(pytest.param(n, marks=pytest.mark.matrix) for n in (32, 96)), 160])
def test_an_update_on_a_full_disk_succeeds_or_changes_nothing(
    user: User, small_disk: Path, left_kb: int
) -> None:
    status = os.statvfs(small_disk)
    with (small_disk / "filling").open("wb") as stream:
        stream.write(bytes(status.f_bavail * status.f_frsize - left_kb * 1024))
    before = look_at(user)
    done = user.stackenv(*WORDS)
    assert done.returncode in (0, 10), done.stderr
    (small_disk / "filling").unlink()
    before.pop("venvs/filling")
    assert require_whole(user, before) == ("1.0" if done.returncode else "2.0"), done.stderr
    assert bool(done.returncode) == ("No space left" in done.stderr), done.stderr
