"""The journal on a disk that is full or read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_ci import fail_or_skip

from stackenv.errors import StackenvError
from stackenv.transactions.changes import RemoveFile, RemoveTree, WriteFile
from stackenv.transactions.journal import Journal
from stackenv.transactions.transaction import Step, Switch, Transaction, carry_out

CHANGE = "stackenv edit biopy"
# Is killed in the middle of a plan for biopy/1.0; its argument is the folder of the journal.
KILLED = """
import os, signal, sys
from pathlib import Path
from stackenv.transactions.journal import Journal
from stackenv.transactions.changes import RemoveFile
from stackenv.transactions.transaction import Step, Switch, Transaction, carry_out

folder = Path(sys.argv[1])
step = Step("step", lambda: os.kill(os.getpid(), signal.SIGKILL), (RemoveFile(str(folder / "begun")),))
making = Transaction("biopy/1.0", lambda: Switch((), ()), (step,))
carry_out(making, Journal(folder), "stackenv create biopy", print)
"""


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def changes_of(folder: Path, subject: str = "biopy/1.0") -> Transaction:
    return Transaction.of(subject, Switch((), (WriteFile(str(folder / "written"), "x"),)))


def making(*steps: Step) -> Transaction:
    return Transaction("a/1", lambda: Switch((), ()), steps)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system with room for a few pages."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "-t", "tmpfs", "-o", "size=64k", "tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def mount(folder: Path, *options: str) -> None:
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("a file system of its own takes a mount, and that takes root")
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    if done.returncode:
        message = f"no mount here: {done.stderr.decode()}"
        fail_or_skip(message)


def fill(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as stream:
        try:
            while stream.write(b"x" * 512):
                pass
        except OSError:
            return


def test_no_change_is_begun_on_a_full_disk(small_disk: Path) -> None:
    fill(small_disk)
    ran: list[str] = []
    plan = making(Step("step", lambda: ran.append("ran")))
    with pytest.raises(StackenvError, match="No space left on device"):
        carry_out(plan, Journal(small_disk), "stackenv create a", print)
    with pytest.raises(StackenvError, match="No space left on device"):
        carry_out(changes_of(small_disk), Journal(small_disk), CHANGE, print)
    assert (ran, tree(small_disk)) == ([], [".stackenv", "ballast"])


def test_changes_are_undone_even_if_the_disk_fills_up_meanwhile(small_disk: Path) -> None:
    made = small_disk / "made"

    def make() -> None:
        made.mkdir()
        (made / "proof").touch()
        fill(small_disk)
        (made / "more").write_text("x" * 8192)

    (small_disk / "other").write_text("x")
    undo = (RemoveFile(str(small_disk / "other")), RemoveTree(str(made), str(made / "proof")))
    plan = making(Step("step", make, undo))
    with pytest.raises(OSError, match="No space left on device"):
        carry_out(plan, Journal(small_disk), "stackenv create a", print)
    assert tree(small_disk) == [".stackenv", "ballast"]


def test_nothing_is_recovered_or_changed_in_a_read_only_folder(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "modules"
    folder.mkdir()
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], capture_output=True, check=False)
    assert (folder / ".stackenv/biopy@1.0.json").is_file()
    folder.rename(source)
    folder.mkdir()
    mount(folder, "--bind", str(source))
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        before = tree(tmp_path)
        (sentence,) = Journal(folder).recover()
        with pytest.raises(StackenvError, match="Read-only file system"):
            carry_out(changes_of(tmp_path, "other/1.0"), Journal(folder), CHANGE, print)
        assert tree(tmp_path) == before
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    assert "cannot be undone or finished" in sentence
    assert "Read-only file system" in sentence
