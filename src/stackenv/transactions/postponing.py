"""Postpones signals to stop while a temporary file exists.

A signal handler runs between any two instructions, even when tempfile.mkstemp has created a file but not yet
returned its name: the file would remain in the user's folder forever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


class Waiting:
    """The number of open blocks of `postponing_stop`, and the calls that wait for the outermost to end."""

    blocks = 0
    stops: tuple[Callable[[], None], ...] = ()


@contextlib.contextmanager
def postponing_stop() -> Iterator[None]:
    """Within the block, postpone the exceptions of signals that use `stop_now_or_later` until its end.

    The block must be short and start no process. Only the main thread may enter it, where handlers run.
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
    """Call `stop`, which raises an exception; if a block of `postponing_stop` is open, call it at its end."""
    if Waiting.blocks:
        Waiting.stops = (*Waiting.stops, stop)
    else:
        stop()
