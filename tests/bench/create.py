"""The cost of a new environment, against `python3 -m venv`; uv against pip: python tests/bench/create.py

Run it with the Python of .work/venv; the stack is one that the tests build. Both commands of a comparison are
run in turn, each as a whole process. The ensurepip of that Python runs pip as for users, and does not use the
copy that tests use.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from built import LMOD, WORK
from copied_ensurepip import SWITCH
from personal import STACK, run
from stacked import open_stack

STACKENV = WORK / "venv/bin/stackenv"
PAIRS = 5


def count(folder: Path) -> int:
    """Return the number of files, links and folders, including `folder`."""
    return 1 + sum(len(folders) + len(files) for _, folders, files in os.walk(folder))


def time_call(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def compare(home: Path, environ: dict[str, str], *commands: tuple[str, list[str], Path], wanted: str) -> None:
    """Run both `commands` in turn; print their times, the number of files that they make, and the ratio."""
    times: dict[Path, list[float]] = {made: [] for _, _, made in commands}
    entries = {}
    for number in range(PAIRS):
        for _, command, made in commands[:: 1 if number % 2 else -1]:
            times[made].append(time_call(lambda: run(*command, environ=environ)))  # noqa: B023
            entries[made] = count(made)
        for path in (*times, home / "modules"):
            shutil.rmtree(path)
    for what, _, made in commands:
        print(f"{what:<38} {statistics.median(times[made]):6.2f} s {entries[made]:6} files and folders")
    ratio = statistics.median(a / b for a, b in zip(*times.values()))
    print(f"the first against the second: {ratio:.2f} (wanted {wanted})")


def main() -> None:
    stack = open_stack(STACK)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "venvs").mkdir()
        (home / "tools").mkdir()
        (home / "tools/uv").symlink_to(WORK / "venv/bin/uv")
        environ = {
            "HOME": folder,
            "PATH": f"{home / 'tools'}:/usr/bin:/bin",
            "MODULEPATH": stack.modulepath,
            "LMOD_CMD": LMOD,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": stack.wheels,
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": stack.wheels,
            SWITCH: "1",
        }
        python = f"{stack.software}/{stack.python_module}/bin/python3"

        def create(name: str, *words: str) -> tuple[list[str], Path]:
            command = [str(STACKENV), "create", name, "-m", stack.bundle_module, *words]
            return command, home / f"venvs/{name}-1.0"

        print(f"{os.cpu_count()} processors, {PAIRS} pairs, medians of whole processes")
        venv = [python, "-m", "venv", str(home / "plain")], home / "plain"
        empty = ("stackenv create NAME, no packages", *create("light"))
        compare(home, environ, empty, ("python3 -m venv", *venv), wanted="<= 0.35")
        # The first run fills uv's cache, as it does for a user.
        packages = ("biopython", "six")
        by_uv = ("stackenv create NAME biopython six --uv", *create("by-uv", *packages, "--uv"))
        by_pip = ("the same by pip", *create("by-pip", *packages))
        compare(home, environ, by_uv, by_pip, wanted="< 1")


if __name__ == "__main__":
    main()
