"""Files of installed packages that are gone, or are not as they were installed."""

from __future__ import annotations

import base64
import errno
import functools
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import Distribution
from pathlib import Path
from typing import NamedTuple

from stackenv.conda.packages import list_files
from stackenv.environments.own_packages import Owners, describe_requirement, read_origin, read_record_rows
from stackenv.plain_files import read_file_bytes
from stackenv.transactions.file_hash import hash_file

# Python writes them again, whatever the installer has recorded.
COMPILED = (".pyc", ".pyo")
NOTES = ("METADATA", "RECORD")
# As pathlib has it: with another error it is not known whether a file is there.
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)
# Enough to hide the time in which a file system on the network answers; on one's own disk more are no gain.
THREADS = 4
# So many files that to hand them to a thread costs little.
AT_ONCE = 50
# How a script begins that pip or uv has made: where `#!` cannot hold the interpreter's path, with three lines
# (pip/_vendor/distlib/scripts.py).
FIRST_LINE = re.compile(rb"#!([^\n]*)\n(?:'''exec' ([^\n]*)\n' '''\n)?")
# Installers and those who move an environment write no other interpreter into a first line.
PYTHON = re.compile(rb"(?:^|[/ ])(?:python|pypy|graalpy)w?[\d.]*t?(?: |$)")


Showing = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@contextmanager
def showing_nothing(_title: str, _total: int) -> Iterator[Callable[[int], None]]:
    """Show nothing of what is done within the block."""
    yield lambda _: None


class Fault(NamedTuple):
    """A file that is not right: what installs it again, where it is, and whether it is there."""

    requirement: str
    path: Path
    is_there: bool


class Installed(NamedTuple):
    """A file as it was installed: what installs it again; without a size or a SHA-256 that is unknown."""

    requirement: str
    # Of one as a Path each of many thousands would be taken apart.
    path: str
    size_bytes: int | None
    sha256: str
    by_conda: bool


def list_faults(
    owners: Owners, prefix: Path, stays: bool, thorough: bool, showing: Showing = showing_nothing
) -> Iterator[Fault]:
    """Yield each file at `prefix` that is not right: of a package by the list of who has installed it.

    Parameters
    ----------
    stays
        Whether the environment is known to be where it was made, so that its scripts begin as they did;
        otherwise they are asked.
    thorough
        Whether contents are compared too.
    showing
        Takes a title and the number of files; gives what is told of each number of them that is done.
    """

    @functools.cache
    def is_in_place() -> bool:
        return stays or any(has_original_script(d, prefix) for d in owners.distributions)

    def compare(files: Sequence[Installed]) -> list[Fault]:
        found = (find_fault(file, prefix, is_in_place, thorough) for file in files)
        return [fault for fault in found if fault]

    yield from list_lost_notes(path for path, _ in owners.by_pip)
    files = [*list_conda_files(owners, prefix), *list_pip_files(owners, prefix)]
    parts = [files[begin : begin + AT_ONCE] for begin in range(0, len(files), AT_ONCE)]
    # A file system on the network answers many at once; hashes are made beside each other too.
    with showing("reading files", len(files)) as advance, ThreadPoolExecutor(THREADS) as pool:
        try:
            for part, faults in zip(parts, pool.map(compare, parts)):
                advance(len(part))
                yield from faults
        finally:
            # Of an interrupted check nobody waits for the rest.
            pool.shutdown(wait=False, cancel_futures=True)


def list_conda_files(owners: Owners, prefix: Path) -> Iterator[Installed]:
    """Yield the files that conda has noted."""
    for note in owners.by_conda:
        requirement = f"{note['name']}={note['version']}"
        for name, sha256 in list_files(note).items():
            if not name.endswith(COMPILED):
                yield Installed(requirement, f"{prefix}/{name}", None, sha256, True)


def list_pip_files(owners: Owners, prefix: Path) -> Iterator[Installed]:
    """Yield the files of what pip, or a tool like it, has installed (PEP 376, PEP 627)."""
    for distribution in owners.distributions:
        if not read_origin(distribution.read_text("direct_url.json")).get("dir_info", {}).get("editable"):
            yield from list_recorded(distribution, prefix)


def find_fault(
    file: Installed, prefix: Path, is_in_place: Callable[[], bool], thorough: bool
) -> Fault | None:
    """Return what is wrong with `file`; None when it is as it was installed."""
    # conda does not note the hash of what a link leads to, nor that of a link.
    if file.by_conda and os.path.islink(file.path):  # noqa: PTH114
        return None
    try:
        status = os.stat(file.path)  # noqa: PTH116
    except OSError as error:
        if error.errno not in NOT_THERE:
            raise
        return Fault(file.requirement, Path(file.path), False)
    if not is_changed(file, status, thorough):
        return None
    if not file.by_conda and has_moved(Path(file.path), prefix, is_in_place):
        return None
    return Fault(file.requirement, Path(file.path), True)


def list_recorded(distribution: Distribution, prefix: Path) -> Iterator[Installed]:
    """Yield the files below `prefix` in the RECORD of `distribution`."""
    requirement, site = describe_requirement(distribution), distribution.locate_file("")
    # Without a RECORD there is at most a list of what the sources had.
    for row in read_record_rows(distribution):
        name, sha256, size = (*row, "", "", "")[:3]
        # virtualenv puts the folders of compiled files into RECORD, and does not make them.
        if not name or name.endswith((*COMPILED, "__pycache__", "__pycache__/")):
            continue
        path = os.path.normpath(name if name.startswith("/") else f"{site}/{name}")
        # A RECORD can name any file: one outside is not the environment's, nor this command's to read.
        if path.startswith(f"{prefix}/"):
            size_bytes = int(size) if size.isdecimal() else None
            yield Installed(requirement, path, size_bytes, decode_hash(sha256), False)


def decode_hash(text: str) -> str:
    """Return the SHA-256 that RECORD has as `text`, in hexadecimal; empty when it has none.

    It is in base64 without padding (PEP 376).
    """
    kind, _, value = text.partition("=")
    if kind != "sha256":
        return ""
    try:
        return base64.urlsafe_b64decode(f"{value}{'=' * (-len(value) % 4)}").hex()
    except ValueError:
        # No file has it.
        return value


def is_changed(file: Installed, status: os.stat_result, thorough: bool) -> bool:
    """Return whether `file` has another size, or other contents; what is not known is not compared."""
    if file.size_bytes is not None and status.st_size != file.size_bytes:
        return True
    return bool(
        thorough and file.sha256 and stat.S_ISREG(status.st_mode) and hash_file(file.path) != file.sha256
    )


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


def has_moved(path: Path, prefix: Path, is_in_place: Callable[[], bool]) -> bool:
    """Return whether `path` is a script whose first line is not the one that it was installed with.

    conda-pack and people who move environments write another. RECORD has a hash of the whole, so that the
    rest can then be compared with nothing; there must be a rest, and it must be text.
    """
    if path.parent != prefix / "bin":
        return False
    contents = read_file_bytes(path)
    begin = FIRST_LINE.match(contents)
    if not begin or b"\0" in contents or not contents[begin.end() :].strip():
        return False
    # That of a shell script, say, is as its author wrote it, wherever the environment is.
    if not (begin[2] or PYTHON.search(begin[1])):
        return False
    return not (names_prefix(begin, prefix) and is_in_place())


def has_original_script(distribution: Distribution, prefix: Path) -> bool:
    """Return whether a script of `distribution` is as it was installed, with an interpreter in `prefix`."""
    for file in list_recorded(distribution, prefix):
        path = Path(file.path)
        if path.parent == prefix / "bin" and file.sha256 and path.is_file():
            begin = FIRST_LINE.match(read_file_bytes(path))
            if begin and names_prefix(begin, prefix) and not is_changed(file, path.stat(), thorough=True):
                return True
    return False


def names_prefix(begin: re.Match[bytes], prefix: Path) -> bool:
    """Return whether the interpreter of a script with this first line is in `prefix`."""
    return os.fsencode(f"{prefix}/bin/") in (begin[2] or begin[1])
