"""Moments in which a signal to stop waits: between the making of a temporary file and its end.

A handler runs between any two instructions, also while tempfile.mkstemp has made a file whose name nobody
knows yet: it would stay in the user's folder for good.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


class Waiting:
    """How many blocks of `postponing_stop` are open, and what waits for the end of the outermost."""

    blocks = 0
    stops: tuple[Callable[[], None], ...] = ()


@contextlib.contextmanager
def postponing_stop() -> Iterator[None]:
    """Within the block no signal raises an exception that `stop_now_or_later` is told of; behind it one does.

    For what is short, and starts no process. Only the main thread may enter it: handlers run there.
    """
    Waiting.blocks += 1
    try:
        yield
    finally:
        Waiting.blocks -= 1
        if not Waiting.blocks and Waiting.stops:
            first, Waiting.stops = Waiting.stops[0], ()
            first()


def stop_now_or_later(stop: Callable[[], None]) -> None:
    """Call `stop`, which raises; while a block of `postponing_stop` is open, have it called behind that."""
    if Waiting.blocks:
        Waiting.stops = (*Waiting.stops, stop)
    else:
        stop()
