"""Which libraries the dynamic loader finds by LD_LIBRARY_PATH alone, as the loader itself says."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from stackenv.environments.bare_start import run_bare
from stackenv.plain_files import open_file

# With this variable, the loader lists the libraries of a program instead of running it (ld.so(8)). The
# kernel limits a variable to 128 KiB (MAX_ARG_STRLEN, execve(2)).
TRACE = "LD_TRACE_LOADED_OBJECTS"
LARGEST_BYTES = 100_000
# glibc's loader on x86-64, aarch64, ppc64le and riscv64. musl ignores TRACE and runs the program.
GLIBC_LOADERS = ("ld-linux", "ld64.so")
# elf(5): the header of a 64-bit little-endian program, and the header of one of its segments.
ELF, ELF_HEADER = b"\x7fELF\2\1", struct.Struct("<6s26xQ14xHH6x")
ELF_SEGMENT, PT_INTERP = struct.Struct("<I4xQ16xQ16x"), 3
# Subfolders that the loader searches before the folder itself; up to glibc 2.36, by the name of the CPU.
FOR_SOME_CPUS = {b"glibc-hwcaps", b"tls", b"haswell", b"xeon_phi", b"avx512_1", b"x86_64", b"atomics"}
# A tree with more folders, such as a home, is not a stack and is not searched.
MOST_FOLDERS = 100_000


class TooManyFoldersError(Exception):
    """The search would take longer than a user would wait."""


def needs_library_path(program: str, folders: Iterable[Path], library_path: Sequence[str]) -> bool:
    """Return whether the loader finds other libraries with `library_path` than without it.

    The loader is asked about `program` and about the extension modules in `folders`. It is asked package by
    package, because a library that one module finds by its RPATH is then found for all later ones, too. The
    answer is True, at the cost of a second start of the Python, if the loader cannot be asked or does not
    answer, as on a file system that hangs, and if there are too many folders to search.
    """
    if not library_path:
        return False
    if not is_loaded_by_glibc(program):
        return True
    budget = iter(range(MOST_FOLDERS))
    batches = (batch for folder in folders for batch in list_batches(folder, budget))
    offered = list_offered(library_path)

    def differs(folder: Path, names: str) -> bool:
        without = list_found(program, folder, names, ())
        if offered and all(is_found_there(line, offered) for line in without):
            return False
        return without != list_found(program, folder, names, library_path)

    try:
        return differs(Path("/"), "") or any(differs(*batch) for batch in batches)
    except (TooManyFoldersError, subprocess.TimeoutExpired):
        return True


def list_offered(library_path: Sequence[str]) -> dict[bytes, bytes]:
    """Return the first path of each name in the folders of `library_path`; empty if the CPU matters, too.

    The CPU matters if one of them has a subfolder for certain CPUs (ld.so(8), "Hardware capabilities").
    """
    offered: dict[bytes, bytes] = {}
    for folder in map(os.fsencode, library_path):
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    offered.setdefault(entry.name, entry.path)
                    if entry.name in FOR_SOME_CPUS:
                        return {}
        except OSError:
            continue
    return offered


def is_found_there(line: bytes, offered: Mapping[bytes, bytes]) -> bool:
    """Return whether the library in the loader's `line` is the one that `offered` has, if it has one."""
    name, _, path = line.strip().partition(b" => ")
    other = offered.get(name)
    try:
        # An RPATH may contain a different path to the same file.
        return not other or path == other or os.path.samefile(path, other)  # noqa: PTH121 (they are bytes)
    except OSError:
        return False


def is_loaded_by_glibc(program: str) -> bool:
    """Return whether glibc's loader starts `program`; it does not start scripts and static programs."""
    with open_file(program) as stream:
        header = stream.read(ELF_HEADER.size)
        if len(header) < ELF_HEADER.size or not header.startswith(ELF):
            return False
        _, place, size, number = ELF_HEADER.unpack(header)
        stream.seek(place)
        table = stream.read(size * number)
        for at in range(0, len(table), size):
            kind, start, length = ELF_SEGMENT.unpack_from(table, at)
            if kind == PT_INTERP:
                stream.seek(start)
                loader = os.fsdecode(stream.read(length).rstrip(b"\0"))
                return Path(loader).name.startswith(GLIBC_LOADERS)
    return False


def list_batches(folder: Path, budget: Iterator[int]) -> Iterator[tuple[Path, str]]:
    """Yield the extension modules in `folder` as lists for the loader, those of a package together."""
    packages: dict[str, list[str]] = {}
    for name in list_extensions(folder, budget):
        package, slash, _ = name.removeprefix("./").partition("/")
        packages.setdefault(package if slash else "", []).append(name)
    for names in packages.values():
        for batch in batch_names(names):
            yield folder, batch


def list_extensions(folder: Path, budget: Iterator[int]) -> Iterator[str]:
    """Yield the paths of the extension modules that can be imported from `folder`, in a fixed order.

    The paths are relative to `folder`. The name of a folder decides whether it is a package (PEP 420). Names
    of packages contain no blank and no colon, which the loader would read as the end of a path.
    """
    for parent, names, files in os.walk(folder):
        if next(budget, None) is None:
            raise TooManyFoldersError
        names[:] = sorted(filter(str.isidentifier, names))
        for name in sorted(filter(is_extension, files)):
            yield f"./{Path(parent, name).relative_to(folder)}"


def is_extension(name: str) -> bool:
    """Return whether `name` may be that of an extension module, and the loader can be asked about it."""
    return name.endswith(".so") and name.partition(".")[0].isidentifier() and not {" ", ":"} & set(name)


def batch_names(names: Iterable[str]) -> Iterator[str]:
    """Yield `names` joined for the loader, as many at once as fit into a variable."""
    batch: list[str] = []
    size_bytes = 0
    for name in names:
        if size_bytes + len(os.fsencode(name)) >= LARGEST_BYTES:
            yield " ".join(batch)
            batch, size_bytes = [], 0
        batch.append(name)
        size_bytes += len(os.fsencode(name)) + 1
    if batch:
        yield " ".join(batch)


def list_found(program: str, folder: Path, names: str, library_path: Sequence[str]) -> frozenset[bytes]:
    """Return what the loader prints for `program` with the extension modules `names` of `folder`.

    The set is empty if the folder cannot be entered.
    """
    environ = {TRACE: "1", "LD_PRELOAD": names, "LD_LIBRARY_PATH": ":".join(library_path)}
    try:
        done = run_bare([program], {name: value for name, value in environ.items() if value}, folder)
    except (PermissionError, FileNotFoundError):
        return frozenset()
    # Without the addresses, which differ each time.
    return frozenset(line.rpartition(b" (0x")[0] or line for line in done.stdout.splitlines())
