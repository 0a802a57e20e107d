"""A forked command behaves like one that is started."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from forked import LANGUAGE, can_fork, fork, start

ENVIRON = {"PATH": "/usr/bin:/bin", "LANG": LANGUAGE}
WORDS = [
    ("--version",),
    ("--help",),
    ("site", "--help"),
    ("frobnicate",),
    ("site", "check"),
    ("site", "check", "missing.yaml"),
    ("list",),
    ("list", "--json"),
    ("info", "größe"),
    ("run", "nothing", "--", "true"),
    ("create", "--dry-run", "it"),
]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**ENVIRON, "HOME": str(tmp_path), "PYTHONPATH": "/nonexistent", "PYTHONSTARTUP": "/nonexistent"}


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_forked_command_has_the_status_and_output_of_a_started_command(words, environ, tmp_path) -> None:
    started, forked = (run(words, environ, tmp_path) for run in (start, fork))
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )


def write_lmod(folder: Path, script: str) -> dict[str, str]:
    """Write a program that stackenv starts as Lmod; return the variable that names it."""
    path = folder / "lmod"
    path.write_text(f"#!/bin/sh\n{script}\nexit 1\n")
    path.chmod(0o755)
    return {"LMOD_CMD": str(path)}


def test_a_forked_command_has_the_umask_folder_and_variables_of_its_caller(environ, tmp_path) -> None:
    seen = tmp_path / "seen"
    lmod = write_lmod(tmp_path, f'(umask; pwd; echo "$PYTHONPATH") > "{seen}"')
    before = os.umask(0o037)
    try:
        fork(["create", "--dry-run", "it"], {**environ, **lmod}, tmp_path)
    finally:
        os.umask(before)
    assert seen.read_text().splitlines() == ["0037", str(tmp_path), "/nonexistent"]


def test_a_waiting_forked_command_does_not_delay_another_command(environ, tmp_path) -> None:
    begun, end = tmp_path / "begun", tmp_path / "end"
    lmod = write_lmod(tmp_path, f'touch "{begun}"; while [ ! -e "{end}" ]; do sleep 0.02; done')
    words = (["create", "--dry-run", "it"], {**environ, **lmod}, tmp_path)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(fork, *words)
        try:
            while not begun.exists():
                assert not waiting.done(), waiting.result()
            assert fork(["--version"], environ, tmp_path).returncode == 0
            assert not waiting.done()
        finally:
            end.touch()
        assert waiting.result().returncode == 7


@pytest.mark.parametrize(
    "change", [{"LANG": "C"}, {"LC_ALL": "C"}, {"LD_PRELOAD": "/x.so"}, {"PYTHONHOME": "/"}]
)
def test_variables_that_affect_the_start_of_python_prevent_forking(change: dict[str, str]) -> None:
    assert can_fork(ENVIRON)
    assert not can_fork({**ENVIRON, **change})
