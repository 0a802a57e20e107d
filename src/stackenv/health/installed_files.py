"""Finds files of installed packages that are missing, or have changed since installation."""

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

# Python rewrites these, whatever the installer recorded.
COMPILED = (".pyc", ".pyo")
NOTES = ("METADATA", "RECORD")
# As in pathlib: after any other error, whether a file exists is unknown.
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)
# Enough to hide the latency of a network file system; on a local disk more threads do not help.
THREADS = 4
# Enough files that handing them to a thread costs little.
AT_ONCE = 50
# The beginning of a script that pip or uv wrote: three lines if `#!` cannot contain the interpreter's path
# (pip/_vendor/distlib/scripts.py).
FIRST_LINE = re.compile(rb"#!([^\n]*)\n(?:'''exec' ([^\n]*)\n' '''\n)?")
# Installers, and tools that move an environment, write no other interpreter into the first line.
PYTHON = re.compile(rb"(?:^|[/ ])(?:python|pypy|graalpy)w?[\d.]*t?(?: |$)")


Showing = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@contextmanager
def showing_nothing(_title: str, _total: int) -> Iterator[Callable[[int], None]]:
    """Show no progress within the block."""
    yield lambda _: None


class Fault(NamedTuple):
    """A damaged file: the requirement that reinstalls it, its path, and whether it exists."""

    requirement: str
    path: Path
    is_there: bool


class Installed(NamedTuple):
    """A file as it was installed; an unknown size is None, and an unknown SHA-256 is empty."""

    requirement: str
    # A string, because constructing many thousands of Paths is slow.
    path: str
    size_bytes: int | None
    sha256: str
    by_conda: bool


def list_faults(
    owners: Owners, prefix: Path, stays: bool, thorough: bool, showing: Showing = showing_nothing
) -> Iterator[Fault]:
    """Yield each missing or changed file at `prefix`, according to the records of the installers.

    Parameters
    ----------
    stays
        Whether the environment is known to be where it was created, so that its scripts still begin as they
        did; otherwise this is found out from the scripts.
    thorough
        Whether to compare contents, too.
    showing
        Takes a title and the number of files; returns a function that is called with each number compared.
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
    # A network file system answers many requests at once, and hashes are computed in parallel.
    with showing("reading files", len(files)) as advance, ThreadPoolExecutor(THREADS) as pool:
        try:
            for part, faults in zip(parts, pool.map(compare, parts)):
                advance(len(part))
                yield from faults
        finally:
            # After an interruption the rest is not needed.
            pool.shutdown(wait=False, cancel_futures=True)


def list_conda_files(owners: Owners, prefix: Path) -> Iterator[Installed]:
    """Yield the files that conda recorded."""
    for note in owners.by_conda:
        requirement = f"{note['name']}={note['version']}"
        for name, sha256 in list_files(note).items():
            if not name.endswith(COMPILED):
                yield Installed(requirement, f"{prefix}/{name}", None, sha256, True)


def list_pip_files(owners: Owners, prefix: Path) -> Iterator[Installed]:
    """Yield the files that pip, or a similar tool, installed (PEP 376, PEP 627)."""
    for distribution in owners.distributions:
        if not read_origin(distribution.read_text("direct_url.json")).get("dir_info", {}).get("editable"):
            yield from list_recorded(distribution, prefix)


def find_fault(
    file: Installed, prefix: Path, is_in_place: Callable[[], bool], thorough: bool
) -> Fault | None:
    """Return the fault of `file`; None if it is as it was installed."""
    # conda records neither the hash of a link nor that of its target.
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
        # A RECORD can name any file; one outside the environment must not be read.
        if path.startswith(f"{prefix}/"):
            size_bytes = int(size) if size.isdecimal() else None
            yield Installed(requirement, path, size_bytes, decode_hash(sha256), False)


def decode_hash(text: str) -> str:
    """Return the SHA-256 in `text`, a field of RECORD, in hexadecimal; empty if it has none.

    It is in base64 without padding (PEP 376).
    """
    kind, _, value = text.partition("=")
    if kind != "sha256":
        return ""
    try:
        return base64.urlsafe_b64decode(f"{value}{'=' * (-len(value) % 4)}").hex()
    except ValueError:
        # No file has this hash.
        return value


def is_changed(file: Installed, status: os.stat_result, thorough: bool) -> bool:
    """Return whether `file` differs in size or contents; what is unknown is not compared."""
    if file.size_bytes is not None and status.st_size != file.size_bytes:
        return True
    return bool(
        thorough and file.sha256 and stat.S_ISREG(status.st_mode) and hash_file(file.path) != file.sha256
    )


def list_lost_notes(folders: Iterable[Path]) -> Iterator[Fault]:
    """Yield the missing files among those that installers write into the metadata `folders`.

    Without METADATA Python does not know the package; without RECORD pip cannot uninstall it (PEP 627).
    """
    for folder in folders:
        name, _, version = folder.name[: -len(".dist-info")].partition("-")
        if folder.suffix == ".dist-info" and folder.is_dir() and version:
            for note in NOTES:
                # A full disk leaves empty files.
                if not (folder / note).exists() or not (folder / note).stat().st_size:
                    yield Fault(f"{name.replace('_', '-')}=={version}", folder / note, False)


def has_moved(path: Path, prefix: Path, is_in_place: Callable[[], bool]) -> bool:
    """Return whether `path` is a script whose first line was rewritten after installation.

    conda-pack and people who move environments rewrite it. RECORD has a hash of the whole file, so the rest
    cannot be compared then; there must be a rest, and it must be text.
    """
    if path.parent != prefix / "bin":
        return False
    contents = read_file_bytes(path)
    begin = FIRST_LINE.match(contents)
    if not begin or b"\0" in contents or not contents[begin.end() :].strip():
        return False
    # A shell script, for example, begins as its author wrote it, wherever the environment is.
    if not (begin[2] or PYTHON.search(begin[1])):
        return False
    return not (names_prefix(begin, prefix) and is_in_place())


def has_original_script(distribution: Distribution, prefix: Path) -> bool:
    """Return whether a script of `distribution` is unchanged and has an interpreter in `prefix`."""
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
