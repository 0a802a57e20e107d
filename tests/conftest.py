"""Fixtures for all tiers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from built import BuiltModules, build_modules


@pytest.fixture(scope="session")
def built_modules() -> BuiltModules:
    """Return the modules of Anaconda3 (two versions), Miniconda3 and Miniforge3, built by EasyBuild."""
    return build_modules()
