"""Lets a program that a command starts end together with that command."""

from __future__ import annotations

import ctypes
import signal


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Let this process receive the signal `number` when its parent dies (PR_SET_PDEATHSIG, prctl(2))."""
    ctypes.CDLL(None).prctl(1, number)
