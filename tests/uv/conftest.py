"""Fixtures for uv on a stack, with helpers of tests/personal (stacks, users) and tests/commands (people)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "commands"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from stacked import Stack, open_stack
from users import User, make_user


@pytest.fixture(scope="module")
def one_stack() -> Stack:
    """Return the stack of a current site: EasyBuild 5 with PYTHONPATH."""
    return open_stack("eb5-pythonpath")


@pytest.fixture
def user(tmp_path: Path, one_stack: Stack) -> User:
    """Return a user of the stack, with a new home."""
    return make_user(tmp_path, one_stack)
