"""Pythons whose ensurepip copies what pip has installed once: a venv of the tests takes a tenth of the time.

`python -m venv` leaves the same files, RECORD and all. With STACKENV_TEST_AS_USERS set, and where the
path of the environment needs more than a plain first line of scripts, pip itself installs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# Set by `sh tests/run.sh --matrix` and `--all`.
SWITCH = "STACKENV_TEST_AS_USERS"
CHOSEN_PIP = {SWITCH: os.environ[SWITCH]} if SWITCH in os.environ else {}
COPYING = """

_run_pip_of_cpython = _run_pip


def _run_pip(args, additional_paths=None):
    from ensurepip.copied_pip import copy_pip

    return 0 if copy_pip() else _run_pip_of_cpython(args, additional_paths)
"""


def make_image(python: Path, image: Path) -> None:
    """Keep in the folder `image` what the ensurepip of `python` installs into a venv."""
    with tempfile.TemporaryDirectory(prefix="stackenv-ensurepip-") as scratch:
        venv = Path(scratch, "venv")
        subprocess.run([python, "-I", "-m", "venv", venv], check=True)
        (packages,) = venv.glob("lib/python*/site-packages")
        shutil.copytree(packages, image / "packages")
        (image / "bin").mkdir()
        for script in venv.glob("bin/pip*"):
            shutil.copy2(script, image / "bin")


def make_ensurepip_copy(library: Path, image: Path) -> None:
    """Have the ensurepip below `library` copy what is in `image`, which must stay where it is."""
    folder = library / "ensurepip"
    shutil.copy2(Path(__file__).with_name("copied_pip.py"), folder)
    (folder / "image").write_text(str(image))
    with (folder / "__init__.py").open("a") as stream:
        stream.write(COPYING)
