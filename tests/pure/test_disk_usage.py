"""Disk usage: compared with `du`, with hard links, in several processes, while files disappear."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from in_ci import fail_or_skip

from stackenv.disk import scan as disk_scan
from stackenv.disk.usage import TreeUsage, measure_trees

DAY_S = 86_400


def du(*roots: Path) -> tuple[int, int]:
    """Return the total bytes and inodes of `roots`, as one call of du counts them."""
    totals = []
    for option in ("-B1", "--inodes"):
        done = subprocess.run(["du", "-sc", option, *roots], capture_output=True, text=True, check=True)
        totals.append(int(done.stdout.splitlines()[-1].split()[0]))
    return totals[0], totals[1]


def add_up(usage: Mapping[str, TreeUsage]) -> tuple[int, int]:
    return sum(u.counted_bytes for u in usage.values()), sum(u.counted_inodes for u in usage.values())


def fill(folder: Path, files: int, size: int = 5000) -> list[Path]:
    """Make `files` files in `folder`; return them."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / f"file{number}" for number in range(files)]
    for path in made:
        path.write_bytes(b"x" * size)
    return made


@pytest.fixture
def trees(tmp_path: Path) -> dict[str, Path]:
    """Return a package cache, two environments that link to it, and one tree inside another.

    The first environment links to eight of the ten files of the cache, the second to five of these. Two files
    have a link outside all trees.
    """
    cached = fill(tmp_path / "pkgs/tool-1.0/lib", 10)
    for name, linked in (("one", cached[:8]), ("two", cached[:5])):
        folder = tmp_path / f"envs/{name}/lib"
        fill(folder / "own", 3)
        for path in linked:
            os.link(path, folder / path.name)
    fill(tmp_path / "local/share/jupyter", 4)
    fill(tmp_path / "local/lib", 2)
    (tmp_path / "envs/one/link").symlink_to(tmp_path / "pkgs")
    with (tmp_path / "envs/two/sparse").open("wb") as stream:
        stream.truncate(50_000_000)
    (tmp_path / "elsewhere").mkdir()
    for path in (tmp_path / "envs/two/lib/own/file0", cached[9]):
        os.link(path, tmp_path / f"elsewhere/{path.parent.name}")
    return {
        "pkgs": tmp_path / "pkgs",
        "one": tmp_path / "envs/one",
        "two": tmp_path / "envs/two",
        "local": tmp_path / "local",
        "jupyter": tmp_path / "local/share/jupyter",
    }


def test_the_sum_of_all_trees_is_the_total_of_du(trees: dict[str, Path]) -> None:
    assert add_up(measure_trees(trees)) == du(*trees.values())


def test_worker_processes_count_the_same_as_a_single_process(
    trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        fill(trees["two"] / f"lib/package{number}/core", 3)
    alone = measure_trees(trees)
    monkeypatch.setattr(disk_scan, "ALONE_ENTRIES", 20)
    monkeypatch.setattr(disk_scan, "count_idle_processors", lambda: 3)
    assert measure_trees(trees) == alone
    assert add_up(alone) == du(*trees.values())


def list_children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_killed_worker_processes_do_not_change_the_result(
    trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        fill(trees["two"] / f"lib/package{number}/core", 3)
    alone = measure_trees(trees)
    monkeypatch.setattr(disk_scan, "ALONE_ENTRIES", 20)
    monkeypatch.setattr(disk_scan, "count_idle_processors", lambda: 3)
    killed: list[str] = []
    # Session fixtures, such as the one for Slurm, may have processes here too.
    others = list_children()

    def kill_all(_: int) -> None:
        children = list_children() - others
        if children and not killed:
            killed.extend(children)
            for child in children:
                os.kill(int(child), signal.SIGKILL)

    assert measure_trees(trees, on_progress=kill_all) == alone
    assert killed


def test_shared_counts_links_to_other_trees_and_held_counts_links_elsewhere(trees: dict[str, Path]) -> None:
    usage = measure_trees(trees)
    size = trees["pkgs"].joinpath("tool-1.0/lib/file0").stat().st_blocks * 512
    shared = {name: (usage[name].shared_bytes // size, usage[name].shared_inodes) for name in trees}
    assert shared == {"pkgs": (8, 8), "one": (8, 8), "two": (5, 5), "local": (0, 0), "jupyter": (0, 0)}
    held = {name: (usage[name].held_bytes // size, usage[name].held_inodes) for name in trees}
    assert held == {"pkgs": (1, 1), "one": (0, 0), "two": (1, 1), "local": (0, 0), "jupyter": (0, 0)}


@pytest.mark.parametrize("name", ["pkgs", "one", "two", "jupyter"])
def test_freed_counts_what_a_deletion_really_frees(trees: dict[str, Path], tmp_path: Path, name: str) -> None:
    freed = measure_trees(trees)[name]
    before = du(tmp_path)
    shutil.rmtree(trees[name])
    after = du(tmp_path)
    # The folder that contained the tree may become smaller by itself.
    assert before[1] - after[1] == freed.freed_inodes
    assert before[0] - after[0] == freed.freed_bytes


def test_a_nested_tree_is_not_counted_in_the_outer_tree(trees: dict[str, Path]) -> None:
    usage = measure_trees(trees)
    assert (usage["local"].all_inodes, usage["jupyter"].all_inodes) == (5, 5)


def test_a_folder_given_by_two_paths_is_counted_for_the_first(trees: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(trees["one"])
    usage = measure_trees({"link": tmp_path / "way", "folder": trees["one"]})
    assert usage["link"] == measure_trees({"folder": trees["one"]})["folder"]
    assert usage["folder"].all_inodes == 0


def test_a_root_may_be_a_file_or_missing(tmp_path: Path) -> None:
    (image,) = fill(tmp_path, 1)
    usage = measure_trees({"image": image, "gone": tmp_path / "gone"})
    assert usage["image"].all_bytes == image.stat().st_blocks * 512
    assert usage["image"].all_inodes == 1
    assert usage["gone"] == TreeUsage()


def test_folders_deleted_during_the_scan_are_not_reported_as_unreadable(tmp_path: Path) -> None:
    for number in range(50):
        fill(tmp_path / f"tree/package{number}/core", 3)

    def delete(_: int) -> None:
        shutil.rmtree(tmp_path / "tree/package7", ignore_errors=True)
        shutil.rmtree(tmp_path / "tree/package49", ignore_errors=True)

    (usage,) = measure_trees({"tree": tmp_path / "tree"}, on_progress=delete).values()
    assert usage.unreadable == 0
    # The two deleted folders themselves had been seen.
    assert usage.all_inodes == du(tmp_path / "tree")[1] + 2


def test_the_last_use_ignores_hard_linked_files_and_the_stackenv_folder(tmp_path: Path) -> None:
    kept, linked = fill(tmp_path / "tree/lib", 2)
    listed = fill(tmp_path / "tree/stackenv", 1)[0]
    os.link(linked, tmp_path / "linked")
    now = time.time()
    # With relatime, only the first read after a change sets the access time.
    os.utime(kept, (now - 9 * DAY_S, now - 20 * DAY_S))
    (usage,) = measure_trees({"tree": tmp_path / "tree"}).values()
    assert usage.last_use == pytest.approx(now - 9 * DAY_S, abs=1)
    for path in (linked, listed):
        path.read_bytes()
    (usage,) = measure_trees({"tree": tmp_path / "tree"}).values()
    assert usage.last_use == pytest.approx(now - 9 * DAY_S, abs=1)


def test_reading_a_file_counts_as_use_and_measuring_does_not(tmp_path: Path) -> None:
    (path,) = fill(tmp_path / "tree/lib", 1)
    now = time.time()
    os.utime(path, (now - 9 * DAY_S, now - 20 * DAY_S))
    os.utime(path.parent, (now - 9 * DAY_S, now - 9 * DAY_S))
    measure_trees({"tree": tmp_path / "tree"})
    assert path.parent.stat().st_atime == pytest.approx(now - 9 * DAY_S, abs=1)
    path.read_bytes()
    (usage,) = measure_trees({"tree": tmp_path / "tree"}).values()
    assert usage.last_use == pytest.approx(now, abs=60)


MOUNTED = """
import sys
from pathlib import Path
from stackenv.disk.usage import measure_trees
for path in map(Path, sys.argv[1:]):
    print(measure_trees({"tree": path})["tree"])
"""


def test_other_file_systems_are_left_out_and_noatime_gives_no_last_use(tmp_path: Path) -> None:
    fill(tmp_path / "tree/mounted", 0)
    kept = fill(tmp_path / "tree", 1)[0]
    script = (
        f'mount -t tmpfs -o noatime none "{tmp_path}/tree/mounted" || exit 77\n'
        f'echo text > "{tmp_path}/tree/mounted/inside"\n'
        f'exec "{sys.executable}" -c "$1" "{tmp_path}/tree" "{tmp_path}/tree/mounted"\n'
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", MOUNTED], capture_output=True, text=True, check=False
    )
    if done.returncode in (1, 77) and "Traceback" not in done.stderr:
        fail_or_skip(f"no file system can be mounted here: {done.stderr}")
    outer, mounted = done.stdout.splitlines()
    assert "own_inodes=2," in outer
    assert f"last_use={kept.stat().st_atime}," in outer
    assert "own_inodes=2," in mounted
    assert "last_use=None" in mounted
