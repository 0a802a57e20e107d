"""`--shared DIR`: modules and environments of a project, for the members of its group."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import GROUP, INIT_AND, MEMBER, OWNER, Project, making_project, shell_quote
from stacked import open_stack
from terminals import read_table

from stackenv.transactions.process import Process


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    """A project folder that its group may write, and two of its users."""
    with making_project(lambda folder: open_stack("eb5-pythonpath")) as project:
        yield project


@pytest.fixture(scope="module")
def made(project: Project) -> Project:
    """The project, in which its owner has created an environment under a umask of 077."""
    bundle = project.owner.stack.bundle_module
    done = project.as_owner(
        f"module load {bundle}; stackenv create --shared {project.root} tool packaging==24.2 --allow-shadow "
        "packaging"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"ml use {project.root}/modules; ml tool\n"
    return project


def test_all_files_are_readable_and_writable_by_the_group(made: Project) -> None:
    for path in (*(made.root / "modules").rglob("*"), *(made.root / "venvs").rglob("*")):
        found = path.lstat()
        assert found.st_gid == GROUP, path
        if path.is_symlink():
            continue
        wanted = 0o070 if path.is_dir() else 0o060
        assert found.st_mode & wanted == wanted, (path, stat.filemode(found.st_mode))
        # pip gives the programs that it writes modes of its own, also for other users.
        if path.is_dir():
            assert found.st_mode & (stat.S_ISGID | 0o007) == stat.S_ISGID, path


def test_a_group_member_can_load_import_and_list(made: Project) -> None:
    used = made.as_member(
        f"ml use {made.root}/modules; ml tool && python -c 'import packaging as p, numpy; print(p.__file__)'"
    )
    assert used.stdout.startswith(f"{made.root}/venvs/tool-1.0/lib/"), used.stderr
    listed = made.as_member(f"stackenv list --shared {made.root}")
    assert listed.returncode == 0 and read_table(listed.stdout)[0][:2] == ["tool/1.0", "venv"], listed.stderr


def test_a_group_member_can_create_an_environment_that_others_can_use(made: Project) -> None:
    load = f"module load {made.member.stack.bundle_module}"
    done = made.as_member(f"{load}; stackenv create --shared {made.root} tool --version 2.0")
    assert done.returncode == 0, done.stderr
    used = made.as_owner(
        f"ml use {made.root}/modules; ml tool/2.0 && python -c 'import numpy, sys; print(sys.prefix)'"
    )
    assert used.stdout.strip() == f"{made.root}/venvs/tool-2.0", used.stderr


def test_a_name_taken_by_one_user_is_refused_for_others(made: Project) -> None:
    load = f"module load {made.member.stack.bundle_module}"
    refused = made.as_member(f"{load}; stackenv create --shared {made.root} tool")
    assert refused.returncode == 9 and "already exists" in refused.stderr, refused.stderr


def test_a_user_of_another_group_is_refused_without_a_traceback(made: Project) -> None:
    for command in ("create --shared {} other", "list --shared {}"):
        refused = made.as_stranger(
            f"module load {made.member.stack.bundle_module}; stackenv {command.format(made.root)}"
        )
        assert "Traceback" not in refused.stderr, refused.stderr
        assert refused.returncode != 0 and str(made.root) in refused.stderr, refused.stderr


def test_a_member_without_write_permission_is_refused_and_nothing_is_created(project: Project) -> None:
    closed = project.root.parent / "closed"
    closed.mkdir()
    os.chown(closed, OWNER, GROUP)
    closed.chmod(0o2750)
    load = f"module load {project.member.stack.bundle_module}"
    refused = project.as_member(f"{load}; stackenv create --shared {closed} tool")
    assert refused.returncode == 1 and f"{closed}/modules, is not writable" in refused.stderr, refused.stderr
    assert list(closed.iterdir()) == []
    done = project.as_owner(f"{load}; stackenv create --shared {closed} tool")
    assert done.returncode == 0, done.stderr
    for path in (closed / "modules/tool/1.0.lua", closed / "venvs/tool-1.0/pyvenv.cfg"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o640 and path.stat().st_gid == GROUP
    refused = project.as_member(f"{load}; stackenv create --shared {closed} second")
    assert refused.returncode == 1 and "is not writable" in refused.stderr, refused.stderr
    used = project.as_member(f"ml use {closed}/modules; ml tool && python -c 'import numpy'")
    assert used.returncode == 0, used.stderr
    assert read_table(project.as_member(f"stackenv list --shared {closed}").stdout)[0][0] == "tool/1.0"


def test_a_missing_folder_is_refused_with_the_commands_to_create_it(project: Project) -> None:
    refused = project.as_member(f"stackenv create --shared {project.root}/missing tool")
    assert refused.returncode == 2 and "chmod g+rwxs" in refused.stderr, refused.stderr
    assert not (project.root / "missing").exists()


def write_journal(project: Project, pid: int, start: str, environment: Path) -> Path:
    """Write the journal of an unfinished command of the owner, readable and writable by the group."""
    path = project.root / "modules/.stackenv/half@1.0.json"
    entry = {
        "subject": "half/1.0",
        "command": "stackenv create half",
        "host": os.uname().nodename,
        "pid": pid,
        "start": start,
        "boot": Process.current().boot,
        "pid_namespace": Process.current().pid_namespace,
        "finish": [],
        "undo": [
            {
                "change": "RemoveTree",
                "path": str(environment),
                "mark": f"{environment}/stackenv/unfinished-1",
            }
        ],
    }
    path.write_text(json.dumps(entry))
    os.chown(path, OWNER, GROUP)
    path.chmod(0o660)
    return path


def test_a_killed_commands_changes_are_undone_only_by_the_same_user(made: Project) -> None:
    done = made.as_owner(
        f"umask 007; cd {made.root}/venvs; mkdir -p half-1.0/stackenv half-1.0/lib/deep; "
        "touch half-1.0/stackenv/unfinished-1 half-1.0/lib/deep/file; echo $$"
    )
    journal = write_journal(made, int(done.stdout), "1", made.root / "venvs/half-1.0")
    listed = made.as_member(f"stackenv list --shared {made.root}")
    assert "belongs to" in listed.stderr, listed.stderr
    assert (made.root / "venvs/half-1.0").exists() and journal.exists()
    journal.chmod(0o640)
    listed = made.as_owner(f"stackenv list --shared {made.root}")
    assert "its changes to half/1.0 were undone" in listed.stderr, listed.stderr
    assert not (made.root / "venvs/half-1.0").exists() and not journal.exists()


@pytest.mark.parametrize("hidden", [False, True])
def test_a_running_command_of_another_user_reserves_its_name(made: Project, hidden: bool) -> None:
    sleeper = subprocess.Popen(
        ["setpriv", "--reuid", str(OWNER), "--clear-groups", "--regid", str(GROUP), "sleep", "300"]
    )
    try:
        start = Path(f"/proc/{sleeper.pid}/stat").read_text().rpartition(")")[2].split()[19]
        journal = write_journal(made, sleeper.pid, start, made.root / "venvs/half-1.0")
        # Many clusters mount /proc so: the processes of other users are hidden.
        hide = "mount -o remount,hidepid=2 /proc && " if hidden else ""
        script = (
            f"{hide}true && setpriv --reuid {MEMBER} --regid {MEMBER} --groups {GROUP} --bounding-set=-all "
        )
        load = f"{INIT_AND} module load {made.member.stack.bundle_module}; "
        command = f"{load} stackenv create --shared {made.root} half"
        inner = f"mount -t proc proc /proc && {script} bash --norc -c {shell_quote(command)}"
        refused = made.member.run(f"unshare -m bash -c {shell_quote(inner)}")
        assert refused.returncode == 8, refused.stderr
        assert f"process {sleeper.pid}" in refused.stderr
        assert journal.exists()
        journal.unlink()
    finally:
        sleeper.kill()
        sleeper.wait()


def test_files_installed_by_uv_belong_to_the_group_and_are_not_hard_linked(project: Project) -> None:
    """Hard links would also give the files of the user's cache to the group."""
    load = f"module load {project.owner.stack.bundle_module}"
    made = project.as_owner(f"{load}; stackenv create --shared {project.root} fast biopython --uv")
    assert made.returncode == 0, made.stderr
    files = [p for p in (project.root / "venvs/fast-1.0/lib").rglob("*") if p.is_file()]
    assert {(f.stat().st_nlink, f.stat().st_gid) for f in files if not f.is_symlink()} == {(1, GROUP)}
    used = project.as_member(
        f"ml use {project.root}/modules; ml fast && python -c 'import Bio; print(Bio.__file__)'"
    )
    assert used.stdout.startswith(f"{project.root}/venvs/fast-1.0/lib/"), used.stderr
