"""What is in an environment and was not installed there: data, sources, scripts of the user."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.facts.conda_environment import read_file_names
from stackenv.facts.own_packages import InstalledDistribution, list_metadata
from stackenv.model.environment import Record
from stackenv.model.record import FOLDER

# What venv, virtualenv and uv make, and what packages of conda share, at the top.
OF_VENVS = {
    "bin",
    "include",
    "lib",
    "lib64",
    "pyvenv.cfg",
    ".gitignore",
    "CACHEDIR.TAG",
    ".lock",
    "share",
    FOLDER,
}
OF_CONDA = {
    "bin",
    "compiler_compat",
    "condabin",
    "conda-meta",
    "etc",
    "include",
    "info",
    "lib",
    "lib64",
    "libexec",
    "man",
    "sbin",
    "share",
    "ssl",
    "var",
    FOLDER,
}
# In bin, beside what packages bring: Pythons, pip under its names with a version, what activates.
USUAL_PROGRAMS = re.compile(
    r"__pycache__|(python|pip|pydoc|easy_install|activate|deactivate|Activate|2to3|idle|wheel).*"
)
# In site-packages: what virtualenv and stackenv put there, links to sources, what a killed pip has left.
USUAL_MODULES = re.compile(
    r"__pycache__|README\.txt|_virtualenv\.(py|pth)|_?_?stackenv.*|\d\d_stackenv\.pth|zz_stackenv\.pth|.*\.egg-link"
    r"|easy-install\.pth|setuptools\.pth|~.*|.*\.(dist|egg)-info|.*\.egg"
)
# What conda, or the user by it, has noted for an environment; it is not in any package.
SETTINGS = ("conda-meta/pinned", "conda-meta/state")


def list_foreign(record: Record) -> list[str]:
    """Return the paths, below the environment of `record`, of what nobody has installed there.

    Of a folder of which nothing was installed the folder alone. In a packed one only what is beside the
    image is seen.
    """
    prefix = Path(record.path)
    usual = OF_VENVS if record.kind == "venv" else OF_CONDA
    if record.packed:
        return sorted(name for name in list_names(prefix) if name not in usual | {"etc", "pip.conf"})
    installed, complete = read_installed(prefix)
    tops = {name.partition("/")[0] for name in installed}
    found = [name for name in list_names(prefix) if name not in usual | tops and not is_own(prefix / name)]
    if complete:
        found += list_beside(prefix, installed)
    return sorted(found)


def list_settings(record: Record) -> list[str]:
    """Return the files of settings of a conda environment, which no new one has by itself."""
    return [name for name in SETTINGS if record.kind == "conda" and Path(record.path, name).is_file()]


def list_names(folder: Path) -> list[str]:
    """Return what is in `folder`; nothing where that cannot be read."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 (names are enough)
    except OSError:
        return []


def is_own(path: Path) -> bool:
    """Tell whether the file `path` is one that stackenv wrote."""
    try:
        return path.name == "pip.conf" and STACKENV_UUID in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def list_beside(prefix: Path, installed: set[str]) -> Iterator[str]:
    """Yield what is beside the files of packages: in bin, in site-packages, among activation scripts."""
    folders = {"bin": USUAL_PROGRAMS, "etc/conda/activate.d": None, "etc/conda/deactivate.d": None}
    sites = [str(path.relative_to(prefix)) for path in prefix.glob("lib/python3*/site-packages")]
    for folder, usual in (*folders.items(), *((site, USUAL_MODULES) for site in sites)):
        below = (name[len(folder) + 1 :] for name in installed if name.startswith(f"{folder}/"))
        known = {name.partition("/")[0] for name in below}
        for name in list_names(prefix / folder):
            if name not in known and not (usual and usual.fullmatch(name)):
                yield f"{folder}/{name}"


def read_installed(prefix: Path) -> tuple[set[str], bool]:
    """Return the files of all packages, relative to `prefix`; and whether each package tells its files.

    By RECORD (PEP 376, PEP 627), installed-files.txt, and the files in conda-meta.
    """
    found: set[str] = set()
    complete = not list(prefix.glob("lib/python3*/site-packages/*.egg-link"))
    for path in list_metadata(prefix):
        files = InstalledDistribution(path).files
        complete = complete and files is not None
        site = path.parent.relative_to(prefix)
        found.update(os.path.normpath(f"{site}/{file}") for file in files or ())
    return found | read_file_names(prefix), complete
