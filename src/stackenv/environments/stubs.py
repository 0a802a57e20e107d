"""The stubs of a venv: metadata without code that make uv treat packages of the modules as installed.

uv looks only into an environment's own site-packages (astral-sh/uv #7358, #16541), and would install a second
copy of each package of the modules there. A stub is a NAME-VERSION.dist-info folder with a few files, whose
INSTALLER is stackenv. To uv, it is a package like any other, so that the constraints must pin its version
(`bin/uv`). Stubs can be removed once uv sees the packages outside an environment.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from stackenv.configuration.settings import PersonalSettings
from stackenv.environments.own_packages import (
    STUB_INSTALLER,
    InstalledDistribution,
    hash_text,
    is_stub,
    is_stub_metadata,
    name_stub_folder,
    read_site_packages,
)
from stackenv.environments.package_folders import choose_package_folder, find_in_packages, is_pure
from stackenv.modulefile import InstalledFile
from stackenv.plain_files import read_plain
from stackenv.record import Package, Python, Record, Stub
from stackenv.transactions.changes import Change, RemoveFile, RemoveFolder, WriteFile

if TYPE_CHECKING:
    from stackenv.environments.stack import Stack

# Without a WHEEL file, `uv pip check` reports a package as broken (binary distribution format).
WHEEL = "Wheel-Version: 1.0\nGenerator: stackenv\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
# Files that are copied from the metadata in the modules if they exist.
COPIED = ("WHEEL", "top_level.txt", "entry_points.txt")
# Entry points that do no harm if they are found twice: commands, and those of numpy (pyproject.toml, since
# 1.23) for PyInstaller, which then searches one folder twice, and for the array API.
FOUND_TWICE = ("console_scripts", "gui_scripts", "pyinstaller40", "array_api")
# Since this version, importlib.metadata.entry_points() uses only the first of two packages of one name.
ONCE_SINCE = (3, 10)
METADATA_FOLDER = re.compile(r"(?P<name>[^-]+)(?:-(?P<version>[^-]+).*)?\.(?:dist|egg)-info")
# Larger than the metadata of any package.
LARGEST = 1 << 22


def with_stubs(record: Record, stack: Stack, settings: PersonalSettings) -> Record:
    """Return `record`, whose `pinned` is complete, with the stubs that its venv should have for `stack`."""
    stubs_off = choose_stubs_off(record.stubs_off == "user", settings)
    nothing = replace(record, stubs=(), stubs_off=stubs_off)
    # `adopt --no-pth` writes nothing into site-packages.
    if stubs_off or record.kind != "venv" or record.python is None or not record.layers:
        return nothing
    held = {canonicalize_name(name) for name, _, _ in record.pinned}
    packages = [
        package
        for package in stack.packages
        if canonicalize_name(package.name) in held and not is_left_out(package.name, settings)
    ]
    return replace(nothing, stubs=tuple(list_stubs_of(packages, record.python)))


def choose_stubs_off(by_user: bool, settings: PersonalSettings) -> str:
    """Return who turned stubs off: `user`, who takes precedence, or `site`; empty if they are on."""
    return "user" if by_user else "" if settings.stubs else "site"


def is_left_out(name: str, settings: PersonalSettings) -> bool:
    """Return whether the site configuration excludes the package `name` from the stubs."""
    name = canonicalize_name(name)
    return any(fnmatchcase(name, pattern.lower().replace("_", "-")) for pattern in settings.stubs_leave_out)


def list_stubs_of(packages: Iterable[Package], python: Python) -> Iterator[Stub]:
    """Yield the stub of each of `packages` that can have one in a venv of `python`."""
    found: dict[str, dict[str, list[Path]]] = {}
    for package in packages:
        here = found.setdefault(package.location, list_sources(package.location))
        for source in here.get(canonicalize_name(package.name), []):
            stub = Stub(package.name, package.version, str(source))
            texts = read_source_texts(source)
            if is_of_version(source, package.version) and texts and can_be_shown(texts, python):
                yield stub
                break


def explain_no_stub(packages: Iterable[Package], module: str, python: Python) -> str:
    """Return why a pinned package has no stub; `packages` are those of its name in `module`."""
    found = (s for p in packages for s in list_sources(p.location).get(canonicalize_name(p.name), ()))
    if all(can_be_shown(texts, python) for source in found if (texts := read_source_texts(source))):
        return f"because its metadata in {module} cannot be read"
    return f"because Python {python.minor} would find its plugins (entry points) twice"


def list_sources(location: str) -> dict[str, list[Path]]:
    """Return the paths of the metadata in the folder `location` by the canonical names of the packages."""
    found: dict[str, list[Path]] = {}
    for entry in sorted(os.listdir(location)) if os.path.isdir(location) else ():  # noqa: PTH112, PTH208
        # The location of a package in an egg is the egg itself.
        match = METADATA_FOLDER.fullmatch(entry)
        name = match["name"] if match else Path(location).name.split("-")[0] if entry == "EGG-INFO" else ""
        if name:
            found.setdefault(canonicalize_name(name), []).append(Path(location, entry))
    return found


def is_of_version(source: Path, version: str) -> bool:
    """Return whether the path `source` names `version`, or no version at all."""
    match = METADATA_FOLDER.fullmatch(source.name)
    return not (match and match["version"]) or match["version"].replace("_", "-") == version.replace("_", "-")


def can_be_shown(texts: Mapping[str, str], python: Python) -> bool:
    """Return whether a stub with `texts` does no harm to programs that ask `python` for entry points."""
    if tuple(map(int, python.minor.split("."))) >= ONCE_SINCE or "entry_points.txt" not in texts:
        return True
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    try:
        parser.read_string(texts["entry_points.txt"])
    except configparser.Error:
        return False
    return all(section in FOUND_TWICE for section in parser.sections())


def read_source_texts(source: Path) -> dict[str, str]:
    """Return the texts of the files of a stub, except RECORD, from the metadata of the module at `source`.

    The result is empty if there are no metadata, or they cannot be read.
    """
    if not (source.suffix in (".dist-info", ".egg-info") or source.name == "EGG-INFO"):
        return {}
    if source.is_file():
        metadata, others = read_source(source), {}
    else:
        metadata = read_source(source / "METADATA") or read_source(source / "PKG-INFO")
        others = {name: text for name in COPIED if (text := read_source(source / name))}
    if not re.search(r"^Name:", metadata, re.M) or not re.search(r"^Version:", metadata, re.M):
        return {}
    if source.suffix != ".dist-info":
        metadata = add_requirements(metadata, source)
    # INSTALLER is written first, so that an incomplete stub is recognised as one.
    return {"INSTALLER": STUB_INSTALLER, "METADATA": metadata, "WHEEL": WHEEL, **others}


def add_requirements(metadata: str, source: Path) -> str:
    """Return the PKG-INFO `metadata` of an .egg-info with the requirements in its requires.txt."""
    if "\nRequires-Dist:" in metadata or source.is_file():
        return metadata
    head, blank, description = metadata.partition("\n\n")
    lines = [f"Requires-Dist: {requirement}" for requirement in InstalledDistribution(source).requires or ()]
    return "\n".join([head.rstrip("\n"), *lines]) + (blank + description if blank else "\n")


def read_source(path: Path) -> str:
    """Return the text of the file `path` of a module; empty if it is missing or not a regular file.

    Links are followed, because each file of a Spack view is one. This is safe: the code of the modules is
    trusted anyway.
    """
    return (read_plain(path, largest=LARGEST) or b"").decode("utf-8", "replace").replace("\r\n", "\n")


def describe_stub_files(record: Record, own: Collection[str]) -> tuple[InstalledFile, ...]:
    """Return the files of the stubs of `record`, with the current metadata in the modules.

    Packages whose canonical names are in `own` have no stub, because the environment contains them itself.
    """
    return tuple(
        file
        for stub in record.stubs
        if canonicalize_name(stub.name) not in own
        for file in describe_stub(stub, record)
    )


def describe_stub(stub: Stub, record: Record) -> Iterator[InstalledFile]:
    """Yield the files of `stub` in the venv of `record`; none if its module has no metadata to copy."""
    texts = read_source_texts(Path(stub.source))
    if not texts:
        return
    name = name_stub_folder(stub)
    rows = [f"{name}/{file},{hash_text(text)},{len(text.encode())}" for file, text in texts.items()]
    assert record.python is not None
    folder = choose_package_folder(Path(record.path), record.python.minor, is_pure(texts["WHEEL"])) / name
    texts["RECORD"] = "\n".join([*rows, f"{name}/RECORD,,", ""])
    yield from (InstalledFile(f"{folder}/{file}", text=text) for file, text in texts.items())


def list_stubs(prefix: Path) -> list[Path]:
    """Return the folders of stubs that are in the environment at `prefix`."""
    return sorted(path for path in find_in_packages(prefix, "*.dist-info") if is_stub(path))


def plan_first_stubs(record: Record) -> tuple[Change, ...]:
    """Return the changes that make the stubs in the venv of `record`, which gets a module now, agree with it.

    It may already contain stubs: of the environment of which it is a copy, or of a module that was removed.
    """
    if record.kind != "venv":
        return ()
    own = {str(canonicalize_name(d.metadata["Name"])) for d in read_site_packages(Path(record.path))}
    return plan_stubs(record, own)


def plan_stubs(record: Record, own: Collection[str]) -> tuple[Change, ...]:
    """Return the changes that make the stubs in the venv agree with `record`, which lists the wanted ones.

    `own` are the canonical names of the packages that the environment contains itself.
    """
    if record.kind != "venv" or record.packed:
        return ()
    files = describe_stub_files(record, own)
    # Each folder is checked once, not for each of its files.
    may_be = {folder: is_free(folder) for folder in {Path(file.path).parent for file in files}}
    wanted = {file.path: file.text for file in files if may_be[Path(file.path).parent]}
    new = {p: text for p, text in wanted.items() if read_plain(Path(p), follow=False) != text.encode()}
    # Not synced, as with pip; `stackenv check` finds a damaged stub.
    writes = (WriteFile(path, text, synced=False) for path, text in new.items())
    folders = dict.fromkeys(Path(path).parent for path in wanted)
    more = (change for folder in folders for change in plan_emptying(folder, wanted))
    # A stub may be in lib although its package now belongs to lib64.
    old = (folder for folder in list_stubs(Path(record.path)) if folder not in folders)
    return (*writes, *more, *plan_stub_removal(old))


def plan_kept_stubs(record: Record, own: Collection[str]) -> tuple[Change, ...]:
    """Return the changes that remove stubs from the venv that are not in `record`, as it was read.

    No stub is read or written at the paths in `record`: in a project, others may have written them, and the
    modules may be missing.
    """
    if record.kind != "venv" or record.packed:
        return ()
    named = [name_stub_folder(stub) for stub in record.stubs if canonicalize_name(stub.name) not in own]
    return plan_stub_removal(folder for folder in list_stubs(Path(record.path)) if folder.name not in named)


def is_free(folder: Path) -> bool:
    """Return whether a stub may be written to `folder`: it is missing, empty, or a stub already."""
    if not os.path.lexists(folder) or is_stub(folder):
        return True
    return folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())


def plan_stub_removal(folders: Iterable[Path]) -> tuple[Change, ...]:
    """Return the changes that remove the stubs in `folders` from their venv."""
    return tuple(
        change for folder in folders for change in (*plan_emptying(folder), RemoveFolder(str(folder)))
    )


def plan_emptying(folder: Path, kept: Collection[str] = ()) -> Iterator[Change]:
    """Yield the changes that remove all files except `kept` from `folder`; links are not followed.

    INSTALLER is removed last, so that an incomplete stub is recognised as one.
    """
    for path, folders, files in os.walk(folder, topdown=False):
        links = [name for name in folders if Path(path, name).is_symlink()]
        for name in sorted((*links, *files), key=lambda name: (name == "INSTALLER", name)):
            if f"{path}/{name}" not in kept:
                yield RemoveFile(f"{path}/{name}")
        if path != str(folder):
            yield RemoveFolder(path)


def list_linked_stubs(record: Record, own: Collection[str]) -> list[Path]:
    """Return the links in the venv of `record` that lead to stubs elsewhere, or that replace a stub.

    Their targets may belong to others: nothing is written or deleted through them.
    """
    named = {name_stub_folder(stub) for stub in record.stubs if canonicalize_name(stub.name) not in own}
    found = (path for path in find_in_packages(Path(record.path), "*.dist-info") if path.is_symlink())
    return sorted(
        path for path in found if is_stub_metadata(path) or (path.name in named and not path.exists())
    )
