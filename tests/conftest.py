"""Fixtures for all tiers, and which test belongs to which."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import tiers
from built import BuiltModules, build_modules
from copied_installations import choose_mamba, copy_modules_that_ask_conda, install_modules_by_hand

# What a shell starts in the background ignores it, and so would all commands that a test interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests by tier before `-m` chooses among them."""
    tiers.sort_into_tiers(items)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have the tests that are marked so run with the other kinds of modules too."""
    kinds = [kind for marker, kind in tiers.KINDS.items() if metafunc.definition.get_closest_marker(marker)]
    if kinds and "built_modules" in metafunc.fixturenames:
        metafunc.parametrize("built_modules", ["native", *kinds], indirect=True, scope="session")


@pytest.fixture(scope="session")
def built_modules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BuiltModules:
    """Return the modules of Anaconda3 (two versions), Miniconda3 and Miniforge3, built by EasyBuild.

    With the parameter `asked` they are as `conda.native_activation: false` has them; with `installed` those
    of `stackenv site install`; with `mamba` it is Miniforge3 and mamba that tests load and type.
    """
    built, kind = build_modules(), getattr(request, "param", "native")
    if kind == "native":
        return built
    if kind == "asked":
        return copy_modules_that_ask_conda(built, tmp_path_factory.mktemp("asked"))
    if kind == "mamba":
        return choose_mamba(built, tmp_path_factory)
    return install_modules_by_hand(built, tmp_path_factory.mktemp("installed"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have recorded as `said`: a number that is to be seen, also where many run at once."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "said":
                terminalreporter.write_line(str(text))
