"""The cost of an environment that carries its stack, as ratios in one run: python tests/bench/carried.py

Run it with the Python of .work/venv; the modules are made like those of tests. With one kind (`rpath`),
sys.path is enough to find everything; with the other (`needy`), a library needs LD_LIBRARY_PATH, which costs
one more exec. `script` is a Python that itself needs such a library to start, and that a bash script starts
instead of a link. `bare` means without any module. The medians are those of whole processes run in turn, the
ratio is the median of the pairs' ratios. A large stack has 150 packages with 3000 extension modules, and the
loader is asked about each. The last rows are for 100 tasks that one srun starts on the two nodes of a private
Slurm, if one can be started; --no-slurm skips them.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "carrying"))
sys.path.insert(0, str(Path(__file__).parents[1] / "personal"))
sys.path.insert(0, str(Path(__file__).parents[1] / "slurm"))

from cluster import Cluster, find_hindrance, start_cluster
from copied_ensurepip import SWITCH
from needy_python import BUNDLE, make_needy_user
from needy_stack import KINDS, NeedleStack, describe_needle_stack, write_module, write_modules
from stacked import open_stack
from users import STACKENV, User, make_user

BASE = "eb5-pythonpath"
PAIRS = 41
CREATIONS, STEPS, STEPS_OF_NUMPY = 7, 7, 3
LARGE_PACKAGES = 150
TASKS = 100
# With an exec, Python starts twice.
WANTED = {"rpath": "<= 1.25", "needy": "<= 2.25"}
NUMPY, NEEDLE = "import numpy", "import needle"
Timed = Callable[[], object]
Row = tuple[str, str, float, float, float]


def time_call(call: Timed) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def compare(what: str, wanted: str, first: Timed, second: Timed, pairs: int = PAIRS) -> Row:
    """Return the row of two calls that are run in turn: both medians, and the median of the pairs' ratios."""
    times: list[tuple[float, float]] = []
    first(), second()
    for number in range(pairs):
        if number % 2:
            b, a = time_call(second), time_call(first)
        else:
            a, b = time_call(first), time_call(second)
        times.append((a, b))
    one, other = (statistics.median(column) for column in zip(*times))
    return what, wanted, one, other, statistics.median(a / b for a, b in times)


def run(words: list[str], environ: Mapping[str, str]) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{words}: {done.stdout}{done.stderr}")


def start(python: str, code: str, environ: Mapping[str, str]) -> Timed:
    """Return a call that only runs `code` with `python`."""
    return lambda: run([python, "-c", code], environ)


def read_loaded(user: User, name: str) -> dict[str, str]:
    """Return the environment of a shell that has loaded the environment `name`."""
    loaded = user.run(f'module use ~/modules; module load {name}; env -0 > "$HOME/loaded"')
    if loaded.returncode:
        raise SystemExit(loaded.stderr)
    pairs = (user.home / "loaded").read_text().split("\0")[:-1]
    return dict(pair.split("=", 1) for pair in pairs)


def make_kind(folder: Path, kind: str) -> User:
    """Return a user of modules of one kind, with an environment that carries them and one that does not."""
    below = open_stack(BASE)
    write_modules(folder / "modules", below, kind)
    stack = describe_needle_stack(folder / "modules", below, kind)
    user = make_user(folder, stack)
    for name, options in (("carrying", []), ("plain", ["--no-carry"])):
        words = [STACKENV, "create", name, "-m", stack.bundle_module, *options]
        run(words, user.environ)
    return user


def measure_starts(user: User, kind: str) -> Iterator[Row]:
    """Yield the rows for starts of Python."""
    python, plain = (f"{user.home}/venvs/{name}-1.0/bin/python" for name in ("carrying", "plain"))
    base = f"{user.stack.software}/{user.stack.python_module}/bin/python3"
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(user.home), "LANG": "C.UTF-8"}
    # STACKENV_TOLD: the user has been informed already, so that no line is written and measured.
    off = {**bare, "STACKENV_CARRY": "0", "STACKENV_TOLD": "carrying/1.0"}
    loaded = read_loaded(user, "carrying")
    run([python, "-c", f"{NUMPY}; {NEEDLE}"], bare)
    ours, others = start(python, "pass", bare), start(base, "pass", bare)
    not_carried = start(python, "pass", off)
    yield compare(f"{kind}: bare, against STACKENV_CARRY=0", WANTED[kind], ours, not_carried)
    yield compare(f"{kind}: bare, against the base Python", "report", ours, others)
    yield compare(f"{kind}:   STACKENV_CARRY=0, against the base Python", "report", not_carried, others)
    yield compare(
        f"{kind}: bare, {NUMPY}, against the module loaded",
        *("report", start(python, NUMPY, bare), start(python, NUMPY, loaded)),
    )
    yield compare(
        f"{kind}: module loaded, against one made by --no-carry",
        *("<= 1.02", start(python, "pass", loaded), start(plain, "pass", read_loaded(user, "plain"))),
    )


def measure_script(folder: Path) -> Iterator[Row]:
    """Yield the rows for a Python that does not start without its modules, and is started by a script."""
    below = open_stack(BASE)
    write_modules(folder / "modules", below, "needy")
    user = make_needy_user(folder, describe_needle_stack(folder / "modules", below, "needy"))
    for name, options in (("carrying", []), ("plain", ["--no-carry"])):
        run([STACKENV, "create", name, "-m", BUNDLE, *options], user.environ)
    python, plain = (f"{user.home}/venvs/{name}-1.0/bin/python" for name in ("carrying", "plain"))
    loaded, of_plain = read_loaded(user, "carrying"), read_loaded(user, "plain")
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(user.home), "LANG": "C.UTF-8"}
    with_libraries = {**bare, "LD_LIBRARY_PATH": loaded["LD_LIBRARY_PATH"], "STACKENV_TOLD": "plain/1.0"}
    by_link = start(plain, "pass", with_libraries)
    yield compare("script: bare, against a link", "<= 2.25", start(python, "pass", bare), by_link)
    many = {**bare, **{f"VARIABLE_{number}": "x" * 60 for number in range(150)}}
    by_link = start(plain, "pass", {**many, **with_libraries})
    yield compare("script:   and 150 variables", "report", start(python, "pass", many), by_link)
    one, other = start(python, "pass", loaded), start(plain, "pass", of_plain)
    yield compare("script: module loaded, against a link", "report", one, other)


def measure_create(user: User, kind: str) -> Row:
    """Return the row for `stackenv create`."""

    def create(*options: str) -> float:
        words = [STACKENV, "create", "new", "-m", user.stack.bundle_module, *options]
        seconds = time_call(lambda: run(words, user.environ))
        run([STACKENV, "remove", "new", "--yes"], user.environ)
        return seconds

    pairs = [(create(), create("--no-carry")) for _ in range(CREATIONS)]
    one, other = (statistics.median(column) for column in zip(*pairs))
    ratio = statistics.median(a / b for a, b in pairs)
    return f"{kind}: create, against create --no-carry", "report", one, other, ratio


def make_large(user: User) -> str:
    """Make a module with many packages, whose extensions find all their libraries; return its name."""
    stack = user.stack
    assert isinstance(stack, NeedleStack)
    extension = next(Path(stack.needle_packages).rglob("*.so"))
    packages = Path(
        stack.folder, "Large/1.0", Path(stack.needle_packages).relative_to(f"{stack.folder}/Needle/1.0")
    )
    for number in range(LARGE_PACKAGES):
        described = packages / f"large{number}-1.0.dist-info/METADATA"
        described.parent.mkdir(parents=True)
        described.write_text(f"Metadata-Version: 2.1\nName: large{number}\nVersion: 1.0\n")
        for part in range(5):
            folder = packages / f"large{number}/part{part}"
            folder.mkdir(parents=True)
            for place in range(4):
                shutil.copy(extension, folder / f"_extension{place}.so")
            for place in range(40):
                (folder / f"module{place}.py").touch()
    line = f'prepend_path("PYTHONPATH", "{packages}")'
    write_module(Path(stack.folder), "Large/1.0", stack.bundle_module, lines=(line,))
    return "Large/1.0"


def measure_large(user: User) -> Iterator[Row]:
    """Yield the rows for `stackenv create` on the large stack."""
    module = make_large(user)
    folder = user.home / "plain"
    python = f"{user.stack.software}/{user.stack.python_module}/bin/python3"

    def create(*options: str) -> float:
        seconds = time_call(lambda: run([STACKENV, "create", "new", "-m", module, *options], user.environ))
        run([STACKENV, "remove", "new", "--yes"], user.environ)
        return seconds

    def make_venv() -> float:
        seconds = time_call(lambda: run([python, "-m", "venv", str(folder)], {**user.environ, SWITCH: "1"}))
        shutil.rmtree(folder)
        return seconds

    times = [(create(), create("--no-carry"), make_venv()) for _ in range(CREATIONS)]
    one, off, venv = (statistics.median(column) for column in zip(*times))
    ratios = [statistics.median(row[0] / row[number] for row in times) for number in (1, 2)]
    yield "large: create, against create --no-carry", "report", one, off, ratios[0]
    yield "large: create, against python3 -m venv", "<= 0.35", one, venv, ratios[1]


def measure_steps(cluster: Cluster, user: User, kind: str) -> Iterator[Row]:
    """Yield the rows for an srun of many tasks."""
    python = f"{user.home}/venvs/carrying-1.0/bin/python"
    srun = f"srun --quiet --overcommit --nodes=2 --ntasks={TASKS}"

    def step(code: str, prelude: str = "") -> Timed:
        def call() -> None:
            done = cluster.log_in(f"{prelude}{srun} {python} -c '{code}'")
            if done.returncode or done.stderr:
                raise SystemExit(f"{srun}: {done.stdout}{done.stderr}")

        return call

    off = "export STACKENV_CARRY=0 STACKENV_TOLD=carrying/1.0; "
    load = f"module use {user.home}/modules {user.stack.modulepath.replace(':', ' ')}; module load carrying; "
    what = f"{kind}: srun of {TASKS}"
    yield compare(f"{what}, against STACKENV_CARRY=0", "report", step("pass"), step("pass", off), STEPS)
    what = f"{what}, {NUMPY}, against the module's load and it"
    yield compare(what, "report", step(NUMPY), step(NUMPY, load), STEPS_OF_NUMPY)


def print_row(row: Row) -> None:
    what, wanted, first, second, ratio = row
    print(f"{what:<62} {wanted:>8} {first * 1e3:8.1f} {second * 1e3:8.1f} {ratio:6.2f}", flush=True)


def main() -> None:
    hindrance = "--no-slurm" if "--no-slurm" in sys.argv else find_hindrance()
    print(
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {PAIRS} pairs, fewer of create and srun"
    )
    print(f"{'what':<62} {'wanted':>8} {'A ms':>8} {'B ms':>8} {'A/B':>6}")
    # A folder that jobs find too.
    with tempfile.TemporaryDirectory() as folder:
        users = {kind: make_kind(Path(folder, kind), kind) for kind in KINDS}
        for kind, user in users.items():
            for row in measure_starts(user, kind):
                print_row(row)
            print_row(measure_create(user, kind))
        for row in measure_script(Path(folder, "script")):
            print_row(row)
        for row in measure_large(users["rpath"]):
            print_row(row)
        if hindrance:
            print(f"no srun: {hindrance}")
            return
        with start_cluster("", {}) as cluster:
            for kind, user in users.items():
                for row in measure_steps(cluster, user, kind):
                    print_row(row)


if __name__ == "__main__":
    main()
