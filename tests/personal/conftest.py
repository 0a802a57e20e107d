"""Fixtures for personal modules: real stacks, and users of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_ci import fail_or_skip
from made_again import make_again
from packing import make_packing_user, require_fuse, unmounting
from shell_sessions import DIALECTS, Dialect
from stacked import STACKS, Stack, open_stack
from users import User, make_user


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> Stack:
    """Return each of the four stacks."""
    return open_stack(request.param)


@pytest.fixture(scope="module")
def one_stack() -> Stack:
    """Return the stack of a present-day site, for tests that do not depend on how modules are found."""
    return open_stack("eb5-pythonpath")


@pytest.fixture
def user(tmp_path: Path, one_stack: Stack) -> User:
    """Return a user of one stack, with a home of their own."""
    return make_user(tmp_path, one_stack)


@pytest.fixture
def packer(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> Iterator[User]:
    """Return a user with an environment that is not packed yet."""

    def make(folder: Path) -> User:
        user = make_packing_user(folder, one_stack)
        made = user.stackenv("create", "bio", "biopython", load=[one_stack.bundle_module])
        assert made.returncode == 0, made.stderr
        return user

    require_fuse()
    folder = tmp_path_factory.getbasetemp() / "packer"
    with unmounting(folder):
        yield make_again(folder, make)


@pytest.fixture(params=list(DIALECTS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Return each shell; a missing shell skips the test on a laptop and fails it in CI."""
    found = DIALECTS[request.param]
    if not shutil.which(found.command[0]):
        fail_or_skip(f"{found.name} is not installed")
    return found
