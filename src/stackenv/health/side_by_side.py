"""Runs several checks in parallel processes; the results come in the order of the checks."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from stackenv.plain_files import read_file_text

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Found = TypeVar("Found")
Look = Callable[[], Found]
# More do not help when all wait for the same file system.
MOST_PROCESSES = 8
# Memory that a check needs, including the programs that it starts.
LOOK_BYTES = 300_000_000


def count_processes(looks: int) -> int:
    """Return how many of this number of `looks` can run at once, by the node's processors and free memory."""
    processors = len(os.sched_getaffinity(0))
    return max(1, min(looks, processors, MOST_PROCESSES, read_free_bytes() // LOOK_BYTES))


def read_free_bytes() -> int:
    """Return how much memory is available without swapping; 0 if unknown."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = read_file_text("/proc/meminfo").splitlines()
        # proc(5): in units of 1024 bytes.
        return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024
    return 0


def look_side_by_side(
    looks: Sequence[Look[Found]], advance: Callable[[int], None], processes: int
) -> list[Found]:
    """Return the results of `looks`, in their order; run `processes` of them at a time.

    No thread may be running that a fork could harm. `advance` is called after each.
    """
    found: dict[int, Found] = {}
    waiting = deque(range(len(looks)))
    workers = start_workers(looks, processes if processes > 1 else 0)
    given: dict[Connection, int] = {}
    try:
        for here in list(workers)[: len(waiting)]:
            given[here] = give(here, waiting)
        while given:
            for here in wait_for(given):
                number = given.pop(here)
                try:
                    found[number] = here.recv()
                except (EOFError, OSError):
                    # The process failed or was killed, perhaps for its memory: its check runs here.
                    found[number] = looks[number]()
                else:
                    if waiting:
                        given[here] = give(here, waiting)
                advance(1)
    finally:
        for process in workers.values():
            process.kill()
            process.join()
    # If no process could be started, or all have ended.
    for number in waiting:
        found[number] = looks[number]()
        advance(1)
    return [found[number] for number in range(len(looks))]


def start_workers(looks: Sequence[Look[Found]], number: int) -> dict[Connection, BaseProcess]:
    """Start up to `number` processes, each of which runs those of `looks` that it is given."""
    import multiprocessing

    # A fork already has everything it needs in memory.
    fork = multiprocessing.get_context("fork")
    workers: dict[Connection, BaseProcess] = {}
    with contextlib.suppress(OSError):
        for _ in range(number):
            here, there = fork.Pipe()
            process = fork.Process(target=answer, args=(there, looks, [*workers, here]), daemon=True)
            process.start()
            there.close()
            workers[here] = process
    return workers


def give(here: Connection, waiting: deque[int]) -> int:
    """Give the next of `waiting` to the process behind `here`; return its number."""
    # A process that was killed meanwhile does not answer.
    with contextlib.suppress(OSError):
        here.send(waiting[0])
    return waiting.popleft()


def wait_for(running: Iterable[Connection]) -> list[Connection]:
    """Wait until one of `running` has answered or ended; return all that have."""
    from multiprocessing.connection import wait

    return cast("list[Connection]", wait(list(running)))


def answer(connection: Connection, looks: Sequence[Look[Found]], others: Iterable[Connection]) -> None:
    """Run each check whose number `connection` brings, and send its result, until one fails."""
    import signal

    # Held open here, they would not close when the parent process ends.
    for other in others:
        other.close()
    # The parent process handles interruptions.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    # The parent process repeats a failed check, and can report the error.
    with contextlib.suppress(Exception):
        while True:
            connection.send(looks[connection.recv()]())
