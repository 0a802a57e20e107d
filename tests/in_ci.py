"""What a machine lacks: in CI, which has everything, that is a failure and not a skipped test."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def fail_or_skip(message: str) -> NoReturn:
    """Fail the test with `message` in CI (CI=true), and skip it elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
