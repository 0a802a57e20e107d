"""The next command undoes or finishes an interrupted change; no two commands change a module at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from journals import dead_owner, leave, recover

from stackenv import STACKENV_UUID
from stackenv.environments.marks import MARKS
from stackenv.errors import BusyError, StackenvError
from stackenv.transactions.changes import (
    ExchangeFolder,
    RemoveFile,
    RemoveTree,
    Together,
    WriteFile,
    WriteLink,
)
from stackenv.transactions.journal import Journal
from stackenv.transactions.journal_file import Note, describe_change, parse_change, parse_note
from stackenv.transactions.process import GONE_AFTER_S
from stackenv.transactions.transaction import Switch, Transaction, carry_out

CHANGE = "stackenv edit biopy"
# Creates or replaces an environment in the folder of its second argument. The third argument is the number of
# the step or change before which it is killed or, if negative, after which.
CHILD = """
import os, signal, sys
from pathlib import Path
from stackenv.transactions import changes, journal
from stackenv.transactions.changes import *
from stackenv.transactions.transaction import *
from stackenv import STACKENV_UUID

kind, folder, moment = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
count = 0

def kill_at(now):
    if now == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def counted(change, *more):
    global count
    count += 1
    kill_at(count)
    changes.carry_out_change(change, *more)
    kill_at(-count)

def step(number, act, *undo):
    def both():
        kill_at(number)
        act()
        kill_at(-number)
    return Step("step", both, undo)

environment, modulefile = folder / "env", folder / "modules/biopy/1.0.lua"
mark = environment / "stackenv/unfinished-1"
journal.carry_out_change = counted
held = journal.Journal(folder / "modules")
if kind == "plan":
    def make():
        mark.parent.mkdir(parents=True)
        mark.touch()
    def fill():
        for name in "abc":
            (environment / name).mkdir()
            (environment / name / "file").write_text(name)
    def switch():
        global count
        kill_at(3)
        count = 3
        return Switch((), (MakeFile(str(modulefile), f"-- {STACKENV_UUID} new\\n"), RemoveFile(str(mark))))
    made = (RemoveFolder(str(modulefile.parent)), RemoveTree(str(environment), str(mark)))
    steps = (step(1, make, *made), step(2, fill))
    carry_out(Transaction("biopy/1.0", switch, steps), held, "stackenv create biopy", print)
else:
    aside = folder / ".env.removing-1"
    parts = (
        RemoveFile(str(modulefile)),
        WriteFile(str(folder / "modules/written"), "new"),
        MovePath(str(environment), str(aside)),
        RemoveTree(str(aside), str(aside / "stackenv/unfinished-1")),
        RemoveFolder(str(modulefile.parent)),
    )
    change = Transaction.of("biopy/1.0", Switch((), parts, {str(modulefile): "old"}))
    carry_out(change, held, "stackenv remove biopy", print)
"""


def run_child(kind: str, folder: Path, moment: int) -> int:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, kind, str(folder), str(moment)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def others(tmp_path: Path) -> list[str]:
    """Make files of others, which must never be removed; return all names."""
    (tmp_path / "modules/theirs").mkdir(parents=True)
    (tmp_path / "modules/theirs/1.0.lua").write_text("-- theirs\n")
    (tmp_path / "modules/.stackenv").mkdir()
    return tree(tmp_path)


def make_environment(folder: Path) -> None:
    mark = folder / "env/stackenv/unfinished-1"
    mark.parent.mkdir(parents=True)
    mark.touch()
    (folder / "env/lib").mkdir()
    (folder / "env/lib/file").write_text("x")
    (folder / "modules/biopy").mkdir(parents=True)
    (folder / "modules/biopy/1.0.lua").write_text("old")


@pytest.mark.parametrize("moment", [1, -1, 2, -2, 3])
def test_a_plan_killed_during_its_steps_is_undone(tmp_path: Path, others: list[str], moment: int) -> None:
    assert run_child("plan", tmp_path, moment) == -signal.SIGKILL
    sentences = Journal(tmp_path / "modules", MARKS).recover()
    assert [s.rpartition(" ")[2] for s in sentences] == ["undone"]
    assert tree(tmp_path) == others


@pytest.mark.parametrize("moment", [4, -4, 5, -5])
def test_a_plan_killed_after_its_last_step_is_finished(
    tmp_path: Path, others: list[str], moment: int
) -> None:
    assert run_child("plan", tmp_path, moment) == -signal.SIGKILL
    (sentence,) = Journal(tmp_path / "modules", MARKS).recover()
    assert sentence.endswith("were finished") and not (tmp_path / "env/stackenv/unfinished-1").exists()
    assert " new\n" in (tmp_path / "modules/biopy/1.0.lua").read_text()
    assert (tmp_path / "env/c/file").read_text() == "c"


def test_a_completed_plan_leaves_nothing_to_recover(tmp_path: Path, others: list[str]) -> None:
    assert run_child("plan", tmp_path, 0) == 0
    before = tree(tmp_path)
    assert Journal(tmp_path / "modules", MARKS).recover() == []
    assert (tree(tmp_path), (tmp_path / "modules/.stackenv").is_dir()) == (before, True)


@pytest.mark.parametrize("moment", [1, -1, 2, -2, 3, -3, 4, -4, 5, -5])
def test_a_killed_replacement_is_finished(tmp_path: Path, others: list[str], moment: int) -> None:
    make_environment(tmp_path)
    assert run_child("replacement", tmp_path, moment) == -signal.SIGKILL
    sentences = Journal(tmp_path / "modules", MARKS).recover()
    assert [s.rpartition(" ")[2] for s in sentences] == ["finished"]
    assert tree(tmp_path) == sorted([*others, "modules/written"])


def test_a_completed_replacement_leaves_nothing_to_recover(tmp_path: Path, others: list[str]) -> None:
    make_environment(tmp_path)
    assert run_child("replacement", tmp_path, 0) == 0
    assert Journal(tmp_path / "modules", MARKS).recover() == []
    assert tree(tmp_path) == sorted([*others, "modules/written"])


def test_undoing_a_plan_keeps_a_folder_made_by_others(tmp_path: Path, others: list[str]) -> None:
    run_child("plan", tmp_path, 1)
    (tmp_path / "env").mkdir()
    (tmp_path / "env/precious").write_text("x")
    Journal(tmp_path / "modules", MARKS).recover()
    assert tree(tmp_path) == sorted([*others, "env", "env/precious"])


def test_a_removal_interrupted_between_its_files_is_continued(tmp_path: Path) -> None:
    make_environment(tmp_path)
    (tmp_path / "env/stackenv/unfinished-1").unlink()
    shutil.rmtree(tmp_path / "env/lib")
    journal = Journal(tmp_path / "modules")
    tree_change = RemoveTree(str(tmp_path / "env"), str(tmp_path / "env/stackenv/unfinished-1"))
    carry_out(Transaction.of("biopy/1.0", Switch((), (tree_change,))), journal, CHANGE, print)
    assert not (tmp_path / "env").exists()


def test_repeating_a_folder_exchange_does_not_swap_the_folders_back(tmp_path: Path) -> None:
    place, new, aside = (tmp_path / name for name in ("env", ".env.staged-1", ".env.removing-1"))
    for folder in (place, new):
        (folder / "stackenv").mkdir(parents=True)
        (folder / "stackenv/unfinished-1").write_text(folder.name)
    change = ExchangeFolder(str(place), str(new), str(aside))
    places = Journal(tmp_path / "modules", MARKS).places
    assert change.is_within(places)
    for _ in range(2):
        change.carry_out()
        assert (place / "stackenv/unfinished-1").read_text() == ".env.staged-1"
        shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    place.rename(new)
    # As if it was interrupted between its two renames.
    change.carry_out()
    assert (place / "stackenv/unfinished-1").read_text() == ".env.staged-1" and aside.exists()
    elsewhere = ExchangeFolder(str(tmp_path / "other/env"), str(new), str(aside))
    assert not elsewhere.is_within(places)


def test_a_link_replaces_only_a_file_that_stackenv_wrote(tmp_path: Path) -> None:
    environment, program = tmp_path / "env", tmp_path / "env/bin/python"
    (environment / "stackenv").mkdir(parents=True)
    (environment / "stackenv/unfinished-1").touch()
    program.parent.mkdir()
    change = WriteLink(str(program), "../base/python")
    places = Journal(tmp_path / "modules", MARKS).places
    program.write_text("#!/bin/sh\n")
    assert not change.is_within(places)
    program.write_text(f"#!/bin/bash -p\n# {STACKENV_UUID}\n")
    assert change.is_within(places)
    for _ in range(2):
        change.carry_out()
        assert str(program.readlink()) == "../base/python"
        assert [path.name for path in program.parent.iterdir()] == ["python"]
    # As when the environment no longer belongs to stackenv.
    shutil.rmtree(environment / "stackenv")
    assert change.is_within(places) and not WriteLink(str(program), "/other").is_within(places)


HOLD = """
import sys
from pathlib import Path
from stackenv.transactions.journal import Journal
with Journal(Path(sys.argv[1])).changing("biopy/1.0", "stackenv edit biopy") as journal:
    print(journal.said.process.host, journal.said.process.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Have another process change biopy/1.0; yield the process, its host and its process number."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=-1, stdout=-1, text=True
    ) as process:
        assert process.stdout
        host, pid = process.stdout.readline().split()
        yield process, host, pid
        if process.poll() is None:
            process.communicate("")


def entry_of(folder: Path) -> Path:
    (path,) = folder.glob(".stackenv/*.json")
    return path


def changes_of(folder: Path, subject: str = "biopy/1.0", *also: str, **seen: str | None) -> Transaction:
    known = {str(folder / name): text for name, text in seen.items()}
    return Transaction.of(subject, Switch((), (WriteFile(str(folder / "written"), "x"),), known), also)


def test_a_module_that_another_command_changes_is_busy(tmp_path: Path, holder: tuple) -> None:
    process, host, pid = holder
    journal = Journal(tmp_path)
    assert journal.recover() == []
    with pytest.raises(BusyError, match=f"by process {pid} on {host} ") as caught:
        carry_out(changes_of(tmp_path), journal, CHANGE, print)
    assert caught.value.status == 8
    with pytest.raises(BusyError):
        carry_out(changes_of(tmp_path, "other/1.0", "biopy/1.0"), journal, CHANGE, print)
    assert not (tmp_path / "written").exists()
    carry_out(changes_of(tmp_path, "other/1.0"), journal, CHANGE, print)
    process.communicate("")
    carry_out(changes_of(tmp_path), journal, CHANGE, print)
    assert list((tmp_path / ".stackenv").iterdir()) == []


def test_the_journal_of_a_killed_command_does_not_block_others(tmp_path: Path, holder: tuple) -> None:
    process, _, _ = holder
    process.kill()
    # The process is not waited for: a zombie counts as ended, too.
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    journal = Journal(tmp_path)
    assert journal.recover() == []
    carry_out(changes_of(tmp_path), journal, CHANGE, print)


def edit_entry(folder: Path, **values: object) -> Path:
    path = entry_of(folder)
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return path


def test_the_journal_of_an_ended_process_with_a_reused_pid_is_removed(tmp_path: Path, holder: tuple) -> None:
    path = edit_entry(tmp_path, start="1")
    Journal(tmp_path).recover()
    assert not path.exists()


@pytest.mark.parametrize(("age", "stays"), [(0, True), (GONE_AFTER_S - 60, True), (GONE_AFTER_S + 60, False)])
def test_a_journal_from_another_host_is_recovered_only_when_it_is_old(
    tmp_path: Path, holder: tuple, age: int, stays: bool
) -> None:
    change = {"change": "RemoveFile", "path": str(tmp_path / "begun")}
    (tmp_path / "begun").touch()
    path = edit_entry(tmp_path, host="elsewhere", undo=[change])
    os.utime(path, (time.time() - age, time.time() - age))
    Journal(tmp_path).recover()
    assert ((tmp_path / "begun").exists(), path.exists()) == (stays, stays)
    if stays:
        with pytest.raises(BusyError, match="on elsewhere"):
            carry_out(changes_of(tmp_path), Journal(tmp_path), CHANGE, print)


def test_a_failed_recovery_is_reported_once_and_blocks_further_changes(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    changes = (RemoveFile(str(tmp_path / "taken")),)
    journal = Journal(tmp_path)
    with pytest.raises(StackenvError, match="could not be changed"):
        carry_out(Transaction.of("biopy/1.0", Switch((), changes)), journal, CHANGE, print)
    edit_entry(tmp_path, start="1")
    (sentence,) = Journal(tmp_path).recover()
    assert "cannot be finished now" in sentence
    # The same process does not try twice; the next command does.
    assert Journal(tmp_path).recover() == []
    with pytest.raises(StackenvError, match="could not be undone or finished yet"):
        carry_out(changes_of(tmp_path), journal, CHANGE, print)


def test_a_file_changed_by_another_command_stops_the_transaction(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("now")
    for text in ("before", None):
        with pytest.raises(BusyError, match="was changed by another command"):
            carry_out(changes_of(tmp_path, "a/1", file=text), Journal(tmp_path), CHANGE, print)
    assert not (tmp_path / "written").exists()


def test_only_old_drafts_of_journals_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / ".stackenv"
    folder.mkdir()
    fresh, old = folder / ".a@1.json.host.1", folder / ".b@1.json.host.2"
    for path in (fresh, old):
        path.write_text("{")
    os.utime(old, (time.time() - 2 * GONE_AFTER_S,) * 2)
    assert Journal(tmp_path).recover() == []
    assert (fresh.exists(), old.exists()) == (True, False)


def test_grouped_changes_are_finished_completely_or_left_alone(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    many = Together(
        str(modules),
        (
            WriteFile(str(modules / "one"), "1", synced=False),
            RemoveFile(str(modules / "two")),
            Together(str(modules), (WriteFile(str(modules / "three"), "3"),)),
        ),
    )
    assert parse_change(describe_change(many)) == many
    (modules / "two").touch()
    leave(tmp_path, many)
    (sentence,) = recover(tmp_path)
    assert sentence.endswith("were finished")
    assert [path for path in tree(modules) if ".stackenv" not in path] == ["one", "three"]
    (tmp_path / "precious").touch()
    path = leave(tmp_path, Together(str(modules), (*many.changes, RemoveFile(str(tmp_path / "precious")))))
    (sentence,) = recover(tmp_path)
    assert "left alone" in sentence and (tmp_path / "precious").exists() and path.exists()


@pytest.mark.parametrize("changes", ['"x"', "[1]", '[{"change": "Together"}]', "null", '[["WriteFile"]]'])
def test_a_journal_with_an_invalid_list_of_changes_is_refused(tmp_path: Path, changes: str) -> None:
    described = f'{{"change": "Together", "path": "{tmp_path}", "changes": {changes}}}'
    text = Note("tool/1.0", "stackenv edit", dead_owner()).text()
    assert parse_note(text).finish == ()
    with pytest.raises(ValueError, match="not a journal"):
        parse_note(text.replace('"finish": []', f'"finish": [{described}]'))
