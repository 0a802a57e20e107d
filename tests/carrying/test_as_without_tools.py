"""Tools that run in an environment's Python and start further Pythons: coverage, xdist, dask, debugpy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from needy_stack import KINDS, NeedleStack, make_needle_stack
from programs import JUPYTERS_PACKAGES, PROGRAMS, Carrier, make_carrier
from stacked import WORK
from users import make_once, make_user

(PROGRAMS_PACKAGES,) = PROGRAMS.parent.glob("lib/python*/site-packages")
(TESTS_PACKAGES,) = (WORK / "venv").glob("lib/python*/site-packages")
TESTS = """\
import os, pytest

@pytest.mark.parametrize("number", range(8))
def test_needle(number):
    import needle
    assert needle.find() == 10
    assert os.environ["PYTEST_XDIST_WORKER"]
    assert "LD_LIBRARY_PATH" not in os.environ and "STACKENV_RESTARTED" not in os.environ
"""
PARENT = """\
import subprocess, sys
import needle
if len(sys.argv) < 2:
    print(needle.find(), subprocess.check_output([sys.executable, __file__, "child"]).decode().strip())
else:
    print("child", needle.find())
"""
CLUSTER = """\
import os
from distributed import Client, LocalCluster

def look(number):
    import needle
    return number, needle.find(), os.getpid(), os.environ.get("LD_LIBRARY_PATH")

if __name__ == "__main__":
    alone = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**alone) as cluster, Client(cluster) as client:
        found = client.run(look, 1)
        print(sorted((number, needle, path) for number, needle, _, path in found.values()))
        print(len({os.getpid(), *(pid for _, _, pid, _ in found.values())}))
"""


@pytest.fixture(scope="module", params=KINDS)
def carrier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Carrier:
    """Return a user whose environment also has coverage, distributed, pytest-xdist and debugpy."""
    stack: NeedleStack = make_needle_stack(tmp_path_factory, "eb5-pythonpath", request.param)

    def make(folder: Path) -> None:
        carrier = make_carrier(folder, stack)
        (packages,) = carrier.prefix.glob("lib/python*/site-packages")
        added = [PROGRAMS_PACKAGES, TESTS_PACKAGES, JUPYTERS_PACKAGES]
        (packages / "added.pth").write_text("".join(f"{folder}\n" for folder in added))
        (hook,) = PROGRAMS_PACKAGES.glob("*coverage.pth")
        (packages / hook.name).write_text(hook.read_text())

    return Carrier(make_user(make_once(tmp_path_factory, f"tools-{request.param}", make), stack), stack)


def run(carrier: Carrier, folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [carrier.python, *words],
        env={**carrier.environ, **environ},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_coverage_measures_child_processes(carrier: Carrier, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    (tmp_path / "coveragerc").write_text(
        f"[run]\nparallel = true\ndata_file = {tmp_path}/data\nsource = {tmp_path}\n"
    )
    measured = {"COVERAGE_PROCESS_START": str(tmp_path / "coveragerc")}
    started = run(carrier, tmp_path, "parent.py", **measured)
    assert (started.stdout, started.stderr) == ("10 child 10\n", "")
    # One file per process; a start before a restart writes none.
    assert len(list(tmp_path.glob("data.*"))) == 2
    by_command = run(
        carrier, tmp_path, "-m", "coverage", "run", "--rcfile=coveragerc", "parent.py", **measured
    )
    assert (by_command.stdout, by_command.stderr) == ("10 child 10\n", "")
    assert run(carrier, tmp_path, "-m", "coverage", "combine", "--rcfile=coveragerc").returncode == 0
    shown = run(carrier, tmp_path, "-m", "coverage", "report", "--rcfile=coveragerc")
    assert "parent.py" in shown.stdout and "100%" in shown.stdout, shown.stdout + shown.stderr


def test_pytest_xdist_workers_have_the_stack(carrier: Carrier, tmp_path: Path) -> None:
    (tmp_path / "test_needle.py").write_text(TESTS)
    done = run(carrier, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "test_needle.py")
    assert done.returncode == 0 and "8 passed" in done.stdout, done.stdout + done.stderr


def test_dask_workers_have_the_stack(carrier: Carrier, tmp_path: Path) -> None:
    (tmp_path / "cluster.py").write_text(CLUSTER)
    done = run(carrier, tmp_path, "cluster.py")
    assert (done.returncode, done.stdout) == (0, "[(1, 10, None), (1, 10, None)]\n3\n"), done.stderr
    assert "stackenv" not in done.stderr


def test_a_program_and_its_child_have_the_stack_under_debugpy(carrier: Carrier, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    done = run(carrier, tmp_path, "-m", "debugpy", "--listen", "127.0.0.1:0", "parent.py")
    assert (done.returncode, done.stdout) == (0, "10 child 10\n"), done.stderr
    assert "stackenv" not in done.stderr
