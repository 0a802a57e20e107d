"""A virtual environment that pip has installed stackenv into, as a site without EasyBuild has it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from built import CHECKOUT
from stackenv_sources import PYTHON, make_source, make_wheels, run


def install_prefix(prefix: Path) -> None:
    """Make `prefix`, offline: the commands of the README, with what pip would download."""
    run(PYTHON, "-m", "venv", prefix)
    pip = (prefix / "bin/python", "-I", "-m", "pip", "install", "--no-index", "--find-links", make_wheels())
    run(*pip, next(make_source().glob("*.tar.gz")), "click-man")


def make_thin_prefix(prefix: Path) -> None:
    """Make `prefix`, which has the stackenv of the tests' own Python, in no time; without click-man."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    packages = next(prefix.glob("lib/python3*/site-packages"))
    (packages / "tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n{CHECKOUT / 'src'}\n")
    script = (CHECKOUT / "bin/stackenv").read_text().split("\n", 1)[1]
    (prefix / "bin/stackenv").write_text(f"#!{prefix}/bin/python\n{script}")
    (prefix / "bin/stackenv").chmod(0o755)
