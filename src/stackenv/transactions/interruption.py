"""Stop a command at a signal: its child processes end, and it undoes its changes."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from stackenv.errors import StackenvError
from stackenv.plain_files import read_file_text
from stackenv.transactions.postponing import stop_now_or_later
from stackenv.transactions.process import read_start

# Sent by Ctrl-C in the terminal, by a batch system or at shutdown, and at the end of an ssh session.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# At SIGTERM, conda undoes what it has linked, which takes a while.
GRACE_S = 10


class Interruption(BaseException):
    """A signal to stop was received; not an Exception, so that code that catches errors does not continue."""

    def __init__(self, number: int, left: str) -> None:
        super().__init__(number)
        self.number, self.left = number, left
        # Whether the journal still contains changes for the next command.
        self.leaves_rest = False


class InterruptedCommandError(StackenvError):
    """A signal stopped a command (exit status 128 plus the number of the signal, as in shells)."""

    def __init__(self, interruption: Interruption) -> None:
        name = signal.Signals(interruption.number).name
        if interruption.leaves_rest:
            super().__init__(
                f"interrupted by {name}; the next stackenv command finishes or undoes it", "stackenv list"
            )
        else:
            super().__init__(f"interrupted by {name}; {interruption.left}", "")
        self.status = 128 + interruption.number


@contextlib.contextmanager
def leaving_rest() -> Iterator[None]:
    """Within the block, an Interruption leaves changes in a journal, and its message says so."""
    try:
        yield
    except Interruption as interruption:
        interruption.leaves_rest = True
        raise


def list_descendants(pid: int) -> dict[int, str]:
    """Return the child processes of `pid`, and their children: numbers and start times."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parent = int(read_file_text(entry / "stat").rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found: dict[int, str] = {}
    pending = [pid]
    while pending:
        for child in children.get(pending.pop(), ()):
            found[child] = read_start(child)
            pending.append(child)
    return found


def is_running(pid: int, start: str) -> bool:
    """Return whether the process `pid` that was started at `start` is still running."""
    try:
        state = read_file_text(f"/proc/{pid}/stat").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X") and read_start(pid) == start


def stop_descendants(grace_s: float = GRACE_S) -> None:
    """End all child processes, first with SIGTERM, so that they do not write files that are being removed."""
    started = list_descendants(os.getpid())
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid, start in started.items():
            if is_running(pid, start):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        deadline = time.monotonic() + grace_s
        while any(is_running(pid, start) for pid, start in started.items()) and time.monotonic() < deadline:
            time.sleep(0.02)


def ignore_stopping() -> None:
    """Ignore further signals to stop, because the next work is short and must be completed."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def ignoring_stopping() -> Iterator[None]:
    """Within the block, ignore signals to stop, because its work is short and must be completed."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    ignore_stopping()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(number: int, grace_s: float, left: str) -> NoReturn:
    """End all child processes, then raise Interruption for the signal `number`."""
    ignore_stopping()
    stop_descendants(grace_s)
    raise Interruption(number, left)


@contextlib.contextmanager
def stopping_at_signals(grace_s: float = GRACE_S, left: str = "all changes were undone") -> Iterator[None]:
    """Within the block, the first signal to stop raises Interruption; the block can undo its changes.

    Signals that the caller ignores (nohup, a background job of sh) stay ignored.

    Parameters
    ----------
    grace_s
        How long child processes may take to end.
    left
        What the message says about the changes of the block.

    Raises
    ------
    InterruptedCommandError
        If a signal was received.
    """

    def handle(number: int, _: FrameType | None) -> None:
        # After work that must not be interrupted.
        stop_now_or_later(functools.partial(stop, number, grace_s, left))

    before = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    except Interruption as interruption:
        # Only the message is left; a second Ctrl-C at this moment must not change the exit status.
        before.clear()
        raise InterruptedCommandError(interruption) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
