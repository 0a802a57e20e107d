"""Journals and records that others may write are not obeyed; changes by hand are kept or reported."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from answering import answer
from answers import read_result
from made_again import make_again
from stacked import Stack
from users import STACKENV, User, make_user

from stackenv.transactions.changes import RemoveFile, RemoveTree
from stackenv.transactions.journal_file import Note
from stackenv.transactions.process import Process, read_boot, read_pid_namespace

GROUP, MEMBER = 74001, 74012


@pytest.fixture
def project(user: User) -> Path:
    """Return the folder of a project that may be written by a group of other users."""
    if os.geteuid():
        pytest.skip("files of another user take root")
    root = user.home / "project"
    (root / "modules/.stackenv").mkdir(parents=True)
    for folder in (root, *root.rglob("*")):
        os.chown(folder, -1, GROUP)
        folder.chmod(0o2770)
    return root


@pytest.mark.parametrize("command", [["list"], ["info", "tool"], ["run", "tool", "true"], ["remove", "tool"]])
def test_a_journal_written_by_another_user_is_not_carried_out(
    user: User, project: Path, command: list[str]
) -> None:
    precious = user.home / "precious"
    (precious / "stackenv").mkdir(parents=True)
    for path in (precious / "file", precious / "stackenv/unfinished-1"):
        path.write_text("precious")
    gone = Process(os.uname().nodename, 1, "1", read_boot(), read_pid_namespace())
    tree = RemoveTree(str(precious), str(precious / "stackenv/unfinished-1"))
    changes = (RemoveFile(str(precious / "file")), tree)
    entry = Note("tool/1.0", "stackenv edit tool", gone, (), changes)
    journal = project / "modules/.stackenv/tool@1.0.json"
    journal.write_text(entry.text())
    os.chown(journal, MEMBER, GROUP)
    told = user.stackenv(command[0], "--shared", str(project), *command[1:])
    assert "Traceback" not in told.stderr, told.stderr
    assert f"belongs to user {MEMBER}" in told.stderr
    assert (precious / "file").read_text() == "precious" and journal.exists()
    # The same file is obeyed when it belongs to the user: only the owner made the difference.
    os.chown(journal, 0, 0)
    done = user.stackenv("list", "--shared", str(project))
    assert "were finished" in done.stderr and not precious.exists() and not journal.exists()


@pytest.fixture
def made(one_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with tool/1.0, whose packaging takes precedence over the stack's."""

    def make(folder: Path) -> User:
        user = make_user(folder, one_stack)
        arguments = ("tool", "packaging==24.2", "--allow-shadow", "packaging")
        done = user.stackenv("create", *arguments, load=[one_stack.bundle_module])
        assert done.returncode == 0, done.stderr
        return user

    return make_again(tmp_path_factory.getbasetemp() / "tool", make)


@pytest.fixture
def poisoned(made: User) -> Iterator[tuple[User, Path, Path]]:
    """Return the user, a record that leads to other modules of the same names, and a file they write."""
    record, mark = made.home / "venvs/tool-1.0/stackenv/record.json", made.home / "executed"
    data = json.loads(record.read_text())
    evil = made.home / "evil"
    for name in (*data["modules"], *data["stack"]):
        (evil / name).parent.mkdir(parents=True, exist_ok=True)
        (evil / f"{name}.lua").write_text(f'io.open("{mark}", "w"):close()\n')
    record.write_text(json.dumps({**data, "modulepath": str(evil)}))
    record.chmod(0o644)
    yield made, record, mark


@pytest.mark.parametrize("how", ["of a colleague", "written by the group"])
def test_info_loads_no_modules_from_a_record_that_others_may_write(
    poisoned: tuple[User, Path, Path], how: str
) -> None:
    user, record, mark = poisoned
    if how == "of a colleague":
        if os.geteuid():
            pytest.skip("files of another user take root")
        os.chown(record, MEMBER, -1)
    else:
        record.chmod(0o664)
    shown = user.stackenv("info", "tool", "--json")
    assert shown.returncode == 0 and not mark.exists(), shown.stderr
    (shadow,) = read_result(shown.stdout)["shadows"]
    assert (shadow["name"], shadow["module_version"]) == ("packaging", "")
    if os.geteuid() == 0:
        os.chown(record, 0, -1)
    record.chmod(0o644)
    # A record of the user's own is obeyed: these modules would have been loaded.
    assert user.stackenv("info", "tool").returncode == 0 and mark.exists()


def test_edit_loads_modules_only_from_the_users_own_modulepath(poisoned: tuple[User, Path, Path]) -> None:
    user, record, mark = poisoned
    done = user.stackenv("edit", "tool", "--forbid-shadow", "packaging")
    assert done.returncode == 0 and not mark.exists(), done.stderr
    assert str(user.home / "evil") not in json.loads(record.read_text())["modulepath"]
    data = json.loads(record.read_text())
    record.write_text(json.dumps({**data, "modules": ["/evil/module"], "allow_shadow": ["packaging"]}))
    refused = user.stackenv("edit", "tool", "--forbid-shadow", "packaging")
    assert refused.returncode == 1 and "only be loaded by its name in MODULEPATH" in refused.stderr


def change_by_hand(user: User) -> tuple[Path, str]:
    """Add a line to the modulefile of the user; return its path and its new text."""
    modulefile = user.modules / "tool/1.0.lua"
    modulefile.write_text(modulefile.read_text() + 'setenv("MINE", "yes")\n')
    return modulefile, modulefile.read_text()


def test_edit_and_rename_back_up_a_modulefile_changed_by_hand(made: User) -> None:
    modulefile, original = made.modules / "tool/1.0.lua", (made.modules / "tool/1.0.lua").read_text()
    for number, name in enumerate(("1.0.lua.orig", "1.0.lua.orig.2")):
        _, text = change_by_hand(made)
        done = made.stackenv("edit", "tool", "--description", f"number {number}")
        kept = modulefile.with_name(name)
        assert done.returncode == 0 and f"by hand, as {kept}" in done.stderr, done.stderr
        assert kept.read_text() == text and "MINE" not in modulefile.read_text() != original
    untouched = made.stackenv("edit", "tool", "--description", "again")
    assert "by hand" not in untouched.stderr
    _, text = change_by_hand(made)
    done = made.stackenv("rename", "tool", "other")
    assert done.returncode == 0, done.stderr
    assert (made.modules / "other/1.0.lua.orig").read_text() == text
    listed = made.run("module use ~/modules; module -t --redirect avail")
    assert "other/1.0\n" in listed.stdout and "orig" not in listed.stdout, listed.stdout + listed.stderr


def test_remove_backs_up_a_modulefile_changed_by_hand(made: User) -> None:
    modulefile, text = change_by_hand(made)
    asked = made.stackenv("remove", "tool", "--dry-run")
    assert f"by hand, as {modulefile}.orig" in asked.stdout, asked.stderr
    status, shown = answer([STACKENV, "remove", "tool"], made.environ, made.home, "y\n")
    assert status == 0, shown
    assert Path(f"{modulefile}.orig").read_text() == text and not modulefile.exists()


def test_remove_yes_deletes_a_modulefile_changed_by_hand_and_says_so(made: User) -> None:
    modulefile, _ = change_by_hand(made)
    done = made.stackenv("remove", "tool", "--yes")
    assert done.returncode == 0 and "delete the changes made by hand" in done.stderr, done.stderr
    assert not modulefile.parent.exists()


def test_an_environment_can_be_removed_on_a_full_disk(user: User) -> None:
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("a small disk takes a mount, and that takes root")
    user.modules.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(user.modules)], check=True)
    try:
        assert user.stackenv("create", "it", load=[user.stack.bundle_module]).returncode == 0
        ballast = (user.modules / "ballast").open("wb", buffering=0)
        with ballast as stream, pytest.raises(OSError, match="No space left"):
            while stream.write(b"x" * 512):
                pass
        done = user.stackenv("remove", "it", "--yes")
        assert done.returncode == 0 and "No space left" in done.stderr, done.stderr
        assert "removing without a journal" in done.stderr
        assert not (user.modules / "it").exists() and list((user.home / "venvs").iterdir()) == []
        assert list((user.modules / ".stackenv").iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(user.modules)], check=True)


@pytest.mark.parametrize("command", ["create", "adopt"])
def test_a_modulefile_created_by_another_program_meanwhile_is_kept(user: User, command: str) -> None:
    environment, modulefile = user.home / "venvs/it-1.0", user.modules / "it/1.0.lua"
    if command == "adopt":
        environment = user.home / "stats"
        (environment / "conda-meta").mkdir(parents=True)
        (environment / "conda-meta/history").touch()
    before = sorted(p.name for p in environment.rglob("*"))
    # Another program writes it as soon as the folder of stackenv's files exists, while the command runs.
    watch = f'until [ -d "{environment}/stackenv" ]; do sleep 0.01; done; mkdir -p "{modulefile.parent}"; '
    watch += f'echo "-- mine" > "{modulefile}"'
    with subprocess.Popen(["sh", "-c", watch]) as watcher:
        arguments = ("it", "packaging==24.2") if command == "create" else (str(environment), "it")
        extra = ("--allow-shadow", "packaging") if command == "create" else ()
        failed = user.stackenv(command, *arguments, *extra, load=[user.stack.bundle_module])
        watcher.wait(10)
    assert failed.returncode == 9 and "created by another program meanwhile" in failed.stderr, failed.stderr
    assert modulefile.read_text() == "-- mine\n"
    assert stat.S_ISREG(modulefile.lstat().st_mode)
    assert sorted(p.name for p in environment.rglob("*")) == before
