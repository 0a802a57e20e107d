"""Several looks at once, each in a process of its own; what they find comes in the order of the looks."""

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
# More gain nothing where all wait for the same file system.
MOST_PROCESSES = 8
# What a look takes, with the programs that it starts.
LOOK_BYTES = 300_000_000


def count_processes(looks: int) -> int:
    """Return how many of so many looks the processors and the free memory of this node allow at once."""
    processors = len(os.sched_getaffinity(0))
    return max(1, min(looks, processors, MOST_PROCESSES, read_free_bytes() // LOOK_BYTES))


def read_free_bytes() -> int:
    """Return how much memory programs can have without swapping; 0 where that is not known."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = read_file_text("/proc/meminfo").splitlines()
        # proc(5): in units of 1024 bytes.
        return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024
    return 0


def look_side_by_side(
    looks: Sequence[Look[Found]], advance: Callable[[int], None], processes: int
) -> list[Found]:
    """Return what `looks` return, in their order; `processes` at a time.

    No thread may run that a fork could harm. `advance` hears of each that is done.
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
                    # It was killed, for its memory say, or has failed: what it had is looked at here.
                    found[number] = looks[number]()
                else:
                    if waiting:
                        given[here] = give(here, waiting)
                advance(1)
    finally:
        for process in workers.values():
            process.kill()
            process.join()
    # Where no process could start, or all have ended.
    for number in waiting:
        found[number] = looks[number]()
        advance(1)
    return [found[number] for number in range(len(looks))]


def start_workers(looks: Sequence[Look[Found]], number: int) -> dict[Connection, BaseProcess]:
    """Start `number` processes that answer which of `looks` they are given; fewer where no more can start."""
    import multiprocessing

    # What they need is in memory already.
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
    # One that has been killed meanwhile answers nothing.
    with contextlib.suppress(OSError):
        here.send(waiting[0])
    return waiting.popleft()


def wait_for(running: Iterable[Connection]) -> list[Connection]:
    """Return those of `running` that have answered, or ended; wait for the first."""
    from multiprocessing.connection import wait

    return cast("list[Connection]", wait(list(running)))


def answer(connection: Connection, looks: Sequence[Look[Found]], others: Iterable[Connection]) -> None:
    """Answer the number of each look that `connection` brings with what it returns, until one fails."""
    import signal

    # Held open here, they would not end with the process that has started this one.
    for other in others:
        other.close()
    # An interruption is the business of that one.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    # What fails is tried again by that process, which can say so.
    with contextlib.suppress(Exception):
        while True:
            connection.send(looks[connection.recv()]())
