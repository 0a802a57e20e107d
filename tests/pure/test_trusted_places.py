"""Links of others are not followed, and modulefiles of others not replaced, where a command works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from journals import MEMBER, leave, recover, require_root

from stackenv import STACKENV_UUID
from stackenv.errors import TakenError
from stackenv.transactions.access import Access
from stackenv.transactions.changes import MakeFile, RemoveFolder, RemoveTree
from stackenv.transactions.journal import Journal
from stackenv.transactions.process import file_server_time
from stackenv.transactions.transaction import Step, Switch, Transaction, carry_out


def test_reading_the_file_server_time_follows_no_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    guessed = tmp_path / f".clock-{os.getpid()}-{threading.get_ident()}"
    guessed.symlink_to(target)
    assert abs(file_server_time(tmp_path) - time.time()) < 60
    assert not target.exists() and [p.name for p in tmp_path.iterdir()] == [guessed.name]


def test_sharing_a_tree_with_a_group_does_not_change_link_targets(tmp_path: Path) -> None:
    require_root()
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    (outside / "file").touch(mode=0o600)
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True, mode=0o700)
    (tree / "deep/file").touch(mode=0o600)
    (tree / "deep").chmod(0o700)
    (tree / "deep/link").symlink_to(outside / "file")
    (tree / "deep/folder").symlink_to(outside)
    Access(MEMBER, writable=True).share_tree(tree)
    found = {
        p.name: (p.stat().st_gid, p.stat().st_mode & 0o7777) for p in (tree / "deep", tree / "deep/file")
    }
    assert found == {"deep": (MEMBER, 0o2770), "file": (MEMBER, 0o660)}
    assert [(p.stat().st_gid, p.stat().st_mode & 0o777) for p in (outside, outside / "file")] == [
        (os.getgid(), 0o700),
        (os.getgid(), 0o600),
    ]


DELETE = (
    "import sys; from pathlib import Path; from stackenv.transactions.changes import *; "
    "delete(Path(sys.argv[1]))"
)


def test_removing_a_tree_changes_no_mode_outside_it(tmp_path: Path) -> None:
    require_root()
    top = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    try:
        outside, tree = top / "outside", top / "tree"
        outside.mkdir()
        (outside / "file").touch()
        (tree / "closed/deeper").mkdir(parents=True)
        (tree / "closed/link").symlink_to(outside)
        (tree / "closed/to-file").symlink_to(outside / "file")
        (tree / "closed/deeper/file").touch()
        (tree / "unreadable/within").mkdir(parents=True)
        for path in (top, *top.rglob("*")):
            os.chown(path, MEMBER, MEMBER, follow_symlinks=False)
        outside.chmod(0o555)
        (outside / "file").chmod(0o444)
        for path, mode in (("closed/deeper", 0o555), ("closed", 0o555), ("unreadable", 0)):
            (tree / path).chmod(mode)
        member = ["setpriv", "--reuid", str(MEMBER), "--regid", str(MEMBER), "--clear-groups"]
        done = subprocess.run(
            [*member, "--bounding-set=-all", sys.executable, "-c", DELETE, str(tree)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 and not tree.exists(), done.stderr
        assert [p.stat().st_mode & 0o777 for p in (outside, outside / "file")] == [0o555, 0o444]
    finally:
        shutil.rmtree(top)


def ours(environment: Path) -> str:
    return f"-- {STACKENV_UUID} x\n-- record: {environment}/stackenv/record.json\n"


def plan_of(folder: Path, between: str) -> Transaction:
    """Return a plan in whose second step another modulefile of its name appears, with the text `between`."""
    environment, modulefile = folder / "env", folder / "modules/tool/1.0.lua"
    mark = environment / "stackenv/unfinished-1"

    def make() -> None:
        mark.parent.mkdir(parents=True)
        mark.touch()

    def appear() -> None:
        modulefile.parent.mkdir(parents=True)
        modulefile.write_text(between)

    steps = (Step("make", make, (RemoveTree(str(environment), str(mark)),)), Step("install", appear))
    return Transaction("tool/1.0", lambda: Switch((), (MakeFile(str(modulefile), ours(environment)),)), steps)


@pytest.mark.parametrize("between", ["-- mine\n", ours(Path("/another/env"))])
def test_a_modulefile_created_meanwhile_is_neither_replaced_nor_deleted(tmp_path: Path, between: str) -> None:
    with pytest.raises(TakenError, match="meanwhile"):
        carry_out(plan_of(tmp_path, between), Journal(tmp_path / "modules"), "c", print)
    assert (tmp_path / "modules/tool/1.0.lua").read_text() == between
    assert not (tmp_path / "env").exists()
    assert [p.name for p in (tmp_path / "modules/tool").iterdir()] == ["1.0.lua"]


@pytest.mark.parametrize(
    ("whose", "kept"), [("ours", True), ("changed", True), ("another's", False), ("user's", False)]
)
def test_a_killed_command_is_finished_only_if_the_modulefile_is_its_own(
    tmp_path: Path, whose: str, kept: bool
) -> None:
    environment, modulefile = tmp_path / "env", tmp_path / "modules/tool/1.0.lua"
    mark = environment / "stackenv/unfinished-1"
    for path in (mark, modulefile):
        path.parent.mkdir(parents=True)
    mark.touch()
    changed = ours(environment) + 'setenv("MINE", "1")\n'
    texts = {
        "ours": ours(environment),
        "changed": changed,
        "another's": ours(Path("/else")),
        "user's": "-- mine\n",
    }
    modulefile.write_text(texts[whose])
    undo = (RemoveFolder(str(modulefile.parent)), RemoveTree(str(environment), str(mark)))
    own = ours(environment).splitlines()[1]
    leave(tmp_path, MakeFile(str(modulefile), ours(environment), own), undo=undo)
    (sentence,) = recover(tmp_path)
    assert sentence.endswith("were finished" if kept else "were undone")
    assert (modulefile.read_text(), environment.exists()) == (texts[whose], kept)


def test_a_folder_in_place_of_the_modulefile_is_kept(tmp_path: Path) -> None:
    environment, modulefile = tmp_path / "env", tmp_path / "modules/tool/1.0.lua"
    mark = environment / "stackenv/unfinished-1"
    for folder in (mark.parent, modulefile):
        folder.mkdir(parents=True)
    mark.touch()
    undo = (RemoveTree(str(environment), str(mark)),)
    journal = leave(tmp_path, MakeFile(str(modulefile), ours(environment)), undo=undo)
    (sentence,) = recover(tmp_path)
    assert sentence.endswith("were undone")
    assert (modulefile.is_dir(), environment.exists(), journal.exists()) == (True, False, False)
