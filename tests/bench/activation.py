"""The cost of activating an environment, as ratios within one run: python tests/bench/activation.py

Run it with the Python of .work/venv; the modules are those that the tests build. The first rows compare the
process that the function `conda` starts with another, in the environment of a shell that has loaded the
module; the last row compares whole unloads by Lmod. Prints the medians of shuffled rounds, and the medians
of the rounds' ratios.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "shells"))

from built import build_modules
from cost import START, time_script
from environments import make_environment

ROUNDS = 40
MODULE = "Miniconda3/24.7.1-0"
OPTIONS = "base,hide,hide-modules"
Timed = Callable[[], float]


def time_process(command: list[str], environ: Mapping[str, str]) -> float:
    """Return the seconds from the start of a process to its end."""
    begin = time.perf_counter()
    subprocess.run(command, env=dict(environ), check=True, capture_output=True)
    return time.perf_counter() - begin


def time_in_turn(programs: Mapping[str, Timed]) -> dict[str, list[float]]:
    """Return the seconds of each program, by round; each round runs all of them once, in random order."""
    order = random.Random(0)
    for run in programs.values():
        run()
    rounds = []
    for _ in range(ROUNDS):
        names = order.sample(list(programs), len(programs))
        rounds.append({name: programs[name]() for name in names})
    return {name: [found[name] for found in rounds] for name in programs}


def read_environment(script: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a bash after `script`."""
    command = ["bash", "--norc", "--noprofile", "-c", f"{START}{script}\nenv -0"]
    done = subprocess.run(command, env=dict(environ), check=True, stdout=subprocess.PIPE, text=True)
    return dict(entry.split("=", 1) for entry in done.stdout.split("\0")[:-1])


def list_programs(root: str, environ: Mapping[str, str]) -> dict[str, Timed]:
    """Return the calls that are timed, by name."""
    loaded = read_environment(f"module load {MODULE}", environ)
    active = read_environment(f"module load {MODULE}; conda activate one", environ)
    python, ours = f"{root}/bin/python", f"{root}/libexec/stackenv/activation.py"
    conda = [f"{root}/bin/conda", "shell.posix"]
    activate = [ours, "sh", OPTIONS, "activate", "one"]
    load = f"{START}module load {MODULE}\nconda activate one\n"
    empty = f"{START}module load bench/empty\n"
    unload = "a=$EPOCHREALTIME\nmodule unload {}\necho TIMED $a $EPOCHREALTIME\n"
    return {
        "pass": lambda: time_process([python, "-I", "-S", "-c", "pass"], loaded),
        "activate": lambda: time_process([python, "-ISB", *activate], loaded),
        "deactivate": lambda: time_process([python, "-ISB", ours, "sh", OPTIONS, "deactivate"], active),
        "asked": lambda: time_process([python, "-I", *activate], loaded),
        "conda": lambda: time_process([*conda, "activate", "one"], loaded),
        "unload": lambda: time_script(load + unload.format(MODULE), dict(environ)),
        "empty": lambda: time_script(empty + unload.format("bench/empty"), dict(environ)),
    }


ROWS = (
    ("conda activate NAME, our process, against python -I -S -c pass", "activate", "pass", "<= 1.5"),
    ("conda deactivate, our process, against the same", "deactivate", "pass", ""),
    ("conda activate NAME against conda's own shell.posix activate", "activate", "conda", "<= 0.18"),
    ("native_activation: false against conda's own", "asked", "conda", ""),
    ("unload with one active environment against an empty module's", "unload", "empty", "<= 2.0"),
)


def main() -> None:
    built = build_modules()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        make_environment(home / "conda/envs/one", "ONE")
        more = Path(folder, "modules/bench")
        more.mkdir(parents=True)
        (more / "empty.lua").write_text("-- empty\n")
        environ = {
            "HOME": str(home),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "MODULEPATH": f"{built.modulepath}:{more.parent}",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
        }
        seconds = time_in_turn(list_programs(f"{built.software}/{MODULE}", environ))
    print(f"{ROUNDS} shuffled rounds, medians of whole processes")
    print(f"{'what':<64} {'wanted':>8} {'A ms':>8} {'B ms':>8} {'A/B':>6}")
    for what, first, second, wanted in ROWS:
        a, b = seconds[first], seconds[second]
        ratio = statistics.median(x / y for x, y in zip(a, b))
        print(
            f"{what:<64} {wanted:>8} {statistics.median(a) * 1e3:8.1f} {statistics.median(b) * 1e3:8.1f}"
            f" {ratio:6.2f}"
        )


if __name__ == "__main__":
    main()
