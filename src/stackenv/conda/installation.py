"""A conda installation: where it is, and whether a module can be made for it."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from stackenv.errors import InstallationError, UsageError, quote_word

# Characters that a shell, a list variable or Lmod's quoting of aliases would split or expand. Lmod writes
# an alias of csh between single quotes without escaping (shells/Csh.lua, 8.6.19).
FORBIDDEN_IN_ROOT = "'\"`$\\!:*?[]{}~;&|<>()#"
MAMBA_RECORD = re.compile(r"mamba-(\d+)\.[^-]*-[^-]+\.json", re.ASCII)
# mamba 1 is a Python program around conda, mamba 2 is independent of conda (mamba-org/mamba).
KNOWN_MAMBAS = {1, 2}


@dataclass(frozen=True)
class CondaInstallation:
    """A conda installation and the module that leads to it.

    Parameters
    ----------
    name
        The name of the software: Anaconda3.
    module
        What users type after `module load`: Anaconda3/2024.02-1.
    root
        The installation's prefix, an absolute path, as the module should spell it.
    mamba
        The major version of its mamba; 0 for none or an unknown one.
    """

    name: str
    module: str
    root: str
    mamba: int = 0


def check_root(root: str) -> str:
    """Return `root`, checked to be a prefix that a modulefile can use in any shell.

    Raises
    ------
    InstallationError
        If it is not absolute, or contains a character that shells, PATH or Lmod would split or expand.
    """
    bad = sorted({c for c in root if c in FORBIDDEN_IN_ROOT or not c.isprintable()})
    if bad:
        raise InstallationError(
            f"the prefix {root!r} contains {', '.join(map(repr, bad))}, which shells, PATH or "
            "Lmod cannot handle",
            "install into a folder whose path has only letters, digits and . _ - +",
        )
    if not Path(root).is_absolute():
        raise InstallationError(f"the prefix {root!r} is not an absolute path", "give its path from /")
    return root.rstrip("/") or "/"


def check_module_name(module: str) -> str:
    """Return `module`, NAME/VERSION as users type it.

    Raises
    ------
    UsageError
        If it contains a character that a shell would split or expand, or a part of it is empty.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*(/[\w.+-]+)*", module, re.ASCII):
        raise UsageError(
            f"{module!r} is not a valid module name",
            "names and versions consist of letters, digits and . _ + -",
        )
    return module


def probe_installation(name: str, module: str, root: str) -> CondaInstallation:
    """Return the conda installation at `root`, which `module` leads to; start no process.

    Raises
    ------
    UsageError
        If `module` is not a valid module name.
    InstallationError
        If the prefix cannot be read, or lacks an executable bin/conda or bin/python.
    """
    root, module = check_root(root), check_module_name(module)
    for relative in ("bin/conda", "bin/python"):
        path = Path(root, relative)
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise InstallationError(
                f"{root} is not a usable conda installation: {path}: {error.strerror}",
                "give the folder that the installer was given as its prefix (-p)",
            ) from error
        if not stat.S_ISREG(mode) or not os.access(path, os.X_OK):
            raise InstallationError(
                f"{root} is not a usable conda installation: {path} is not executable",
                f"ls -l {quote_word(path)}",
            )
    return CondaInstallation(name, module, root, find_mamba(root))


def find_mamba(root: str) -> int:
    """Return the major version of the mamba in the installation at `root`; 0 for none or an unknown one.

    It is read from conda's record of the package; a program without a record may be anything.
    """
    program = Path(root, "bin/mamba")
    if not (program.is_file() and os.access(program, os.X_OK)):
        return 0
    majors = {
        int(found[1])
        for record in Path(root, "conda-meta").glob("mamba-*.json")
        if (found := MAMBA_RECORD.fullmatch(record.name))
    }
    return majors.pop() if len(majors) == 1 and majors <= KNOWN_MAMBAS else 0
