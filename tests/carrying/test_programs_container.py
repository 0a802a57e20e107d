"""The environment's Python in a container that has the home but not the modules."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from needy_stack import NeedleStack
from programs import Carrier, have_or_skip, make_carrier

SCRIPT = "import mine; print(mine.WHAT)"
# Mounts an empty folder over each folder that the container does not have.
HIDING = 'for hidden in $1; do mount -t tmpfs none "$hidden" || exit 99; done; shift; exec "$@"'


@pytest.fixture(scope="module")
def carrier(needle_stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> Carrier:
    """Return a user whose environment has its own package, which needs no modules."""
    carrier = make_carrier(tmp_path_factory.mktemp("carrier"), needle_stack)
    (packages,) = carrier.prefix.glob("lib/python*/site-packages")
    (packages / "mine.py").write_text("WHAT = 'of the environment'\n")
    return carrier


def run_without(carrier: Carrier, *hidden: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a mount namespace, as a container has one, where the folders `hidden` are empty."""
    if os.geteuid() != 0:
        have_or_skip("mounts are made by root")
    words = ["sh", "-c", f'"$0" -c "{code}"', carrier.python]
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", HIDING, "sh", " ".join(hidden), *words],
        env=carrier.environ,
        cwd=carrier.home,
        capture_output=True,
        text=True,
        check=False,
    )


def test_own_packages_work_where_the_modules_are_missing(carrier: Carrier) -> None:
    modulefile = f"{carrier.stack.folder}/modules/Needle/1.0.lua"
    done = run_without(carrier, carrier.stack.folder, code=SCRIPT)
    assert (done.returncode, done.stdout) == (0, "of the environment\n"), done.stderr
    assert done.stderr == (
        "stackenv: the environment bio/1.0 runs without its modules: "
        f"the modulefile {modulefile} is missing; hint: stackenv check bio/1.0\n"
    )


def test_the_missing_modulefile_is_reported_before_the_import_error(carrier: Carrier) -> None:
    done = run_without(carrier, carrier.stack.folder, code="import needle")
    assert done.returncode == 1
    first, *rest = done.stderr.splitlines()
    assert first.startswith("stackenv: the environment bio/1.0 runs without its modules: the modulefile ")
    # The script's own traceback, of one frame.
    assert rest[-1] == "ModuleNotFoundError: No module named 'needle'" and len(rest) == 3


def test_a_missing_base_python_is_reported_by_the_shell_in_one_line(carrier: Carrier) -> None:
    done = run_without(carrier, carrier.stack.folder, str(Path(carrier.stack.software)), code=SCRIPT)
    assert (done.returncode, done.stdout) == (127, "")
    (line,) = done.stderr.splitlines()
    assert carrier.python in line and line.endswith("not found")
