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
OF_CONDA = {*PACKAGE_FOLDERS, "compiler_compat", "condabin", FOLDER}
LARGEST_OWN = 1 << 16
# In bin, beside what packages bring: Pythons, pip under its names with a version, what activates.
USUAL_PROGRAMS = re.compile(
    r"__pycache__|(python|pip|pydoc|easy_install|idle|2to3|wheel)[\d.]*(-\d[\d.]*)?(-config)?|pydoc\.bat"
    r"|(de)?activate(\.(sh|csh|fish|nu|ps1|bat|xsh))?|activate_this\.py|Activate\.ps1"
)
# In site-packages: what virtualenv and stackenv put there, links to sources, what a killed pip has left.
USUAL_MODULES = re.compile(
    r"__pycache__|README\.txt|_virtualenv\.(py|pth)|_?_?stackenv.*|\d\d_stackenv\.pth|zz_stackenv\.pth|.*\.egg-link"
    r"|easy-install\.pth|setuptools\.pth|~.*|.*\.(dist|egg)-info|.*\.egg"
)
# Of these stackenv and conda know without a package, or they hold nothing but what is made again.
OF_NO_PACKAGE = {"bin", "compiler_compat", "conda-meta", "condabin", FOLDER, "var/cache"}
SCRIPTS = ("etc/conda/activate.d", "etc/conda/deactivate.d")
# What conda, or the user by it, has noted for an environment; it is not in any package.
SETTINGS = ("conda-meta/pinned", "conda-meta/state")


def list_foreign(record: Record) -> list[str]:
    """Return the paths, relative to the environment of `record`, of what belongs to no package.

    Of a folder of which nothing was installed the folder alone. In a packed one only what is beside the
    image is seen. The paths are for people: what cannot be printed is escaped as Python escapes it.
    """
    return sorted(map(escape_path, find_foreign(record)))


def escape_path(path: str) -> str:
    """Return `path` with the bytes that are no text, and what would steer a terminal, as `\\xNN`."""
    return "".join(
        c if c.isprintable() else os.fsencode(c).decode("latin-1").encode("unicode_escape").decode()
        for c in path
    )


def find_foreign(record: Record) -> list[str]:
    """Return the paths of `list_foreign` as they are."""
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
    """Return the files of settings of a conda environment, which no new one has by itself."""
    return [name for name in SETTINGS if record.kind == "conda" and Path(record.path, name).is_file()]


def list_names(folder: Path) -> list[str]:
    """Return what is in `folder`; nothing where that cannot be read."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 (names are enough)
    except OSError:
        return []


def is_own(path: Path) -> bool:
    """Return whether the file `path` is one that stackenv wrote, and nobody is known to have changed."""
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
    """Yield what is beside the files of packages: in bin, in site-packages, among activation scripts."""
    sites = dict.fromkeys(name_package_folders(prefix), USUAL_MODULES)
    for folder, usual in {"bin": USUAL_PROGRAMS, **dict.fromkeys(SCRIPTS), **sites}.items():
        below = (name[len(folder) + 1 :] for name in installed if name.startswith(f"{folder}/"))
        known = {name.partition("/")[0] for name in below}
        for name in list_names(prefix / folder):
            if name in known or (usual and usual.fullmatch(name)) or is_own(prefix / folder / name):
                continue
            yield f"{folder}/{name}"


def list_below(prefix: Path, installed: set[str], tops: Sequence[str]) -> Iterator[str]:
    """Yield what nobody installed below the folders `tops`: files in them, and whole folders at any depth.

    Such are databases in `share`, what R's install.packages puts into `lib/R/library`, npm into
    `lib/node_modules`. A file among those of packages is most often a cache that one of them keeps there.
    """
    sites = name_package_folders(prefix)
    # What is directly in these is named by `list_beside`.
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
    """Yield the folders that the file `name` is in, up to the topmost."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def is_file(path: Path) -> bool:
    """Return whether `path` is a file, and no link to one."""
    return path.is_file() and not path.is_symlink()


def holds_file(folder: Path) -> bool:
    """Return whether there is a file in `folder`, or below it, other than compiled ones of Python."""
    return any(not name.endswith(".pyc") for _, _, names in os.walk(folder) for name in names)


def read_installed(prefix: Path) -> set[str]:
    """Return the files of all packages, relative to `prefix`.

    By RECORD (PEP 376, PEP 627), installed-files.txt, and the files in conda-meta; of a package that tells
    none, what `guess_files` names: what else it has counts as the user's.
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
    """Yield what a package, whose metadata are in `site` as `name`, has there and in bin by its metadata."""
    stem = re.split(r"-\d|\.", name)[0]
    tops = (distribution.read_text("top_level.txt") or "").split()
    for top in {*tops, stem, stem.lower()}:
        yield from (f"{site}/{top}.py", f"{site}/{top}/__init__.py")
    scripts = re.compile(r"(?m)^\s*([^\s=#\[\]/]+)\s*=")
    yield from (
        f"bin/{script}" for script in scripts.findall(distribution.read_text("entry_points.txt") or "")
    )
