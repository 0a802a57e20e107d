"""Files in an environment that no package owns: data, sources and scripts of the user."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.conda.packages import PACKAGE_FOLDERS, read_file_names
from stackenv.environments.own_packages import InstalledDistribution, read_distributions
from stackenv.environments.package_folders import name_package_folders
from stackenv.modulefile.text import is_as_written
from stackenv.plain_files import open_file
from stackenv.record import FOLDER, Record

# What venv, virtualenv and uv create at the top of an environment, and folders that conda packages share.
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
OF_CONDA = {*PACKAGE_FOLDERS, "compiler_compat", "condabin", FOLDER}
LARGEST_OWN = 1 << 16
# Usual in bin although no package lists them: Pythons, pip with a version in its name, activation scripts.
USUAL_PROGRAMS = re.compile(
    r"__pycache__|(python|pip|pydoc|easy_install|idle|2to3|wheel)[\d.]*(-\d[\d.]*)?(-config)?|pydoc\.bat"
    r"|(de)?activate(\.(sh|csh|fish|nu|ps1|bat|xsh))?|activate_this\.py|Activate\.ps1"
)
# Usual in site-packages: files of virtualenv and stackenv, links to sources, leftovers of a killed pip.
USUAL_MODULES = re.compile(
    r"__pycache__|README\.txt|_virtualenv\.(py|pth)|_?_?stackenv.*|\d\d_stackenv\.pth|zz_stackenv\.pth|.*\.egg-link"
    r"|easy-install\.pth|setuptools\.pth|~.*|.*\.(dist|egg)-info|.*\.egg"
)
# Folders that belong to stackenv or conda without a package, or that hold only files that are re-created.
OF_NO_PACKAGE = {"bin", "compiler_compat", "conda-meta", "condabin", FOLDER, "var/cache"}
SCRIPTS = ("etc/conda/activate.d", "etc/conda/deactivate.d")
# Settings that conda, or the user through conda, stored for an environment; no package contains them.
SETTINGS = ("conda-meta/pinned", "conda-meta/state")


def list_foreign(record: Record) -> list[str]:
    """Return the files and folders that belong to no package, as paths relative to the environment.

    A folder that holds no installed file is listed without its contents. For a packed environment, only the
    files beside the image are examined. The paths are for people: bytes that cannot be printed are escaped
    as Python escapes them.
    """
    return sorted(map(escape_path, find_foreign(record)))


def escape_path(path: str) -> str:
    """Return `path` with bytes that are not text, and characters that steer a terminal, as `\\xNN`."""
    return "".join(
        c if c.isprintable() else os.fsencode(c).decode("latin-1").encode("unicode_escape").decode()
        for c in path
    )


def find_foreign(record: Record) -> list[str]:
    """Return the paths that `list_foreign` lists, not escaped and not sorted."""
    prefix = Path(record.path)
    usual = OF_VENVS if record.kind == "venv" else OF_CONDA
    if record.packed:
        return [name for name in list_names(prefix) if name not in usual | {"etc", "pip.conf"}]
    installed = read_installed(prefix)
    tops = {name.partition("/")[0] for name in installed}
    found = [name for name in list_names(prefix) if name not in usual | tops and not is_own(prefix / name)]
    found += list_beside(prefix, installed)
    found += list_below(prefix, installed, [name for name in list_names(prefix) if name in usual | tops])
    return found


def list_settings(record: Record) -> list[str]:
    """Return the settings files of a conda environment; a newly created one has none of them."""
    return [name for name in SETTINGS if record.kind == "conda" and Path(record.path, name).is_file()]


def list_names(folder: Path) -> list[str]:
    """Return the sorted names in `folder`; an empty list if it cannot be read."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 (names are enough)
    except OSError:
        return []


def is_own(path: Path) -> bool:
    """Return whether stackenv wrote the file `path`, and no later change to it is known."""
    if path.name not in ("pip.conf", "uv"):
        return False
    try:
        with open_file(path) as stream:
            start = stream.read(LARGEST_OWN)
    except OSError:
        return False
    text = start.decode("utf-8", "surrogateescape")
    return STACKENV_UUID in text and (" sha256:" not in text.partition("\n")[0] or is_as_written(text))


def list_beside(prefix: Path, installed: set[str]) -> Iterator[str]:
    """Yield what lies next to the files of packages: in bin, in site-packages, among activation scripts."""
    sites = dict.fromkeys(name_package_folders(prefix), USUAL_MODULES)
    for folder, usual in {"bin": USUAL_PROGRAMS, **dict.fromkeys(SCRIPTS), **sites}.items():
        below = (name[len(folder) + 1 :] for name in installed if name.startswith(f"{folder}/"))
        known = {name.partition("/")[0] for name in below}
        for name in list_names(prefix / folder):
            if name in known or (usual and usual.fullmatch(name)) or is_own(prefix / folder / name):
                continue
            yield f"{folder}/{name}"


def list_below(prefix: Path, installed: set[str], tops: Sequence[str]) -> Iterator[str]:
    """Yield what no package installed below the folders `tops`: files in them, and folders at any depth.

    Examples are databases in `share`, R packages that install.packages puts into `lib/R/library`, and
    `lib/node_modules` of npm. Below the top, only whole folders are yielded: a single file among the files
    of packages is usually a cache of one of them.
    """
    sites = name_package_folders(prefix)
    # `list_beside` yields what is directly in these.
    watched = {*sites, *SCRIPTS}
    known = {
        folder for name in (*installed, *(f"{path}/x" for path in watched)) for folder in list_above(name)
    }
    pending = [top for top in tops if top not in OF_NO_PACKAGE and is_folder(prefix / top)]
    while pending:
        folder = pending.pop()
        for name in list_names(prefix / folder):
            path = f"{folder}/{name}"
            if path in OF_NO_PACKAGE or name == "__pycache__":
                continue
            if is_folder(prefix / path):
                if path in known:
                    pending.append(path)
                elif folder not in watched and holds_file(prefix / path):
                    yield path
            elif folder in tops and path not in installed and is_file(prefix / path):
                yield path


def list_above(name: str) -> Iterator[str]:
    """Yield the folders that contain the file `name`, from the innermost to the topmost."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def is_file(path: Path) -> bool:
    """Return whether `path` is a file, not a link to one."""
    return path.is_file() and not path.is_symlink()


def holds_file(folder: Path) -> bool:
    """Return whether `folder` contains, at any depth, a file that is not compiled Python code."""
    return any(not name.endswith(".pyc") for _, _, names in os.walk(folder) for name in names)


def read_installed(prefix: Path) -> set[str]:
    """Return the files of all packages, relative to `prefix`.

    They are listed in RECORD (PEP 376, PEP 627), in installed-files.txt, and in the files of conda-meta. If a
    package lists no files, those that `guess_files` yields count as its own, and all others as the user's.
    """
    found: set[str] = set(read_file_names(prefix))
    of_conda = {folder for name in found for folder in (name, *list_above(name))}
    for path, distribution in read_distributions(prefix):
        site = path.parent.relative_to(prefix)
        files = None if path.suffix == ".egg-link" else distribution.files
        if files is None and str(path.relative_to(prefix)) not in of_conda:
            found.update(guess_files(str(site), path.name, distribution))
        found.update(os.path.normpath(f"{site}/{file}") for file in files or ())
    return found


def guess_files(site: str, name: str, distribution: InstalledDistribution) -> Iterator[str]:
    """Yield the files that a package has in `site` and in bin, as far as its metadata, `name`, show."""
    stem = re.split(r"-\d|\.", name)[0]
    tops = (distribution.read_text("top_level.txt") or "").split()
    for top in {*tops, stem, stem.lower()}:
        yield from (f"{site}/{top}.py", f"{site}/{top}/__init__.py")
    scripts = re.compile(r"(?m)^\s*([^\s=#\[\]/]+)\s*=")
    yield from (
        f"bin/{script}" for script in scripts.findall(distribution.read_text("entry_points.txt") or "")
    )
