"""Measures the coverage of the process that imports it; a .pth file of tests/coverage.sh makes all do so.

The variables with which coverage.py measures child processes would not do: shells, modules and tests remove
them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from coverage import Coverage

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = CHECKOUT / ".work/coverage/data"


def start() -> None:
    """Measure this process from here on, and those that it forks."""
    measured = Coverage(
        config_file=str(CHECKOUT / ".coveragerc"),
        data_file=str(DATA / "coverage"),
        data_suffix=True,
        include=[str(CHECKOUT / "src/stackenv/*")],
    )
    # As coverage.py does in child processes: many have nothing to do with stackenv, and would warn.
    measured._warn_no_data = measured._warn_unimported_source = measured._warn_preimported_source = False
    measured._auto_save = True
    measured.start()
    os.execv, os.execve = save_before(os.execv), save_before(os.execve)


def save_before(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that saves what was measured, and then calls `execute`, which does not return.

    `patch = execv` of coverage.py would add a variable to the new environment, which tests compare.
    """

    def save_and_execute(*words: Any) -> Any:
        current = Coverage.current()
        if current is not None:
            current.save()
        return execute(*words)

    return save_and_execute


start()
