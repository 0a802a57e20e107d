"""The cost of the stubs of a venv, as ratios within one run: python tests/bench/stubs.py

Run it with the Python of .work/venv. It makes modules with 12 and with 150 packages, based on a stack of the
tests with real numpy. Each row compares an environment with stubs to one with --no-stubs on the same modules.
The medians are those of whole processes run in turn, the ratio is the median of the pairs' ratios. "Bare"
means without modules.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "carrying"))
sys.path.insert(0, str(Path(__file__).parents[1] / "personal"))
sys.path.insert(0, str(Path(__file__).parents[1] / "slurm"))
sys.path.insert(0, str(Path(__file__).parents[1] / "uv"))

from carried import Row, compare, print_row, read_loaded, run
from create import count
from made_stack import Made, make_module
from stacked import WORK, open_stack
from users import STACKENV, User, make_user

PAIRS, CREATIONS = 11, 5
SIZES = (12, 150)
# As long as the README in the metadata of many packages (numpy's is 7 kB).
DESCRIPTION = "about it\n" * 800
MODULE = "Many/1.0"


def make_environments(folder: Path, size: int) -> User:
    """Return a user of a module of `size` packages, with the environments `it` and `no`."""
    user = make_user(folder, open_stack("eb5-pythonpath"))
    user.environ["MODULEPATH"] += f":{user.home}/site"
    python = f"{user.stack.software}/{user.stack.python_module}/bin/python3"
    packages = [
        Made(f"many{number}", requires=[f"many{number - 1}"] if number else [], description=DESCRIPTION)
        for number in range(size - 2)
    ]
    # The bundle has the other two.
    make_module(user, MODULE, packages, user.stack.bundle_module, python)
    for name, options in (("it", []), ("no", ["--no-stubs"])):
        run([STACKENV, "create", name, "-m", MODULE, *options], user.environ)
    return user


def measure_create(user: User) -> Row:
    """Return the row for `stackenv create`."""

    def create(*options: str) -> float:
        begin = time.perf_counter()
        run([STACKENV, "create", "new", "-m", MODULE, *options], user.environ)
        seconds = time.perf_counter() - begin
        run([STACKENV, "remove", "new", "--yes"], user.environ)
        return seconds

    turns: list[Callable[[], float]] = [create, lambda: create("--no-stubs")]
    pairs = []
    for number in range(CREATIONS):
        times = [turn() for turn in (turns[::-1] if number % 2 else turns)]
        pairs.append(times[::-1] if number % 2 else times)
    one, other = (statistics.median(column) for column in zip(*pairs))
    return "create", "report", one, other, statistics.median(a / b for a, b in pairs)


def measure_edit(user: User) -> Row:
    """Return the row for `stackenv edit --stubs` without stubs, against a refresh that changes nothing."""

    def edit(option: str) -> float:
        begin = time.perf_counter()
        run([STACKENV, "edit", "it", option], user.environ)
        return time.perf_counter() - begin

    times = []
    for _ in range(CREATIONS):
        edit("--no-stubs")
        times.append((edit("--stubs"), edit("--refresh")))
    one, other = (statistics.median(column) for column in zip(*times))
    return "edit --stubs, against --refresh", "report", one, other, statistics.median(a / b for a, b in times)


def measure(user: User) -> Iterator[Row]:
    """Yield the rows for commands in both environments, and for create and edit."""
    prefixes = [user.home / f"venvs/{name}-1.0" for name in ("it", "no")]
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(user.home), "LANG": "C.UTF-8"}
    loaded = [read_loaded(user, name) for name in ("it", "no")]
    uv = str(WORK / "venv/bin/uv")
    check = "from importlib.metadata import version; version('many3')"
    listed = "from importlib.metadata import distributions; [d.metadata['Name'] for d in distributions()]"
    kinds = (
        ("bare start", ["PYTHON", "-c", "pass"], [bare, bare]),
        ("start", ["PYTHON", "-c", "pass"], loaded),
        ("import numpy, bare", ["PYTHON", "-c", "import numpy"], [bare, bare]),
        ("import numpy", ["PYTHON", "-c", "import numpy"], loaded),
        ("importlib.metadata: one version", ["PYTHON", "-c", check], loaded),
        ("importlib.metadata: all names", ["PYTHON", "-c", listed], loaded),
        ("pip list", ["PYTHON", "-m", "pip", "list"], loaded),
        ("pip check", ["PYTHON", "-m", "pip", "check"], loaded),
        ("uv pip list", [uv, "pip", "list", "-q", "-p", "PYTHON"], loaded),
        ("uv pip check", [uv, "pip", "check", "-q", "-p", "PYTHON"], loaded),
    )
    for what, words, environs in kinds:
        calls = [
            (lambda w, e: lambda: run(w, e))(
                [word.replace("PYTHON", f"{prefix}/bin/python") for word in words], environ
            )
            for prefix, environ in zip(prefixes, environs)
        ]
        yield compare(what, "report", *calls, pairs=PAIRS)
    yield measure_create(user)
    yield measure_edit(user)


def main() -> None:
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {PAIRS} pairs, fewer of create")
    print(f"{'what':<62} {'wanted':>8} {'A ms':>8} {'B ms':>8} {'A/B':>6}")
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="stackenv-bench-") as folder:
            user = make_environments(Path(folder), size)
            with_stubs, without = (count(user.home / f"venvs/{name}-1.0") for name in ("it", "no"))
            print(f"a stack of {size}: {with_stubs} files and folders, against {without}")
            for row in measure(user):
                print_row(row)


if __name__ == "__main__":
    main()
