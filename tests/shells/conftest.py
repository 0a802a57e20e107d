"""A real shell with a real Lmod, and modules that real EasyBuild has built."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_ci import fail_or_skip

sys.path.insert(0, str(Path(__file__).parent))

from activation_world import World
from dialects import DIALECTS
from environments import Stack, make_environment
from session import Session

LMOD = os.environ.get("LMOD_CMD", "/usr/share/lmod/lmod/libexec/lmod")


@pytest.fixture
def stack(built_modules, tmp_path: Path) -> Stack:
    home = tmp_path / "home"
    environments = home / "conda/envs"
    for name in ("one", "two", "three"):
        make_environment(environments / name, f"STACKENV_TEST_{name.upper()}")
    make_environment(environments / "unset-reader", script=': "$NOT_SET_AT_ALL"; false')
    built = built_modules
    places = built.modulepath, built.software, home
    return Stack(*places, built.miniconda, built.module, built.command, built.used)


@pytest.fixture(scope="session")
def activation_world(built_modules, tmp_path_factory) -> Iterator[World]:
    """The tests' own copy of an installation, with conda and stackenv ready to answer questions."""
    installation = Path(built_modules.software, built_modules.miniconda)
    world = World(installation, tmp_path_factory.mktemp("activation"))
    yield world
    world.stop()


@pytest.fixture(params=list(DIALECTS))
def dialect(request: pytest.FixtureRequest):
    """Each shell; a test of a missing shell is skipped on a laptop and fails in CI."""
    found = DIALECTS[request.param]
    if not shutil.which(found.command[0]):
        fail_or_skip(f"{found.name} is not installed")
    return found


@pytest.fixture
def session(dialect, stack: Stack, tmp_path: Path) -> Session:
    folder = tmp_path / "session"
    folder.mkdir()
    return Session(dialect, folder, LMOD, stack.environ())
