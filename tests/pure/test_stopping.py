"""A signal at the worst moment leaves no incomplete file; what is left to do is reported, and done later."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from journals import recover

# Runs in a process of its own, since a signal to stop makes it end all processes that it has started.
SCRIPT = """
import importlib, os, pathlib, signal, sys
from pathlib import Path
from stackenv.transactions.files import write_file
from stackenv.transactions.interruption import InterruptedCommandError, stopping_at_signals
from stackenv.transactions.process import is_older

module, name, what, place, *numbers = sys.argv[1:]
called = getattr(importlib.import_module(module), name)

def interrupted(*arguments, **options):
    result = called(*arguments, **options)
    for number in numbers:
        signal.raise_signal(int(number))
    return result

# pathlib of Python 3.9 has kept what it found in os.
for holder in (importlib.import_module(module), getattr(pathlib, "_normal_accessor", None)):
    if getattr(holder, name, None) is called:
        setattr(holder, name, interrupted)
# What a shell in the background has its commands ignore.
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
try:
    with stopping_at_signals():
        write_file(Path(place), "whole") if what == "write" else is_older(Path(place), 0)
        print("went on")
except InterruptedCommandError as error:
    sys.exit(error.status)
"""


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("tempfile mkstemp", "write"),
        ("os fchmod", "write"),
        ("os fsync", "write"),
        ("os replace", "write"),
        ("tempfile mkstemp", "look at the clock"),
        ("os fstat", "look at the clock"),
    ],
)
@pytest.mark.parametrize(("numbers", "status"), [("2", 130), ("15", 143), ("2 2 15", 130)])
def test_a_signal_stops_the_command_and_leaves_only_a_complete_file(
    tmp_path: Path, call: str, what: str, numbers: str, status: int
) -> None:
    place = tmp_path / "file"
    place.write_text("before")
    words = [*call.split(), what, str(place), *numbers.split()]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert list(tmp_path.iterdir()) == [place]
    assert place.read_text() == ("whole" if what == "write" else "before")


EXCHANGE = """
import signal, sys
from pathlib import Path
import stackenv.transactions.journal
from stackenv.transactions.changes import RemoveFile, WriteFile, carry_out_change
from stackenv.transactions.interruption import InterruptedCommandError, stopping_at_signals
from stackenv.transactions.journal import Journal
from stackenv.transactions.transaction import Step, Switch, Transaction, carry_out

def interrupted(change, *more):
    if Path(change.path).name == sys.argv[2]:
        signal.raise_signal(signal.SIGTERM)
    carry_out_change(change, *more)

stackenv.transactions.journal.carry_out_change = interrupted
modules = Path(sys.argv[1])

def make():
    (modules / "fresh").write_text("fresh")
    if sys.argv[2] == "undo":
        raise OSError("the step fails")

undo = (RemoveFile(str(modules / "undo")), RemoveFile(str(modules / "fresh")))
changes = (
    WriteFile(str(modules / "old"), "new"),
    WriteFile(str(modules / "more"), "new"),
    RemoveFile(str(modules / "fresh")),
)
making = Transaction("tool/1.0", lambda: Switch((), changes), (Step("make", make, undo),))
try:
    with stopping_at_signals():
        carry_out(making, Journal(modules), "x", print)
except InterruptedCommandError as error:
    print(error.message, error.hint, sep="\\n")
    sys.exit(error.status)
"""


@pytest.mark.parametrize(
    ("step", "now", "then"),
    [
        ("old", {"old": "old", "fresh": "fresh"}, {"old": "new", "more": "new"}),
        ("more", {"old": "new", "fresh": "fresh"}, {"old": "new", "more": "new"}),
        ("fresh", {"old": "new", "more": "new", "fresh": "fresh"}, {"old": "new", "more": "new"}),
    ],
)
def test_interrupted_changes_are_reported_and_finished_by_the_next_command(
    tmp_path: Path, step: str, now: dict[str, str], then: dict[str, str]
) -> None:
    script = exchange(tmp_path, step)
    modules = tmp_path / "modules"
    words = "interrupted by SIGTERM; the next stackenv command finishes or undoes it"
    assert script.returncode == 143, script.stderr
    assert script.stdout.splitlines() == ["make", words, "stackenv list"]
    assert read_files(modules) == now
    assert recover(tmp_path) == ["`x` was interrupted; its changes to tool/1.0 were finished"]
    assert read_files(modules) == then
    assert list((modules / ".stackenv").iterdir()) == []


def test_a_signal_does_not_stop_the_undo_of_a_failed_step(tmp_path: Path) -> None:
    script = exchange(tmp_path, "undo")
    assert script.returncode == 1 and "OSError: the step fails" in script.stderr
    assert read_files(tmp_path / "modules") == {"old": "old"}
    assert list((tmp_path / "modules/.stackenv").iterdir()) == []


def exchange(folder: Path, step: str) -> subprocess.CompletedProcess[str]:
    """Run EXCHANGE on a new folder of modules in `folder`, with a SIGTERM before the change `step`."""
    modules = folder / "modules"
    modules.mkdir()
    (modules / "old").write_text("old")
    return subprocess.run(
        [sys.executable, "-c", EXCHANGE, str(modules), step], capture_output=True, text=True, check=False
    )


def read_files(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


# A fix that undoes its changes at a SIGTERM, as conda does, and needs longer for it than Python waits.
SLOW = """
import os, signal, sys, time
from pathlib import Path

def take_back(*_):
    time.sleep(0.8)
    Path(sys.argv[1], "taken back").touch()
    sys.exit(1)

signal.signal(signal.SIGTERM, take_back)
signal.signal(signal.SIGINT, lambda *_: os._exit(3))
# As a terminal does.
os.killpg(os.getpgid(os.getppid()), int(sys.argv[2]))
while True:
    signal.pause()
"""
FIX = """
import os, signal, sys
from types import SimpleNamespace
from stackenv.health.fixing import Fixing
from stackenv.errors import StackenvError
from stackenv.health.finding import Finding, RunCommand

signal.signal(signal.SIGINT, signal.default_int_handler)
commands = ([sys.executable, "-c", *sys.argv[1:]], ["touch", f"{sys.argv[2]}/next"])
findings = [Finding("rule", "broken", "it", "", "", "", (RunCommand(tuple(c)),)) for c in commands]
try:
    Fixing(SimpleNamespace(environ=os.environ), lambda *_: True).fix_all([("it/1.0", findings)])
except StackenvError as error:
    print(error.message, error.hint, sep="\\n")
    sys.exit(error.status)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_fix_has_time_to_undo_its_changes(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    words = [sys.executable, "-c", FIX, SLOW, str(tmp_path), str(int(number))]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=60, start_new_session=True
    )
    assert done.returncode == status, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["taken back"]
    assert done.stdout.startswith(f"interrupted by {number.name}; this was not completed: {sys.executable}")
    assert done.stdout.endswith("\nstackenv check\n") and "not fixed" not in done.stderr
