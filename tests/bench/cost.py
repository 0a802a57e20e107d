"""The cost of the conda module, as ratios within one run: python tests/bench/cost.py

Run it with the Python of .work/venv; the modules are those that the tests build. Prints a table; the
medians are those of whole processes: a shell that starts, defines `module`, and loads the module.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from built import EASYCONFIGS, LMOD, WORK, build_modules

RUNS = 15
MODULE = "Anaconda3/2024.02-1"
START = f'module() {{ eval "$({LMOD} bash "$@")"; }}\n'


def time_script(script: str, environ: dict[str, str]) -> float:
    """Return the seconds that a bash takes for `script`: those between the times it prints, or all."""
    begin = time.perf_counter()
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", script],
        env=environ,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    whole = time.perf_counter() - begin
    printed = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("TIMED ")]
    return float(printed[0][1]) - float(printed[0][0]) if printed else whole


def unload(load: str, module: str) -> str:
    """Return a script that runs `load`, and prints when the unload of `module` began and ended."""
    return f'{load}a=$EPOCHREALTIME\nmodule unload {module}\necho "TIMED $a $EPOCHREALTIME"\n'


def compare(first: str, second: str, environ: dict[str, str]) -> tuple[float, float, float]:
    """Return the median seconds of two scripts run in turn, and the median of the pairs' ratios."""
    time_script(first, environ)
    time_script(second, environ)
    pairs = [(time_script(first, environ), time_script(second, environ)) for _ in range(RUNS)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def measure_hook() -> tuple[float, float, float]:
    """Return the seconds of `eb --module-only --force`, of the hooks in it, and of their load test."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "HOME": folder,
            "PATH": f"{WORK}/eb5/bin:/usr/local/bin:/usr/bin:/bin",
            "EB_PYTHON": f"{WORK}/eb5/bin/python",
            "LMOD_CMD": LMOD,
            "LANG": "C.UTF-8",
            "EASYBUILD_PREFIX": str(WORK / "built"),
            "STACKENV_SITE_CONFIG": str(WORK / "built/site.yaml"),
            "STACKENV_BENCH_TIMES": f"{folder}/times",
            "EASYBUILD_ALLOW_USE_AS_ROOT_AND_ACCEPT_CONSEQUENCES": "1",
        }
        hooks = Path(__file__).with_name("timed_hooks.py")
        rows = []
        for _ in range(5):
            Path(folder, "times").unlink(missing_ok=True)
            begin = time.perf_counter()
            subprocess.run(
                [
                    *(f"{WORK}/eb5/bin/eb", f"--hooks={hooks}", "--module-only", "--force"),
                    str(EASYCONFIGS / "Anaconda3-2024.02-1.eb"),
                ],
                env=environ,
                check=True,
                capture_output=True,
            )
            total = time.perf_counter() - begin
            spent = dict.fromkeys(("hooks", "load_test", "version"), 0.0)
            for line in Path(folder, "times").read_text().splitlines():
                kind, seconds = line.split()
                spent[kind] += float(seconds)
            rows.append((total, spent["hooks"] - spent["load_test"] - spent["version"], spent["load_test"]))
    return tuple(statistics.median(column) for column in zip(*rows))


def main() -> None:
    built = build_modules()
    with tempfile.TemporaryDirectory() as folder:
        more = Path(folder, "modules")
        (more / "bench").mkdir(parents=True)
        (more / "bench/empty.lua").write_text("-- empty\n")
        root = f"{built.software}/{MODULE}"
        (more / "bench/pathonly.lua").write_text(f'prepend_path("PATH", "{root}/bin")\n')
        environ = {
            "HOME": folder,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "MODULEPATH": f"{built.modulepath}:{more}",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
        }
        ours, empty = f"{START}module load {MODULE}\n", f"{START}module load bench/empty\n"
        guide = f'{START}module load bench/pathonly\neval "$(conda shell.bash hook)"\n'
        rows = [
            ("load, against an empty module", "<= 1.15", *compare(ours, empty, environ)),
            ("the guide's way, against our load", ">= 6", *compare(guide, ours, environ)),
            ("  against an empty module: what can be had", "", *compare(guide, empty, environ)),
            (
                "unload alone, against an empty module's",
                "<= 1.5",
                *compare(unload(ours, MODULE), unload(empty, "bench/empty"), environ),
            ),
            (
                "conda activate, against conda's own (after its hook)",
                "report",
                *compare(f"{ours}conda activate base\n", f"{guide}conda activate base\n", environ),
            ),
        ]
    print(f"{os.cpu_count()} processors, {RUNS} pairs each, medians of whole processes")
    print(f"{'what':<52} {'wanted':>8} {'A ms':>8} {'B ms':>8} {'A/B':>6}")
    for what, wanted, first, second, ratio in rows:
        print(f"{what:<52} {wanted:>8} {first * 1e3:8.1f} {second * 1e3:8.1f} {ratio:6.2f}")
    total, hooks, load_test = measure_hook()
    print(f"\neb --module-only --force {total * 1e3:8.1f} ms")
    print(f"  the hooks, no load test    {hooks * 1e3:8.1f} ms {hooks / total:6.1%} (wanted <= 5 %)")
    print(f"  the load test in all shells {load_test * 1e3:8.1f} ms {load_test / total:6.1%}")


if __name__ == "__main__":
    main()
