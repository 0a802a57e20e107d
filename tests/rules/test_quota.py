"""File systems that are full, in bytes or in files (small ones, filled), and limits printed by a command."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checking import find, find_one
from in_ci import fail_or_skip
from people import Person

RULE = "quota"


@pytest.fixture
def mount(person: Person) -> Iterator[Callable[[str], Path]]:
    """Return a function that mounts a file system, best a small one, over the home."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("a full disk takes a mount, and that takes root")
    mounted = []

    def mount_over_home(options: str) -> Path:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(person.home)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            fail_or_skip(f"no file system can be mounted here: {done.stderr}")
        mounted.append(person.home)
        return person.home

    yield mount_over_home
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path, size_bytes: int) -> None:
    """Write files of this size into `folder` until no more can be written."""
    with pytest.raises(OSError) as raised:
        for number in range(100_000):
            with (folder / f"{number}").open("wb", buffering=0) as stream:
                left = size_bytes
                while left:
                    left -= stream.write(b"x" * left)
    assert raised.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("options", "size_bytes", "unit"),
    [("size=4m", 4096, "bytes of"), ("size=64m,nr_inodes=400", 0, "files of")],
)
def test_a_full_home_is_reported(
    person: Person, mount: Callable[[str], Path], options: str, size_bytes: int, unit: str
) -> None:
    home = mount(options)
    assert person.stackenv("check").stdout == "no problems found: 0 environments and your account\n"
    fill(home, size_bytes)
    found = find_one(person, RULE)
    assert (found["level"], found["where"], found["fix_steps"]) == ("broken", str(home), [])
    assert "is full: 0 " in found["what"]
    assert unit in found["what"]
    assert ": stackenv usage; " in found["hint"]
    before = person.tree()
    person.stackenv("check", "--fix", "--yes", status=1)
    assert person.tree() == before
    # The commands of the hint: both work on a full disk.
    person.stackenv("usage")
    person.stackenv("clean", "--dry-run")
    for number in range(20):
        (home / f"{number}").unlink()
    assert [f["level"] for f in find(person, RULE)] == ["warning"]
    for path in home.glob("*0"):
        path.unlink()
    assert find(person, RULE) == []


@pytest.mark.parametrize(("variable", "below"), [("CONDA_PKGS_DIRS", "pkgs/below"), ("TORCH_HOME", "")])
def test_a_full_cache_is_reported(
    person: Person, mount: Callable[[str], Path], tmp_path: Path, variable: str, below: str
) -> None:
    home = mount("size=4m")
    fill(home, 1 << 16)
    other = tmp_path / "other"
    other.mkdir()
    found = find(person, RULE, HOME=str(other), **{variable: str(home / below)})
    assert str(home) in [f["where"] for f in found]
    assert str(home) not in [f["where"] for f in find(person, RULE, HOME=str(other))]


@pytest.mark.parametrize(
    ("printed", "levels"),
    [
        ("5 1000000000000 10 1000000", []),
        ("1000000000000 1000000000000 10 1000000", ["broken"]),
        ("5 - 999999 1000000", ["broken"]),
        ("999000000000 1000000000000 960000 1000000", ["warning", "warning"]),
        ("nonsense", ["unchecked"]),
    ],
)
def test_limits_from_the_sites_command_are_reported(
    person: Person, tmp_path: Path, printed: str, levels: list[str]
) -> None:
    command = tmp_path / "quota-of"
    command.write_text(f"#!/bin/sh\necho {printed}\n")
    command.chmod(0o755)
    configuration = tmp_path / "limited.yaml"
    configuration.write_text(f'version: 1\nlimits:\n  - {{path: "${{HOME}}", command: ["{command}"]}}\n')
    found = find(person, RULE, STACKENV_SITE_CONFIG=str(configuration))
    found = [f for f in found if "file system of" not in f["what"]]
    assert [f["level"] for f in found] == levels
    assert all(f["where"] == str(person.home) for f in found)


def test_a_full_read_only_file_system_is_not_reported(person: Person, mount: Callable[[str], Path]) -> None:
    home = mount("size=4m")
    other = home.parent / "other"
    other.mkdir()
    fill(home, 1 << 16)
    remount = ["mount", "-o", "remount,ro", str(home)]
    subprocess.run(remount, check=True)
    changes = {"HOME": str(other), "CONDA_ENVS_PATH": str(home / "envs")}
    assert str(home) not in [f["where"] for f in find(person, RULE, **changes)]
