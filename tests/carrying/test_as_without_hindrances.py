"""A Python that cannot be restarted, or that logs its start: what it prints, and that it continues."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from needy_stack import KINDS, PYTHON_FOLDER
from observing import Bare
from programs import Carrier, have_or_skip

FIND = "import needle; print(needle.find())"
GOES_ON = "import signal, sys; print('/Needle/' in str(sys.path), signal.getsignal(signal.SIGINT).__name__)"
THREAD = """\
#include <pthread.h>
#include <unistd.h>

static void *run(void *unused) { sleep(300); return unused; }

__attribute__((constructor)) static void begin(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
}
"""


@pytest.fixture(params=KINDS)
def carrier(bare: Bare, request: pytest.FixtureRequest) -> Carrier:
    return bare.carriers[request.param]


@pytest.fixture
def needy(bare: Bare) -> Carrier:
    return bare.carriers["needy"]


def start(
    carrier: Carrier, *words: str, stack_kib: int = 0, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run the environment's Python; the kernel accepts arguments up to a quarter of the stack size."""
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    limits = (stack_kib << 10, most) if stack_kib else (8 << 20, most)
    return subprocess.run(
        [carrier.python, *words],
        env={**carrier.environ, **environ},
        cwd=carrier.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, limits),
    )


def check_line(carrier: Carrier, done: subprocess.CompletedProcess[str], why: str) -> None:
    """Check that Python continued with the packages, and printed `why` their libraries are not found."""
    assert (done.returncode, done.stdout) == (0, "True default_int_handler\n"), done.stderr
    assert done.stderr == (
        "stackenv: the environment bio/1.0 runs without its modules: their libraries are not found, "
        f"because {why}; hint: module use {carrier.home}/modules; module load bio/1.0\n"
    )


def test_a_command_line_too_long_for_a_restart_is_reported(needy: Carrier) -> None:
    def begin(code: str, size_bytes: int, carries: str = "1") -> subprocess.CompletedProcess[str]:
        words = ["x" * 4000] * (size_bytes // 4000) + ["x" * (size_bytes % 4000)]
        options = {"STACKENV_CARRY": carries}
        return start(needy, "-c", code.ljust(len(GOES_ON)), *words, stack_kib=1024, **options)

    def fits(size_bytes: int) -> bool:
        try:
            return begin("import os; os._exit(0)", size_bytes, carries="0").returncode == 0
        except OSError:
            return False

    least, most = 100_000, 300_000
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if fits(middle) else (least, middle)
    check_line(needy, begin(GOES_ON, least), "Python could not be started again (Argument list too long)")
    # With room for the added variables Python is restarted.
    done = begin(FIND, least - 4000)
    assert (done.returncode, done.stdout, done.stderr) == (0, "10\n", "")


def test_a_process_with_threads_is_not_restarted(needy: Carrier, tmp_path: Path) -> None:
    (tmp_path / "thread.c").write_text(THREAD)
    command = ["gcc", "-shared", "-fPIC", "-pthread", "thread.c", "-o", "thread.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = start(needy, "-c", GOES_ON, LD_PRELOAD=str(tmp_path / "thread.so"))
    check_line(needy, done, "Python already has threads")


def test_python_without_proc_is_not_restarted(needy: Carrier) -> None:
    script = 'cat /proc/cpuinfo >cpuinfo && mount -t tmpfs none /proc && cp cpuinfo /proc && exec "$@"'
    unshare = ("unshare", "--mount", "sh", "-c", script, "sh")
    tried = subprocess.run([*unshare, "true"], cwd=needy.home, capture_output=True, text=True, check=False)
    have_or_skip(tried.stderr)
    done = subprocess.run(
        [*unshare, needy.python, "-c", GOES_ON],
        env=needy.environ,
        cwd=needy.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    check_line(needy, done, "/proc cannot be read (No such file or directory)")


@pytest.fixture
def earlier(carrier: Carrier) -> Iterator[Path]:
    """Return the path of a .pth file that is read before those of stackenv."""
    path = carrier.prefix / f"lib/{PYTHON_FOLDER}/site-packages/00_earlier.pth"
    yield path
    path.unlink()


def test_an_earlier_pth_file_may_import_anything(carrier: Carrier, earlier: Path) -> None:
    earlier.write_text("import importlib.util, json, logging, subprocess, threading\n")
    done = start(carrier, "-c", FIND)
    assert (done.returncode, done.stdout, done.stderr) == (0, "10\n", "")


def test_importtime_and_verbose_output_starts_over_after_a_restart(carrier: Carrier) -> None:
    again = carrier.stack.kind == "needy"
    timed = start(carrier, "-X", "importtime", "-c", FIND)
    assert (timed.returncode, timed.stdout) == (0, "10\n")
    lines = timed.stderr.splitlines()
    assert all(line.startswith("import time: ") for line in lines)
    assert sum("imported package" in line for line in lines) == (2 if again else 1)
    last = [line.rpartition("|")[2].strip() for line in lines[lines.index(lines[0], 1 if again else 0) :]]
    assert last.count("site") == 1 and "needle" in last
    told = start(carrier, "-v", "-c", FIND)
    assert told.returncode == 0 and "import 'needle'" in told.stderr and "stackenv:" not in told.stderr
