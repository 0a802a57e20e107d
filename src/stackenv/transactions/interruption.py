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

# The terminal, a batch system or the kernel at shutdown, the end of an ssh session.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# conda takes back what it has linked when it gets a SIGTERM; that takes a while.
GRACE_S = 10


class Interruption(BaseException):
    """A signal to stop has come. No error: nothing that catches errors must go on behind it."""

    def __init__(self, number: int, left: str) -> None:
        super().__init__(number)
        self.number, self.left = number, left
        # Whether the journal still holds something for the next command.
        self.leaves_rest = False


class InterruptedCommandError(StackenvError):
    """A command was told to stop (exit status 128 and the number of the signal, as shells have it)."""

    def __init__(self, interruption: Interruption) -> None:
        name = signal.Signals(interruption.number).name
        if interruption.leaves_rest:
            super().__init__(
                f"interrupted by {name}; the next stackenv command does what is left to do", "stackenv list"
            )
        else:
            super().__init__(f"interrupted by {name}; {interruption.left}", "")
        self.status = 128 + interruption.number


@contextlib.contextmanager
def leaving_rest() -> Iterator[None]:
    """Within the block what an Interruption leaves undone is in a journal, and the user is told."""
    try:
        yield
    except Interruption as interruption:
        interruption.leaves_rest = True
        raise


def list_descendants(pid: int) -> dict[int, str]:
    """Return the processes that `pid` has started, and they in their turn: number and start."""
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
    """Return whether the process `pid` still runs that was started at `start`."""
    try:
        state = read_file_text(f"/proc/{pid}/stat").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X") and read_start(pid) == start


def stop_descendants(grace_s: float = GRACE_S) -> None:
    """End all that this process has started, SIGTERM first: it must not write what is being removed."""
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
    """Let no further signal stop this process: what it does now is short, and must end."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def ignoring_stopping() -> Iterator[None]:
    """Within the block no signal stops this process: what it does is short, and must end."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    ignore_stopping()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(number: int, grace_s: float, left: str) -> NoReturn:
    """End what was started, then raise Interruption for the signal `number`."""
    ignore_stopping()
    stop_descendants(grace_s)
    raise Interruption(number, left)


@contextlib.contextmanager
def stopping_at_signals(grace_s: float = GRACE_S, left: str = "all changes were undone") -> Iterator[None]:
    """Within the block a signal to stop raises Interruption once; the block may undo what it did.

    What the caller ignores (nohup, a job in the background of sh) stays ignored.

    Parameters
    ----------
    grace_s
        How long what was started may take to end.
    left
        What the user is told of what the block did.

    Raises
    ------
    InterruptedCommandError
        When one came.
    """

    def handle(number: int, _: FrameType | None) -> None:
        # Behind what must not be torn.
        stop_now_or_later(functools.partial(stop, number, grace_s, left))

    before = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    except Interruption as interruption:
        # All that is left is to say so; a second Ctrl-C in that moment must not change the status.
        before.clear()
        raise InterruptedCommandError(interruption) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
