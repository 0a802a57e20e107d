"""Files of installed packages that are gone, or are not as they were installed."""

from __future__ import annotations

import base64
import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import Distribution, PackagePath
from pathlib import Path
from typing import NamedTuple

from stackenv.conda.packages import list_files
from stackenv.environments.own_packages import Owners, describe_requirement, read_origin
from stackenv.transactions.file_hash import hash_file

# Python writes them again, whatever the installer has recorded.
COMPILED = (".pyc", ".pyo")
NOTES = ("METADATA", "RECORD")
# How a script begins that pip or uv has made: where `#!` cannot hold the interpreter's path, with three lines
# (pip/_vendor/distlib/scripts.py).
FIRST_LINE = re.compile(rb"#!([^\n]*)\n(?:'''exec' ([^\n]*)\n' '''\n)?")
# Installers and those who move an environment write no other interpreter into a first line.
PYTHON = re.compile(rb"(?:^|[/ ])(?:python|pypy|graalpy)w?[\d.]*t?(?: |$)")


class Fault(NamedTuple):
    """A file that is not right: what installs it again, where it is, and whether it is there."""

    requirement: str
    path: Path
    is_there: bool


def list_faults(owners: Owners, prefix: Path, stays: bool, thorough: bool) -> Iterator[Fault]:
    """Yield each file at `prefix` that is not right: of a package by the list of who has installed it.

    Parameters
    ----------
    stays
        Whether the environment is known to be where it was made, so that its scripts begin as they did;
        otherwise they are asked.
    thorough
        Whether contents are compared too.
    """

    @functools.cache
    def is_in_place() -> bool:
        return stays or any(has_original_script(d, prefix) for d in owners.distributions)

    yield from list_conda_faults(owners, prefix, thorough)
    yield from list_lost_notes(path for path, _ in owners.by_pip)
    for distribution in owners.distributions:
        yield from list_pip_faults(distribution, prefix, is_in_place, thorough)


def list_conda_faults(owners: Owners, prefix: Path, thorough: bool) -> Iterator[Fault]:
    """Yield the files that conda has noted and that are gone or changed."""
    for note in owners.by_conda:
        requirement = f"{note['name']}={note['version']}"
        for name, sha256 in list_files(note).items():
            path = prefix / name
            if path.suffix in COMPILED or path.is_symlink():
                continue
            if not path.exists():
                yield Fault(requirement, path, False)
            elif thorough and sha256 and path.is_file() and hash_file(path) != sha256:
                yield Fault(requirement, path, True)


def list_lost_notes(folders: Iterable[Path]) -> Iterator[Fault]:
    """Yield what is gone of the notes that installers write into the `folders` of metadata.

    Without METADATA Python does not know the package, without RECORD pip cannot take it away (PEP 627).
    """
    for folder in folders:
        name, _, version = folder.name[: -len(".dist-info")].partition("-")
        if folder.suffix == ".dist-info" and folder.is_dir() and version:
            for note in NOTES:
                # A full disk leaves files without contents.
                if not (folder / note).exists() or not (folder / note).stat().st_size:
                    yield Fault(f"{name.replace('_', '-')}=={version}", folder / note, False)


def list_pip_faults(
    distribution: Distribution, prefix: Path, is_in_place: Callable[[], bool], thorough: bool
) -> Iterator[Fault]:
    """Yield the files of `distribution` that are gone or changed, by its RECORD (PEP 376, PEP 627)."""
    if read_origin(distribution.read_text("direct_url.json")).get("dir_info", {}).get("editable"):
        return
    requirement = describe_requirement(distribution)
    for file, path in list_recorded(distribution, prefix):
        expected = get_sha256(file) if thorough else ""
        if not path.exists():
            yield Fault(requirement, path, False)
        elif is_changed(path, file.size, expected) and not has_moved(path, prefix, is_in_place):
            yield Fault(requirement, path, True)


def list_recorded(distribution: Distribution, prefix: Path) -> Iterator[tuple[PackagePath, Path]]:
    """Yield the files below `prefix` in the RECORD of `distribution`, and where each is."""
    # Without one there is at most a list of what the sources had.
    if distribution.read_text("RECORD") is None:
        return
    for file in distribution.files or ():
        # virtualenv puts the folders of compiled files into RECORD, and does not make them.
        if file.suffix in COMPILED or file.name == "__pycache__":
            continue
        path = Path(os.path.normpath(str(distribution.locate_file(file))))
        # A RECORD can name any file: one outside is not the environment's, nor this command's to read.
        if str(path).startswith(f"{prefix}/"):
            yield file, path


def get_sha256(file: PackagePath) -> str:
    """Return the SHA-256 that RECORD has of `file`; empty when it has none."""
    return file.hash.value if file.hash and file.hash.mode == "sha256" else ""


def is_changed(path: Path, size: int | None, sha256: str) -> bool:
    """Tell whether the file `path` has another size, or other contents; what is not known is not compared."""
    if size is not None and path.stat().st_size != size:
        return True
    if not sha256:
        return False
    # RECORD has it in base64 without padding (PEP 376).
    return base64.urlsafe_b64encode(bytes.fromhex(hash_file(path))).rstrip(b"=").decode() != sha256


def has_moved(path: Path, prefix: Path, is_in_place: Callable[[], bool]) -> bool:
    """Tell whether `path` is a script whose first line is not the one that it was installed with.

    conda-pack and people who move environments write another. RECORD has a hash of the whole, so that the
    rest can then be compared with nothing; there must be a rest, and it must be text.
    """
    if path.parent != prefix / "bin":
        return False
    contents = path.read_bytes()
    begin = FIRST_LINE.match(contents)
    if not begin or b"\0" in contents or not contents[begin.end() :].strip():
        return False
    # That of a shell script, say, is as its author wrote it, wherever the environment is.
    if not (begin[2] or PYTHON.search(begin[1])):
        return False
    return not (names_prefix(begin, prefix) and is_in_place())


def has_original_script(distribution: Distribution, prefix: Path) -> bool:
    """Tell whether a script of `distribution` is as it was installed, with an interpreter in `prefix`."""
    for file, path in list_recorded(distribution, prefix):
        if path.parent == prefix / "bin" and get_sha256(file) and path.is_file():
            begin = FIRST_LINE.match(path.read_bytes())
            if begin and names_prefix(begin, prefix) and not is_changed(path, file.size, get_sha256(file)):
                return True
    return False


def names_prefix(begin: re.Match[bytes], prefix: Path) -> bool:
    """Tell whether the interpreter of a script with this first line is in `prefix`."""
    return os.fsencode(f"{prefix}/bin/") in (begin[2] or begin[1])
