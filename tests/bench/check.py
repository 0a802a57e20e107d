"""The cost of `stackenv check NAME`, as a ratio within one run: python tests/bench/check.py

Run it with the Python of .work/venv. The environment has numpy, scipy and pandas from PyPI, on a Python of
the stacks that the tests build. The ratio is to importing them there, as users would do otherwise.
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
sys.path.insert(0, str(Path(__file__).parents[1] / "personal"))

from stacked import open_stack
from users import STACKENV, User, make_user

PAIRS = 9
PACKAGES = ("numpy", "scipy", "pandas")


def time_command(user: User, command: list[str]) -> float:
    """Return the seconds that `command` takes."""
    begin = time.perf_counter()
    subprocess.run(command, env=user.environ, cwd=user.home, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def make_environment(folder: Path) -> User:
    """Return a user with the environment `sci`."""
    user = make_user(folder, open_stack("eb5-pythonpath"))
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        del user.environ[name]
    # pip's settings on this machine, to reach PyPI.
    user.environ.update({name: value for name, value in os.environ.items() if name.startswith("PIP_")})
    done = user.stackenv("create", "sci", *PACKAGES, load=(user.stack.python_module,))
    if done.returncode:
        raise SystemExit(done.stderr)
    return user


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        user = make_environment(Path(folder))
        check = [STACKENV, "check", "sci"]
        # With the variables of a shell that has loaded the module: Lmod is not timed.
        loaded = user.run('module use ~/modules; module load sci; env -0 > "$HOME/loaded"')
        assert loaded.returncode == 0, loaded.stderr
        pairs = (user.home / "loaded").read_text().split("\0")[:-1]
        inside = User(user.home, dict(pair.split("=", 1) for pair in pairs), user.stack)
        imports = [f"{user.home}/venvs/sci-1.0/bin/python", "-c", f"import {', '.join(PACKAGES)}"]
        time_command(user, check)
        time_command(inside, imports)
        times = [(time_command(user, check), time_command(inside, imports)) for _ in range(PAIRS)]
    checks, others = zip(*times)
    ratio = statistics.median(a / b for a, b in times)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {PAIRS} pairs in turn, medians")
    print(f"{'what':<52} {'wanted':>8} {'A ms':>8} {'B ms':>8} {'A/B':>6}")
    print(
        f"{'check NAME, against importing its packages in it':<52} {'<= 4':>8} "
        f"{statistics.median(checks) * 1e3:8.1f} {statistics.median(others) * 1e3:8.1f} {ratio:6.2f}"
    )


if __name__ == "__main__":
    main()
