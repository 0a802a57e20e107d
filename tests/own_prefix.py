"""A virtual environment into which pip has installed stackenv, as on a site without EasyBuild."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from built import CHECKOUT, LMOD
from stackenv_sources import PYTHON, make_source, make_wheels, run


def install_prefix(prefix: Path) -> None:
    """Make `prefix` with the commands of docs/admins/without-easybuild.md, offline."""
    run(PYTHON, "-m", "venv", prefix)
    pip = (prefix / "bin/python", "-I", "-m", "pip", "install", "--no-index", "--find-links", make_wheels())
    run(*pip, next(make_source().glob("*.tar.gz")), "click-man")


def make_thin_prefix(prefix: Path) -> None:
    """Make `prefix` quickly, with the stackenv of the tests' own Python, and without click-man."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    packages = next(prefix.glob("lib/python3*/site-packages"))
    (packages / "tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n{CHECKOUT / 'src'}\n")
    script = (CHECKOUT / "bin/stackenv").read_text().split("\n", 1)[1]
    (prefix / "bin/stackenv").write_text(f"#!{prefix}/bin/python\n{script}")
    (prefix / "bin/stackenv").chmod(0o755)


def install_thin_module(folder: Path) -> Path:
    """Make the module `stackenv` below `folder`, for a thin prefix; return the folder for `module use`."""
    prefix, modules, site = folder / "stackenv", folder / "modules", folder / "site.yaml"
    make_thin_prefix(prefix)
    modules.mkdir()
    site.write_text("version: 1\nconda:\n  load_test: {shells: [bash]}\n")
    words = ["--name", "stackenv", "--version", "1.0", "--root", prefix, "--config", site]
    done = subprocess.run(
        [prefix / "bin/stackenv", "site", "install", *words, "--modulefile", modules / "stackenv/1.0.lua"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "LMOD_CMD": LMOD, "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return modules
