"""What personal modules cost, as ratios within one run: python tests/bench/personal.py

Run by the Python of .work/venv, on the stack and the modules that the tests build. Prints a table;
the medians are of whole processes: a shell that starts, defines `module`, and loads.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from built import LMOD, WORK, build_modules
from cost import MODULE, RUNS, START, compare
from stacked import open_stack

STACKENV = WORK / "venv/bin/stackenv"
STACK = "eb5-pythonpath"
ENVIRONMENTS = 100


def run(*command: str | Path, environ: dict[str, str]) -> str:
    """Return what `command` prints; raise with its words when it fails."""
    done = subprocess.run([str(w) for w in command], env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def time_command(command: list[str], environ: dict[str, str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return time.perf_counter() - begin


def measure_venv(environ: dict[str, str]) -> tuple[float, float, float]:
    """Return the load of a personal venv module, the same by hand, and the ratio."""
    stack = open_stack(STACK)
    environ = {**environ, "MODULEPATH": stack.modulepath}
    run(STACKENV, "create", "bench", "-m", stack.bundle_module, environ=environ)
    home = environ["HOME"]
    use = f"{START}module use {home}/modules\n"
    by_hand = f"{use}module load {stack.bundle_module}\n. {home}/venvs/bench-1.0/bin/activate\n"
    return compare(f"{use}module load bench\n", by_hand, environ)


def measure_conda(environ: dict[str, str]) -> list[tuple[float, float, float]]:
    """Return `conda activate` against the load of the environment's module: alone, and with conda's own."""
    built = build_modules()
    environ = {**environ, "MODULEPATH": built.modulepath, "STACKENV_SITE_CONFIG": f"{WORK}/built/site.yaml"}
    run(STACKENV, "create", "cbench", "--conda", "activating", environ=environ)
    home = environ["HOME"]
    empty = Path(home, "modules/empty/1.lua")
    empty.parent.mkdir()
    empty.write_text("-- empty\n")
    use = f"{START}module use {home}/modules\n"
    load = f"{use}module load {MODULE}\n"
    activate = f"conda activate {home}/conda/envs/cbench-1.0\n"
    conda = f"{built.software}/{MODULE}/bin/conda"
    # conda's own function, by the line of the site's guide, instead of the module's.
    own = f'{load}unset -f conda\neval "$({conda} shell.bash hook)"\n'
    timed = 'a=$EPOCHREALTIME\n{}echo "TIMED $a $EPOCHREALTIME"\n'
    module = load + timed.format("module load cbench\n")
    return [
        compare(own + timed.format(activate), module, environ),
        compare(own + timed.format(activate), load + timed.format("module load empty\n"), environ),
        compare(load + timed.format(activate), module, environ),
        compare(load + activate, f"{use}module load cbench\n", environ),
    ]


def copy_environments(home: Path) -> None:
    """Make ENVIRONMENTS personal modules of the one that is there: records and modulefiles."""
    modulefile = (home / "modules/bench/1.0.lua").read_text()
    record = json.loads((home / "venvs/bench-1.0/stackenv/record.json").read_text())
    made = len(list((home / "venvs").iterdir())) + len(list((home / "conda/envs").iterdir()))
    for number in range(ENVIRONMENTS - made):
        prefix = home / f"venvs/copy-{number}"
        (prefix / "stackenv").mkdir(parents=True)
        copied = {**record, "name": f"copy{number}", "path": str(prefix)}
        (prefix / "stackenv/record.json").write_text(json.dumps(copied))
        path = home / f"modules/copy{number}/1.0.lua"
        path.parent.mkdir()
        path.write_text(modulefile.replace(record["path"], str(prefix)))


def measure_list(environ: dict[str, str]) -> tuple[float, float, float]:
    """Return `stackenv list` of ENVIRONMENTS environments, an empty Python, and the ratio."""
    copy_environments(Path(environ["HOME"]))
    python = run("readlink", "-f", WORK / "venv/bin/python", environ=environ).strip()
    listing, nothing = [str(STACKENV), "list"], [python, "-c", "pass"]
    found = len(run(*listing, environ=environ).splitlines())
    if found != ENVIRONMENTS:
        raise SystemExit(f"{found} environments are listed, not {ENVIRONMENTS}")
    pairs = [(time_command(listing, environ), time_command(nothing, environ)) for _ in range(RUNS)]
    first, second = (statistics.median(column) for column in zip(*pairs))
    return first, second, statistics.median(a / b for a, b in pairs)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "HOME": folder,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LMOD_CMD": LMOD,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
        }
        venv = measure_venv(environ)
        own, bound, ours, whole = measure_conda(environ)
        rows = [
            ("load of a venv's module, against modules and activate", "<= 1.1", *venv),
            ("conda activate (conda's own), against the module's load", ">= 3", *own),
            ("  against an empty module: what can be had", "", *bound),
            ("  the conda module's `conda activate`, against it", "report", *ours),
            ("  that, each with the load of conda's module", "report", *whole),
            (f"list of {ENVIRONMENTS}, against python3 -c pass", "<= 15", *measure_list(environ)),
        ]
    print(f"{os.cpu_count()} processors, {RUNS} pairs each, medians of whole processes")
    print(f"{'what':<56} {'wanted':>8} {'A ms':>8} {'B ms':>8} {'A/B':>6}")
    for what, wanted, first, second, ratio in rows:
        print(f"{what:<56} {wanted:>8} {first * 1e3:8.1f} {second * 1e3:8.1f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
