"""Fixtures for all tiers."""

from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def built_modules():
    return SimpleNamespace(modulepath="/tmp/mod", software="/tmp/sw", miniconda="Miniconda3/24.7.1-0")
