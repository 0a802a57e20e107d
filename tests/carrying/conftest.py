"""Fixtures for environments that carry their stack: the two kinds of stacks, and users of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from needy_stack import KINDS, NeedleStack, make_needle_stack
from observing import Bare, make_bare


@pytest.fixture(scope="session")
def needy_stack(tmp_path_factory: pytest.TempPathFactory) -> NeedleStack:
    """Return a stack whose package `needle` needs LD_LIBRARY_PATH; packages are found by PYTHONPATH."""
    return make_needle_stack(tmp_path_factory, "eb5-pythonpath", "needy")


@pytest.fixture(scope="session")
def rpath_stack(tmp_path_factory: pytest.TempPathFactory) -> NeedleStack:
    """Return the same stack with a package `needle` that needs only sys.path."""
    return make_needle_stack(tmp_path_factory, "eb5-pythonpath", "rpath")


@pytest.fixture(scope="session", params=KINDS)
def needle_stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NeedleStack:
    """Return each kind of stack in turn."""
    return make_needle_stack(tmp_path_factory, "eb5-pythonpath", request.param)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Bare:
    """Return an environment of each kind, whose starts with and without its stack can be compared."""
    return make_bare(tmp_path_factory)
