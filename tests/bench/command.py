"""The cost of starting the command, as ratios within one run: python tests/bench/command.py

Run it with the Python of .work/venv. Two programs are timed: the one that pip installs, and the one of
EasyBuild's module, installed here with the commands of the easyconfig. Each is run in turn with the same
interpreter, isolated and without work. The medians are those of whole processes, the ratio is the median of
the pairs' ratios. All runs but the first use the cached configuration, as users' commands do.
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

from built import LMOD, WORK
from stacked import open_stack
from stackenv_sources import PYTHON, make_source, make_wheels, run

PAIRS = 41
STACK = "eb5-pythonpath"
ENVIRONMENTS = 100
# The label, the arguments, environment variables, and the largest ratio wanted.
ROWS: tuple[tuple[str, list[str], dict[str, str], float | None], ...] = (
    ("--version", ["--version"], {}, 3),
    ("--help", ["--help"], {}, 6),
    (f"list of {ENVIRONMENTS}", ["list"], {}, 7),
    ("TAB for a name", [], {"_STACKENV_COMPLETE": "stackenv info cop"}, 5),
    ("a command that does not exist", ["lst"], {}, None),
)


def install(root: Path) -> Path:
    """Install stackenv at `root` with the commands of easyconfigs/stackenv-VERSION.eb; return its command."""
    run(PYTHON, "-I", "-m", "venv", root / "venv")
    python = (root / "venv/bin/python", "-I", "-m")
    archive = next(make_source().glob("*.tar.gz"))
    offline = ("--no-index", "--find-links", make_wheels())
    run(*python, "pip", "install", "--quiet", "--no-user", *offline, archive, "click-man")
    run(*python, "stackenv.cli.completions_and_man", root)
    run(*python, "pip", "uninstall", "--quiet", "--yes", "click-man", "setuptools", "pip")
    return root / "bin/stackenv"


def make_environments(home: Path, command: Path, environ: dict[str, str]) -> None:
    """Create an environment in `home`, and copy its modulefile and record, for ENVIRONMENTS in total."""
    stack = open_stack(STACK)
    subprocess.run(
        [str(command), "create", "bench", "-m", stack.bundle_module],
        env={**environ, "MODULEPATH": stack.modulepath},
        check=True,
        capture_output=True,
    )
    modulefile = (home / "modules/bench/1.0.lua").read_text()
    record = json.loads((home / "venvs/bench-1.0/stackenv/record.json").read_text())
    for number in range(ENVIRONMENTS - 1):
        prefix = home / f"venvs/copy-{number}"
        (prefix / "stackenv").mkdir(parents=True)
        copied = {**record, "name": f"copy{number}", "path": str(prefix)}
        (prefix / "stackenv/record.json").write_text(json.dumps(copied, indent=1))
        path = home / f"modules/copy{number}/1.0.lua"
        path.parent.mkdir()
        path.write_text(modulefile.replace(record["path"], str(prefix)))


def time_command(words: list[str], environ: dict[str, str]) -> float:
    """Return the seconds that the command `words` takes."""
    begin = time.perf_counter()
    subprocess.run(words, env=environ, stdin=subprocess.DEVNULL, capture_output=True)
    return time.perf_counter() - begin


def compare(words: list[str], environ: dict[str, str]) -> tuple[float, float, float]:
    """Return the median seconds of `words` and of a Python without work, and the median of their ratios."""
    empty = [os.path.realpath(PYTHON), "-I", "-c", "pass"]
    pairs = [(time_command(words, environ), time_command(empty, environ)) for _ in range(PAIRS + 1)][1:]
    first, second = (statistics.median(column) for column in zip(*pairs))
    return first, second, statistics.median(a / b for a, b in pairs)


def require_answers(command: Path, environ: dict[str, str]) -> None:
    """Exit with a message if `command` fails, or does not list or complete all environments."""
    for words in (["--version"], ["--help"]):
        done = subprocess.run([str(command), *words], env=environ, capture_output=True, text=True)
        if done.returncode or "stackenv" not in done.stdout:
            raise SystemExit(f"{command} {words}: {done.stdout}{done.stderr}")
    for words, more, wanted in (
        (["list"], {}, ENVIRONMENTS),
        ([], {"_STACKENV_COMPLETE": "stackenv info cop"}, ENVIRONMENTS - 1),
    ):
        done = subprocess.run([str(command), *words], env={**environ, **more}, capture_output=True, text=True)
        if done.returncode or len(done.stdout.splitlines()) != wanted:
            raise SystemExit(f"{command} {words} {more}: {done.stdout}{done.stderr}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        home.mkdir()
        environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LMOD_CMD": LMOD, "LANG": "C.UTF-8"}
        programs = {
            "EasyBuild's bin/stackenv": install(Path(folder, "software")),
            "pip's venv/bin/stackenv": WORK / "venv/bin/stackenv",
        }
        make_environments(home, programs["EasyBuild's bin/stackenv"], environ)
        print(
            f"{os.cpu_count()} processors, {PAIRS} pairs each, against {os.path.realpath(PYTHON)} -I -c pass"
        )
        print(f"{'program':<26} {'what':<30} {'wanted':>6} {'A ms':>8} {'B ms':>8} {'A/B':>6}")
        for program, command in programs.items():
            require_answers(command, environ)
            for what, words, more, wanted in ROWS:
                first, second, ratio = compare([str(command), *words], {**environ, **more})
                limit = f"<= {wanted}" if wanted else "report"
                times = f"{first * 1e3:8.1f} {second * 1e3:8.1f} {ratio:6.2f}"
                print(f"{program:<26} {what:<30} {limit:>6} {times}", flush=True)


if __name__ == "__main__":
    main()
