"""Fixtures for all tiers, and which test belongs to which."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import tiers
from built import BuiltModules, build_modules

# Under nohup or in a shell's background these are ignored, and would be by all that tests signal.
for number, disposition in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, disposition)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests by tier, before `-m` chooses among them."""
    tiers.mark_quick(items)
    tiers.mark_selections(items)
    tiers.mark_any_values(items)
    tiers.mark_shells(items)
    tiers.sort_longest_first(items)


@pytest.fixture(scope="session")
def built_modules() -> BuiltModules:
    """Return the modules of Anaconda3 (two versions), Miniconda3 and Miniforge3, built by EasyBuild."""
    return build_modules()
