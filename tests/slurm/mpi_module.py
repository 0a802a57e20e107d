"""A module with this machine's mpi4py, as a site has one beside its bundles."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from in_ci import fail_or_skip
from needy_stack import write_module
from stacked import open_stack

BASE = "eb5-pythonpath"


def give_up(why: str) -> None:
    """Skip on a laptop, and fail in CI."""
    fail_or_skip(why)


def write_mpi_module(folder: Path) -> None:
    """Write a module with this machine's mpi4py, if there is one."""
    packages = folder / "mpi4py/1/packages"
    packages.mkdir(parents=True)
    where = ["/usr/bin/python3", "-c", "import mpi4py; print(*mpi4py.__path__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        (packages / "mpi4py").symlink_to(found.stdout.strip())
    write_module(folder, "mpi4py/1", lines=('prepend_path("PYTHONPATH", root .. "/packages")',))


def require_mpi() -> None:
    """Skip or fail without Open MPI, or without an mpi4py for the stack's Python."""
    if not shutil.which("mpirun.openmpi"):
        give_up("no Open MPI (sh tests/prepare.sh installs it)")
    version = "import sys, mpi4py.MPI; print(*sys.version_info[:2], sep='.')"
    found = subprocess.run(["/usr/bin/python3", "-c", version], capture_output=True, text=True, check=False)
    if not found.stdout or f"/{found.stdout.strip()}." not in open_stack(BASE).python_module:
        give_up(f"no mpi4py for the Python of the stack: {found.stdout}{found.stderr}")
