"""The cost of personal modules, as ratios within one run: python tests/bench/personal.py

Run it with the Python of .work/venv; the stack and the modules are those that the tests build. Prints a
table; the medians are those of whole processes: a shell that starts, defines `module`, and loads the module.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from built import LMOD, WORK, build_modules
from cost import MODULE, RUNS, START, compare
from stacked import open_stack

STACKENV = WORK / "venv/bin/stackenv"
STACK = "eb5-pythonpath"


def run(*command: str | Path, environ: dict[str, str]) -> str:
    """Return the output of `command`; exit with its messages if it fails."""
    done = subprocess.run([str(w) for w in command], env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def measure_venv(environ: dict[str, str]) -> tuple[float, float, float]:
    """Return the seconds to load a personal venv module, those to do it by hand, and the ratio."""
    stack = open_stack(STACK)
    environ = {**environ, "MODULEPATH": stack.modulepath}
    run(STACKENV, "create", "bench", "-m", stack.bundle_module, environ=environ)
    home = environ["HOME"]
    use = f"{START}module use {home}/modules\n"
    by_hand = f"{use}module load {stack.bundle_module}\n. {home}/venvs/bench-1.0/bin/activate\n"
    return compare(f"{use}module load bench\n", by_hand, environ)


def measure_conda(environ: dict[str, str]) -> list[tuple[float, float, float]]:
    """Return comparisons of `conda activate`, conda's own and the module's, with loads of modules."""
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
    # conda's own function, defined as the site's guide says, instead of the module's.
    own = f'{load}unset -f conda\neval "$({conda} shell.bash hook)"\n'
    timed = 'a=$EPOCHREALTIME\n{}echo "TIMED $a $EPOCHREALTIME"\n'
    module = load + timed.format("module load cbench\n")
    return [
        compare(own + timed.format(activate), module, environ),
        compare(own + timed.format(activate), load + timed.format("module load empty\n"), environ),
        compare(load + timed.format(activate), module, environ),
        compare(load + activate, f"{use}module load cbench\n", environ),
    ]


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
        ]
    print(f"{os.cpu_count()} processors, {RUNS} pairs each, medians of whole processes")
    print(f"{'what':<56} {'wanted':>8} {'A ms':>8} {'B ms':>8} {'A/B':>6}")
    for what, wanted, first, second, ratio in rows:
        print(f"{what:<56} {wanted:>8} {first * 1e3:8.1f} {second * 1e3:8.1f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
