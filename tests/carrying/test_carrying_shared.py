"""A project's environment, started without modules by a colleague, a stranger and root; its record."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import read_result
from in_ci import fail_or_skip
from needy_stack import FIND, NeedleStack, describe_needle_stack, write_modules
from projects import GROUP, MEMBER, OWNER, STRANGER, Project, become_user, making_project
from stacked import open_stack

READ = f"{FIND}; import numpy, os; assert 'LD_LIBRARY_PATH' not in os.environ"


def make_readable_stack(folder: Path) -> NeedleStack:
    """Return a stack below `folder` that other users may read and whose package needs LD_LIBRARY_PATH."""
    below = open_stack("eb5-pythonpath")
    (folder / "needle").mkdir()
    write_modules(folder / "needle", below, "needy")
    return describe_needle_stack(folder / "needle", below, "needy")


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    """A project that everyone may read, with an environment that its owner has created."""
    with making_project(make_readable_stack) as project:
        load = f"module load {project.owner.stack.bundle_module}"
        done = project.as_owner(f"{load}; stackenv create --shared {project.root} tool")
        assert done.returncode == 0, done.stderr
        yield project


@pytest.fixture
def record(project: Project) -> Iterator[Path]:
    """The path of the environment's record, which is restored after the test."""
    path = project.root / "venvs/tool-1.0/stackenv/record.json"
    text, found = path.read_bytes(), path.stat()
    yield path
    path.unlink()
    path.write_bytes(text)
    os.chown(path, found.st_uid, found.st_gid)
    path.chmod(found.st_mode & 0o777)


def start(project: Project, number: int, group: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Start the environment's Python as the user `number`, with HOME and a minimal PATH."""
    python = project.root / "venvs/tool-1.0/bin/python"
    return subprocess.run(
        [*become_user(number, group), python, *(words or ("-c", READ))],
        env={"HOME": str(project.member.home), "PATH": "/usr/bin:/bin"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def open_to_all(project: Project) -> None:
    """Let strangers read the project, as if it contained software for the complete cluster."""
    subprocess.run(["chmod", "-R", "o+rX", project.root], check=True)


def test_owner_and_colleague_start_the_environment_without_modules(project: Project) -> None:
    assert (project.root / "venvs/tool-1.0/stackenv/record.json").stat().st_mode & 0o777 == 0o660
    for number in (OWNER, MEMBER):
        found = start(project, number, GROUP)
        assert (found.stdout, found.stderr) == ("10\n", "")


def test_a_stranger_and_root_start_a_readable_environment_without_modules(project: Project) -> None:
    open_to_all(project)
    found = start(project, STRANGER, STRANGER)
    assert (found.stdout, found.stderr) == ("10\n", "")
    found = start(project, 0, 0)
    assert (found.stdout, found.stderr) == ("10\n", "")


@pytest.mark.parametrize("who", ["owner", "member", "stranger", "root"])
def test_a_record_owned_by_a_stranger_is_refused_in_one_line(
    project: Project, record: Path, who: str
) -> None:
    open_to_all(project)
    os.chown(record, STRANGER + 1, GROUP)
    number, group = {
        "owner": (OWNER, GROUP),
        "member": (MEMBER, GROUP),
        "stranger": (STRANGER, STRANGER),
        "root": (0, 0),
    }[who]
    found = start(project, number, group, "-c", "import sys; print(len(sys.path))")
    assert found.returncode == 0 and found.stderr.count("\n") == 1
    assert f"its record, {record}, could have been written by another user" in found.stderr
    # A stranger can read the environment but not fix it, as a member can.
    asked = f"ask its owner ({OWNER}) to run: " if who == "stranger" else ""
    assert f"; hint: {asked}stackenv edit tool/1.0 --refresh" in found.stderr


@pytest.mark.parametrize("mode", [0o662, 0o666])
def test_a_world_writable_record_is_refused(project: Project, record: Path, mode: int) -> None:
    record.chmod(mode)
    found = start(project, MEMBER, GROUP, "-c", "")
    assert "could have been written by another user" in found.stderr


def test_a_record_writable_by_another_group_is_refused(project: Project, record: Path) -> None:
    os.chown(record, OWNER, STRANGER)
    record.chmod(0o664)
    assert "could have been written by another user" in start(project, MEMBER, GROUP, "-c", "").stderr
    record.chmod(0o644)
    assert start(project, MEMBER, GROUP).stdout == "10\n"


def test_a_link_a_folder_or_a_pipe_is_refused_as_the_record(project: Project, record: Path) -> None:
    text = record.read_bytes()
    elsewhere = project.root / "elsewhere.json"
    elsewhere.write_bytes(text)
    os.chown(elsewhere, OWNER, GROUP)
    for make in (lambda: record.symlink_to(elsewhere), record.mkdir, lambda: os.mkfifo(record)):
        record.unlink()
        make()
        if not record.is_symlink():
            os.chown(record, OWNER, GROUP)
        found = start(project, MEMBER, GROUP, "-c", "print(1)")
        assert found.stdout == "1\n" and found.stderr.count("\n") == 1
        assert "the environment tool/1.0 runs without its modules: " in found.stderr
        if record.is_dir() and not record.is_symlink():
            record.rmdir()
            record.write_text("")


def test_a_start_reads_the_old_or_the_new_record_while_it_is_replaced(project: Project, record: Path) -> None:
    text = record.read_bytes()
    other = json.loads(text)
    other["carried"] = None
    texts = [text, json.dumps(other).encode()]
    draft = record.with_name("draft")
    starts = [
        subprocess.Popen(
            [project.root / "venvs/tool-1.0/bin/python", "-c", READ],
            env={"PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(20)
    ]
    number = 0
    while any(process.poll() is None for process in starts):
        number += 1
        draft.write_bytes(texts[number % 2])
        os.chown(draft, OWNER, GROUP)
        draft.rename(record)
    for process in starts:
        out, err = process.communicate()
        carried = (out, err) == ("10\n", "")
        assert carried or ("needs" in err and "No module named 'needle'" in err), (out, err)
        assert "written by" not in err


def test_the_environment_starts_for_everyone_after_a_colleagues_refresh(project: Project) -> None:
    modulefile = Path(project.owner.stack.modulepath.split(":")[0], "Needle/1.0.lua")
    modulefile.write_text(f"{modulefile.read_text()}-- built again\n")
    assert "has changed; hint: stackenv edit tool/1.0 --refresh" in start(project, OWNER, GROUP).stderr
    done = project.as_member(f"umask 002; stackenv edit tool --refresh --shared {project.root}")
    assert done.returncode == 0, done.stderr
    assert (project.root / "venvs/tool-1.0/stackenv/record.json").stat().st_uid == MEMBER
    open_to_all(project)
    for number, group in ((OWNER, GROUP), (MEMBER, GROUP), (STRANGER, STRANGER), (0, 0)):
        found = start(project, number, group)
        assert (found.stdout, found.stderr) == ("10\n", "")


def test_a_record_writable_by_a_stranger_through_an_acl_is_refused(project: Project, record: Path) -> None:
    layers = next((project.root / "venvs/tool-1.0").glob("lib/python3*/site-packages/_stackenv_layers.py"))
    for path in (record, layers):
        path.chmod(0o640)
    done = subprocess.run(["setfacl", "-m", f"u:{STRANGER}:rw", record], capture_output=True, check=False)
    if done.returncode:
        fail_or_skip(f"there are no access lists here: {done.stderr!r}")
    assert "could have been written by another user" in start(project, MEMBER, GROUP, "-c", "").stderr


@pytest.mark.parametrize("owner", [MEMBER, STRANGER])
def test_check_reports_the_owner_of_a_refused_record_and_fixes_it(project: Project, owner: int) -> None:
    """As if a colleague or a stranger had replaced the record by a copy."""
    done = project.as_owner(f"stackenv edit tool --refresh --shared {project.root}")
    assert done.returncode == 0, done.stderr
    check = f"stackenv check tool --shared {project.root}"
    os.chown(project.root / "venvs/tool-1.0/stackenv/record.json", owner, GROUP)
    started = start(project, OWNER, GROUP)
    found = read_result(project.as_owner(f"{check} --json").stdout)
    carrying = [finding for finding in found if finding["rule"] == "carrying"]
    assert [finding["what"] for finding in carrying] == [f"the record belongs to {owner}"]
    assert "could have been written by another user" in started.stderr
    assert carrying[0]["hint"] == f"stackenv edit tool/1.0 --refresh --shared {project.root}"
    fixed = project.as_owner(f"{check} --fix --yes")
    assert f"stackenv edit tool/1.0 --refresh --shared {project.root}" in fixed.stderr + fixed.stdout
    again = read_result(project.as_owner(f"{check} --json").stdout)
    assert [finding for finding in again if finding["rule"] == "carrying"] == []
    for number in (OWNER, MEMBER):
        found_now = start(project, number, GROUP)
        assert (found_now.stdout, found_now.stderr) == ("10\n", "")
