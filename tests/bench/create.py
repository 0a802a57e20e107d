"""What a new environment costs, against `python3 -m venv` of the same Python: python tests/bench/create.py

Run by the Python of .work/venv, on a stack that the tests build. They take turns; each is a whole process.
The ensurepip of that Python installs as a user's does, and not from the tests' copy.
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
    """Return how many files, links and folders there are, `folder` among them."""
    return 1 + sum(len(folders) + len(files) for _, folders, files in os.walk(folder))


def time_call(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main() -> None:
    stack = open_stack(STACK)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "venvs").mkdir()
        environ = {
            "HOME": folder,
            "PATH": "/usr/bin:/bin",
            "MODULEPATH": stack.modulepath,
            "LMOD_CMD": LMOD,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "PIP_NO_INDEX": "1",
            SWITCH: "1",
        }
        python = f"{stack.software}/{stack.python_module}/bin/python3"
        ours = (STACKENV, "create", "light", "-m", stack.bundle_module), home / "venvs/light-1.0"
        theirs = (python, "-m", "venv", home / "plain"), home / "plain"
        times: dict[Path, list[float]] = {ours[1]: [], theirs[1]: []}
        entries = {}
        for number in range(PAIRS):
            for command, made in (theirs, ours) if number % 2 else (ours, theirs):
                times[made].append(time_call(lambda: run(*command, environ=environ)))  # noqa: B023
                entries[made] = count(made)
            for path in (*times, home / "modules"):
                shutil.rmtree(path)
    ratio = statistics.median(a / b for a, b in zip(*times.values()))
    print(f"{os.cpu_count()} processors, {PAIRS} pairs, medians of whole processes")
    for what, made in (("stackenv create NAME, no packages", ours[1]), ("python3 -m venv", theirs[1])):
        print(f"{what:<34} {statistics.median(times[made]):6.2f} s {entries[made]:6} files and folders")
    print(f"the first against the second: {ratio:.2f} (wanted <= 0.35)")


if __name__ == "__main__":
    main()
