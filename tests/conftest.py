"""Fixtures for all tiers."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from built import BuiltModules, build_modules

# What a shell starts in the background ignores it, and so would all commands that a test interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def built_modules() -> BuiltModules:
    """Return the modules of Anaconda3 (two versions), Miniconda3 and Miniforge3, built by EasyBuild."""
    return build_modules()
