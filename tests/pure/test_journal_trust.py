"""A journal is carried out only if it is valid, belongs to the user, and stays within its places."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from in_ci import fail_or_skip
from journals import MEMBER, age, leave, recover, require_root

from stackenv.errors import BusyError, StackenvError
from stackenv.transactions.changes import Change, MovePath, RemoveFile, RemoveTree, WriteFile, WriteLink
from stackenv.transactions.journal import Journal
from stackenv.transactions.journal_file import parse_note
from stackenv.transactions.transaction import Switch, Transaction, carry_out

NOTHING = Transaction.of("tool/1.0", Switch((), ()))


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """Make a file that no journal may change."""
    path = tmp_path / "precious/file"
    path.parent.mkdir()
    path.write_text("precious")
    return path


def test_the_users_own_journal_is_carried_out_in_the_modules_folder(tmp_path: Path) -> None:
    inside = tmp_path / "modules/tool/1.0.lua"
    journal = leave(tmp_path, WriteFile(str(inside), "new"))
    (sentence,) = recover(tmp_path)
    assert sentence.endswith("were finished") and inside.read_text() == "new" and not journal.exists()


@pytest.mark.parametrize(
    "make",
    [
        lambda p: RemoveFile(str(p)),
        lambda p: WriteFile(str(p), "evil"),
        lambda p: WriteLink(str(p), "/evil"),
        lambda p: RemoveTree(str(p.parent), str(p)),
        lambda p: RemoveTree(str(p.parent.parent), str(p)),
        lambda p: MovePath(str(p.parent), str(p.parent.with_name("moved"))),
        lambda p: MovePath(str(p.parent), str(p.parent.with_name(".precious.removing-1"))),
    ],
)
def test_a_journal_with_a_change_elsewhere_is_not_carried_out(
    tmp_path: Path, precious: Path, make: Callable[[Path], Change]
) -> None:
    inside = tmp_path / "modules/tool/1.0.lua"
    journal = leave(tmp_path, WriteFile(str(inside), "new"), make(precious))
    (sentence,) = recover(tmp_path)
    assert str(precious.parent) in sentence or str(tmp_path) in sentence
    assert f"rm {journal}" in sentence
    assert (precious.read_text(), journal.exists(), inside.exists()) == ("precious", True, False)


def test_a_file_elsewhere_is_removed_only_if_its_hash_matches_the_journal(
    tmp_path: Path, precious: Path
) -> None:
    for text, stays in (("another", True), ("precious", False)):
        journal = leave(tmp_path, RemoveFile(str(precious), hashlib.sha256(text.encode()).hexdigest()))
        (sentence,) = recover(tmp_path)
        assert sentence.endswith("were finished") and not journal.exists()
        assert precious.exists() == stays


def test_a_module_folder_that_became_a_link_is_not_followed(tmp_path: Path, precious: Path) -> None:
    journal = leave(tmp_path, RemoveFile(str(tmp_path / "modules/tool/file")))
    (tmp_path / "modules/tool").symlink_to(precious.parent)
    recover(tmp_path)
    assert precious.exists() and journal.exists()


def test_a_journal_may_change_an_environment_that_has_its_mark(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    (environment / "stackenv").mkdir(parents=True)
    (environment / "stackenv/unfinished-1").touch()
    written = environment / "bin/activate.csh"
    leave(tmp_path, WriteFile(str(written), "x"))
    recover(tmp_path)
    assert written.read_text() == "x"
    tree = RemoveTree(str(environment), str(environment / "stackenv/unfinished-1"))
    leave(tmp_path, RemoveFile(str(written)), tree)
    recover(tmp_path)
    assert not environment.exists()


def test_a_journal_that_others_can_write_is_left_alone(tmp_path: Path) -> None:
    inside = tmp_path / "modules/tool/1.0.lua"
    journal = leave(tmp_path, WriteFile(str(inside), "new"))
    journal.chmod(0o664)
    (sentence,) = recover(tmp_path)
    assert f"chmod go-w {journal}" in sentence and journal.exists() and not inside.exists()
    with pytest.raises(StackenvError, match="others may write to it"):
        carry_out(NOTHING, Journal(tmp_path / "modules"), "c", print)


@pytest.mark.parametrize("umask", [0o002, 0o000])
def test_a_new_journal_is_writable_only_for_its_owner(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with Journal(tmp_path).changing("tool/1.0", "stackenv edit tool") as journal:
            journal.note((RemoveFile(str(tmp_path / "x")),))
            assert journal.path.stat().st_mode & 0o777 == 0o644
            journal.note(())
    finally:
        os.umask(before)


def test_a_journal_or_journal_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "modules/tool/1.0.lua"
    journal = leave(tmp_path, WriteFile(str(inside), "new"))
    elsewhere = tmp_path / "elsewhere.json"
    journal.rename(elsewhere)
    journal.symlink_to(elsewhere)
    recover(tmp_path)
    assert not inside.exists() and journal.is_symlink()
    journal.unlink()
    folder = journal.parent
    folder.rmdir()
    real = tmp_path / "real"
    real.mkdir()
    elsewhere.rename(real / journal.name)
    folder.symlink_to(real)
    (sentence,) = recover(tmp_path)
    assert "is a link" in sentence and not inside.exists()
    with pytest.raises(StackenvError, match="is a link"):
        carry_out(NOTHING, Journal(tmp_path / "modules"), "c", print)
    assert [path.name for path in real.iterdir()] == [journal.name]


WRONG = [
    {"pid": "1"},
    {"pid": True},
    {"pid": 2**70},
    {"pid": -1},
    {"host": 1},
    {"start": 1},
    {"boot": []},
    {"command": None},
    {"subject": ["a"]},
    {"undo": 0},
    {"undo": [{"change": "RemoveFile", "path": "relative"}]},
    {"finish": {}},
    {"finish": "x"},
    {"finish": [1]},
    {"finish": [{"change": []}]},
    {"finish": [{"change": "RemoveFile"}]},
    {"finish": [{"change": "RemoveFile", "path": 1}]},
    {"finish": [{"change": "RemoveFile", "path": "relative"}]},
    {"finish": [{"change": "RemoveFile", "path": "/a/../b"}]},
    {"finish": [{"change": "RemoveFile", "path": "/a\0b"}]},
    {"finish": [{"change": "WriteFile", "path": "/a", "text": 1}]},
    {"finish": [{"change": "WriteFile", "path": "/a", "text": "", "executable": "yes"}]},
    {"stackenv": "another"},
]


@pytest.mark.parametrize("values", WRONG, ids=str)
def test_a_journal_with_an_invalid_field_is_refused(tmp_path: Path, values: dict[str, object]) -> None:
    path = leave(tmp_path)
    text = json.dumps({**json.loads(path.read_text()), **values})
    assert parse_note(path.read_text()).subject == "tool/1.0"
    with pytest.raises(ValueError):
        parse_note(text)
    path.write_text(text)
    assert recover(tmp_path) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "[" * 100_000, "\xff"])
def test_an_invalid_journal_is_reported_and_set_aside_once_it_is_old(tmp_path: Path, text: str) -> None:
    path = leave(tmp_path)
    path.write_bytes(text.encode("latin-1"))
    assert recover(tmp_path) == []
    journal = Journal(tmp_path / "modules")
    with pytest.raises(StackenvError, match="is not a valid journal") as caught:
        carry_out(NOTHING, journal, "stackenv edit tool", print)
    assert str(path) in caught.value.message and not isinstance(caught.value, BusyError)
    assert str(os.getpid()) not in caught.value.message.replace(str(path), "")
    age(path)
    (sentence,) = recover(tmp_path)
    assert f"{path}.broken" in sentence and not path.exists()
    assert recover(tmp_path) == []
    carry_out(NOTHING, journal, "stackenv edit tool", print)


def test_another_users_invalid_journal_is_not_set_aside(tmp_path: Path) -> None:
    require_root()
    path = leave(tmp_path)
    path.write_text("{")
    os.chown(path, MEMBER, MEMBER)
    age(path)
    (sentence,) = recover(tmp_path)
    assert f"user {MEMBER}" in sentence and path.exists()


def test_another_users_journal_is_reported_and_not_carried_out(tmp_path: Path) -> None:
    require_root()
    inside = tmp_path / "modules/tool/1.0.lua"
    path = leave(tmp_path, WriteFile(str(inside), "new"))
    os.chown(path, MEMBER, MEMBER)
    (sentence,) = recover(tmp_path)
    assert f"belongs to user {MEMBER}" in sentence and "runs stackenv here again" in sentence
    assert path.exists() and not inside.exists()
    with pytest.raises(StackenvError, match=f"belongs to user {MEMBER}"):
        carry_out(NOTHING, Journal(tmp_path / "modules"), "c", print)


def test_terminal_control_characters_in_a_journal_are_replaced(tmp_path: Path) -> None:
    text = json.loads(leave(tmp_path).read_text())
    entry = parse_note(json.dumps({**text, "command": "a\x1b]0;x\x07\nb", "host": "h\x1b[2J"}))
    assert (entry.command, entry.process.host) == ("a?]0;x??b", "h?[2J")


HOLD = """
import sys
from pathlib import Path
from stackenv.transactions.journal import Journal
from stackenv.transactions.changes import RemoveFile
with Journal(Path(sys.argv[1])).changing("tool/1.0", "stackenv create tool") as journal:
    journal.note((RemoveFile(sys.argv[1] + "/begun"),))
    print("ready", flush=True)
    sys.stdin.read()
    journal.note(())
"""


@pytest.mark.parametrize("proc", [["--mount-proc"], []])
def test_a_command_in_another_pid_namespace_counts_as_running_until_its_journal_is_old(
    tmp_path: Path, proc: list[str]
) -> None:
    contained = ["unshare", "--pid", "--fork", *proc]
    if os.geteuid() or subprocess.run([*contained, "true"], capture_output=True, check=False).returncode:
        fail_or_skip("no PID namespace can be made here")
    (tmp_path / "begun").touch()
    command = [*contained, sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "ready\n"
        journal = Journal(tmp_path)
        assert journal.recover() == []
        with pytest.raises(BusyError):
            carry_out(NOTHING, journal, "c", print)
        assert (tmp_path / "begun").exists()
        path = tmp_path / ".stackenv/tool@1.0.json"
        age(path)
        assert journal.recover() and not (tmp_path / "begun").exists()
        holder.communicate("")


def test_a_journal_without_a_boot_id_is_treated_as_from_another_host(tmp_path: Path) -> None:
    inside = tmp_path / "modules/tool/1.0.lua"
    path = leave(tmp_path, WriteFile(str(inside), "new"))
    data = json.loads(path.read_text())
    del data["boot"], data["pid_namespace"]
    path.write_text(json.dumps(data))
    assert recover(tmp_path) == [] and not inside.exists()
    age(path)
    assert recover(tmp_path) != [] and inside.exists()
