"""Real EasyBuild, 4.9.4 and 5.4.1, each in its own virtual environment, building offline."""

from __future__ import annotations

from pathlib import Path

import pytest
from runner import VERSIONS, EasyBuild, make_easybuild


@pytest.fixture(params=list(VERSIONS))
def easybuild(request: pytest.FixtureRequest, tmp_path: Path) -> EasyBuild:
    """An empty software tree."""
    return make_easybuild(request.param, tmp_path)


@pytest.fixture(scope="module", params=list(VERSIONS))
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EasyBuild:
    """A software tree with a built Anaconda3, whose modulefile each test leaves unchanged or restores.

    The load test runs in bash, or as the test file's LOAD_TEST says.
    """
    easybuild = make_easybuild(request.param, tmp_path_factory.mktemp(request.param))
    easybuild.build(**getattr(request.module, "LOAD_TEST", {}))
    return easybuild
