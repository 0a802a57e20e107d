"""Fixtures for all tests, and the assignment of tests to tiers."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import tiers
from built import BuiltModules, build_modules
from copied_installations import choose_mamba, copy_modules_that_ask_conda, install_modules_by_hand
from squashfuses import list_squashfuses

# A process that a shell starts in the background ignores SIGINT, and so would every command that a test
# interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests by tier before `-m` chooses among them."""
    tiers.sort_into_tiers(items)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test with a marker of `tiers.KINDS` with that kind of modules too."""
    kinds = [kind for marker, kind in tiers.KINDS.items() if metafunc.definition.get_closest_marker(marker)]
    if kinds and "built_modules" in metafunc.fixturenames:
        metafunc.parametrize("built_modules", ["native", *kinds], indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def unmount_left_images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """End, after all tests, what a test's session would have kept mounted until its logout."""
    yield
    for process in list_squashfuses(tmp_path_factory.getbasetemp()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)


@pytest.fixture(scope="session")
def built_modules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BuiltModules:
    """Return the modules of Anaconda3 (two versions), Miniconda3 and Miniforge3, built by EasyBuild.

    With the parameter `asked` they are those of `conda.native_activation: false`; with `installed` those of
    `stackenv site install`; with `mamba` tests load Miniforge3 and run mamba.
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
    """Print the texts that tests recorded as `said`, such as measured numbers, also with several workers."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "said":
                terminalreporter.write_line(str(text))
