"""The cost of `stackenv usage`, as ratios within one run: python tests/bench/usage.py

Run it with the Python of .work/venv. The tree has 200,000 files: a package cache, two environments that link
to it, and one that does not. A bare pass is os.scandir of each folder, without any stat(2). Cold runs need
root, to drop the caches of the system.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from built import WORK
from cost import RUNS

from stackenv.disk.usage import measure_trees

STACKENV = WORK / "venv/bin/stackenv"
PACKAGES = 2500
FILES = 20
DROP_CACHES = Path("/proc/sys/vm/drop_caches")
BARE = """
import os, sys
folders = sys.argv[1:]
while folders:
    with os.scandir(folders.pop()) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
"""


def make_home(home: Path) -> list[Path]:
    """Make the four trees, each with PACKAGES * FILES files; return their roots."""
    cache = home / "conda/pkgs"
    environments = [home / f"conda/envs/{name}" for name in ("one", "two", "own")]
    for number in range(PACKAGES):
        folder = cache / f"package{number}/lib/core"
        folder.mkdir(parents=True)
        inside = [root / f"lib/python3.12/site-packages/package{number}" for root in environments]
        for other in inside:
            other.mkdir(parents=True)
        for name in range(FILES):
            (folder / f"module{name}.py").write_bytes(b"x" * 900)
            for other in inside[:2]:
                os.link(folder / f"module{name}.py", other / f"module{name}.py")
            (inside[2] / f"module{name}.py").write_bytes(b"x" * 900)
    for root in environments:
        (root / "conda-meta").mkdir()
        (root / "conda-meta/history").touch()
    return [cache, *environments]


def scan_bare(roots: list[Path]) -> None:
    """Pass over `roots` with os.scandir alone."""
    folders = list(map(str, roots))
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def run_du(roots: list[Path]) -> tuple[int, int]:
    """Return the bytes and inodes that two runs of du report for `roots` in total."""
    numbers = []
    for option in ("-B1", "--inodes"):
        done = subprocess.run(["du", "-sc", option, *roots], check=True, capture_output=True, text=True)
        numbers.append(int(done.stdout.splitlines()[-1].split()[0]))
    return numbers[0], numbers[1]


def time_call(call: Callable[[], object], cold: bool = False) -> float:
    if cold:
        os.sync()
        DROP_CACHES.write_text("3\n")
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def compare(
    first: Callable[[], object], second: Callable[[], object], cold: bool = False
) -> tuple[float, float, float]:
    """Return the median seconds of two calls that are run in turn, and the median of the pairs' ratios."""
    runs = 3 if cold else RUNS
    pairs = [(time_call(first, cold), time_call(second, cold)) for _ in range(runs)]
    a, b = (statistics.median(column) for column in zip(*pairs))
    return a, b, statistics.median(x / y for x, y in pairs)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        roots = make_home(home)
        environ = {"HOME": folder, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
        told = run_du(roots)

        def measure() -> None:
            usage = measure_trees({str(root): root for root in roots}).values()
            found = sum(u.counted_bytes for u in usage), sum(u.counted_inodes for u in usage)
            if found != told:
                raise SystemExit(f"{found} are measured, and du tells {told}")

        def command() -> None:
            words = [STACKENV, "usage", "--json"]
            printed = subprocess.run(words, env=environ, check=True, stdout=subprocess.PIPE).stdout
            total = json.loads(printed)["result"]["total"]
            if (total["size_bytes"], total["file_count"]) != told:
                raise SystemExit(f"{total} is told, and du tells {told}")

        def bare() -> None:
            scan_bare(roots)

        def bare_python() -> None:
            subprocess.run([sys.executable, "-I", "-c", BARE, *roots], check=True)

        measure()
        rows = [
            ("the measuring, against a bare pass of os.scandir", "<= 3", *compare(measure, bare)),
            ("  the command, against a Python that does it", "report", *compare(command, bare_python)),
            (
                "  du -s and du --inodes, against the bare pass",
                "report",
                *compare(lambda: run_du(roots), bare),
            ),
        ]
        if os.access(DROP_CACHES, os.W_OK):
            rows += [
                ("cold: the measuring, against a bare pass", "report", *compare(measure, bare, True)),
                (
                    "  du -s and du --inodes, against the bare pass",
                    "report",
                    *compare(lambda: run_du(roots), bare, True),
                ),
            ]
    processors = len(os.sched_getaffinity(0))
    print(f"{processors} processors, load {os.getloadavg()[0]:.1f}, {4 * PACKAGES * FILES} files, medians")
    print(f"{'what':<56} {'wanted':>8} {'A ms':>8} {'B ms':>8} {'A/B':>6}")
    for what, wanted, first, second, ratio in rows:
        print(f"{what:<56} {wanted:>8} {first * 1e3:8.1f} {second * 1e3:8.1f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
