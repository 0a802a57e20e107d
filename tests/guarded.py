"""Pythons that pip does not recognize as virtual environments, such as conda's, and the site's pip guard."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from built import CHECKOUT
from stacked import Stack

GUARD = CHECKOUT / "site-config/pip.conf"
OS_PYTHON = "/usr/bin/python3"
REFUSED = "Could not find an activated virtualenv (required)."
REFUSED_STATUS = 3


def make_guard(folder: Path) -> dict[str, str]:
    """Install the shipped pip.conf like /etc/pip.conf; return the variables with which pip reads it."""
    (folder / "pip").mkdir(parents=True)
    shutil.copy(GUARD, folder / "pip/pip.conf")
    return {"XDG_CONFIG_DIRS": str(folder)}


def make_python_environment(prefix: Path, stack: Stack) -> Path:
    """Make an environment that conda recognizes, with a real Python whose sys.prefix is `prefix`; return it.

    The Python of the stand-in channel would not do: it has a pyvenv.cfg.
    """
    python = Path(stack.software, stack.python_module)
    shutil.copytree(python, prefix, symlinks=True, copy_function=link_or_copy)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta/history").touch()
    return prefix


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
