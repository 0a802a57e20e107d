"""A program that is started, and does not outlive the command that started it."""

from __future__ import annotations

import ctypes
import signal


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Have this process sent the signal `number` when its parent is killed (PR_SET_PDEATHSIG, prctl(2))."""
    ctypes.CDLL(None).prctl(1, number)
