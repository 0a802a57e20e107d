"""Looks that run in processes: their order, how many run at once, and what follows if one is killed."""

from __future__ import annotations

import functools
import os
import signal
import time
from pathlib import Path

import pytest

from stackenv.health import side_by_side
from stackenv.health.side_by_side import count_processes, look_side_by_side

pytestmark = pytest.mark.quick


def run(looks: list, processes: int) -> tuple[list, int]:
    """Return the results of `looks`, and how many were counted as done."""
    done = []
    return look_side_by_side(looks, done.append, processes), sum(done)


@pytest.mark.parametrize("processes", [1, 2, 9])
def test_results_are_in_the_order_of_the_looks(processes: int) -> None:
    def look(number: int) -> int:
        time.sleep((5 - number) / 100)
        return number

    assert run([functools.partial(look, number) for number in range(5)], processes) == ([0, 1, 2, 3, 4], 5)
    assert run([], processes) == ([], 0)


def test_no_more_processes_run_than_allowed_and_all_of_them_end(tmp_path: Path) -> None:
    def look(number: int) -> tuple[int, int]:
        mark = tmp_path / str(number)
        mark.touch()
        time.sleep(0.05)
        seen = len(list(tmp_path.iterdir()))
        mark.unlink()
        return os.getpid(), seen

    found, _ = run([functools.partial(look, number) for number in range(7)], 3)
    assert len({number for number, _ in found}) == 3
    assert 1 < max(seen for _, seen in found) <= 3
    for number, _ in found:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_a_look_whose_process_fails_is_repeated_in_the_main_process() -> None:
    here = os.getpid()

    def look(kind: str) -> str:
        if kind == "killed" and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        # A local function cannot be sent to another process.
        return (lambda: None) if kind == "odd" and os.getpid() != here else kind

    looks = [functools.partial(look, kind) for kind in ("killed", "odd", "well")]
    assert run(looks, 2) == (["killed", "odd", "well"], 3)


def test_all_looks_run_in_the_main_process_if_no_worker_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    # Replaces a fork that the system refuses: a test must not fill up the node.
    monkeypatch.setattr(side_by_side, "start_workers", lambda looks, number: {})
    assert run([os.getpid] * 3, 2) == ([os.getpid()] * 3, 3)


def test_an_error_in_a_look_stops_the_other_processes() -> None:
    here = os.getpid()

    def look(kind: str) -> None:
        if kind == "slow":
            time.sleep(60)
        if os.getpid() == here:
            raise RuntimeError(kind)
        os._exit(1)

    begun = time.monotonic()
    with pytest.raises(RuntimeError, match="wrong"):
        run([functools.partial(look, kind) for kind in ("slow", "wrong")], 2)
    assert time.monotonic() - begun < 30


def test_processors_and_free_memory_limit_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    # Replaces the values of this machine: others have more, or less.
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64))
    for free, number in ((10**12, 8), (10**9, 3), (10**6, 1), (0, 1)):
        monkeypatch.setattr(side_by_side, "read_free_bytes", lambda free=free: free)
        assert (count_processes(20), count_processes(2)) == (number, min(number, 2))


def test_the_free_memory_of_this_machine_is_read() -> None:
    assert side_by_side.read_free_bytes() > 10**6
