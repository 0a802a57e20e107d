"""The user's kernelspecs: those that stackenv wrote, and how they are written and removed."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackenv import STACKENV_UUID
from stackenv.errors import StackenvError, TakenError, quote_word
from stackenv.jupyter.ipykernel import may_have_ipykernel
from stackenv.jupyter.kernelspec import name_kernel, rename_kernelspec, write_kernelspec_text
from stackenv.plain_files import read_file_bytes, read_file_text
from stackenv.record import Record
from stackenv.transactions.changes import Change, RemoveFile, RemoveFolder, WriteFile
from stackenv.transactions.file_hash import hash_file
from stackenv.transactions.files import write_file

KERNEL_FILE = "kernel.json"
FOLDER = "kernels"
SHIPPED_LOGOS = Path(__file__).parent.parent / "templates" / "kernel"
LOGOS = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg")


def find_kernels_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the user's kernelspecs (jupyter_core/paths.py, jupyter_data_dir).

    JUPYTER_PLATFORM_DIRS gives the same folder here, and JUPYTER_PREFER_ENV_PATH only affects the order of
    the search.

    Raises
    ------
    StackenvError
        If the variables do not give an absolute path.
    """
    data = environ.get("JUPYTER_DATA_DIR") or ""
    if not data:
        share = environ.get("XDG_DATA_HOME") or f"{environ.get('HOME', '')}/.local/share"
        data = f"{share}/jupyter" if environ.get("XDG_DATA_HOME") or environ.get("HOME") else ""
    if not data.startswith("/"):
        why = f"{data!r} is not an absolute path" if data else "HOME is not set"
        raise StackenvError(
            f"cannot determine Jupyter's data directory: {why}; nothing was changed",
            "set HOME; set JUPYTER_DATA_DIR and XDG_DATA_HOME to absolute paths, or unset them",
        )
    return Path(data, FOLDER)


@dataclass(frozen=True)
class StoredKernel:
    """A kernelspec that stackenv wrote; `contents` is its kernel.json."""

    folder: Path
    text: str
    contents: Mapping[str, Any]

    @property
    def path(self) -> Path:
        return self.folder / KERNEL_FILE

    @property
    def name(self) -> str:
        """The kernel's name, in the form that Jupyter compares."""
        return self.folder.name.lower()

    @property
    def display_name(self) -> str:
        return str(self.contents["display_name"])

    @property
    def module(self) -> str:
        return str(self.contents["metadata"]["stackenv"]["module"])

    @property
    def module_folder(self) -> str:
        return str(self.contents["metadata"]["stackenv"]["module_folder"])

    @property
    def environment(self) -> str:
        return str(self.contents["metadata"]["stackenv"]["environment"])

    @property
    def modulefile(self) -> Path:
        return Path(self.module_folder, f"{self.module}.lua")

    @property
    def is_copy(self) -> bool:
        """Whether a user has copied it from another one of stackenv's, to change it; then it is theirs."""
        return str(self.contents["metadata"]["stackenv"].get("kernel", self.name)).lower() != self.name

    @property
    def named_by_user(self) -> bool:
        """Whether the user chose the name that Jupyter shows."""
        told = self.contents["metadata"]["stackenv"].get("named_by_user")
        # Older kernelspecs do not say so, but stackenv's own names begin with the module.
        return bool(told) if told is not None else not self.display_name.startswith(f"{self.module} ")

    def is_of(self, prefix: str) -> bool:
        """Return whether it starts a kernel in the environment at `prefix`."""
        return os.path.realpath(self.environment) == os.path.realpath(prefix)

    def describe_removal(self) -> tuple[Change, ...]:
        """Return the changes that remove it; files that others put beside it are kept.

        kernel.json goes last, so that after an interruption the rest is still recognised as stackenv's. If
        the folder is a link, only the link is removed.
        """
        if self.folder.is_symlink():
            return (RemoveFile(str(self.folder)),)
        own = [name for name in LOGOS if is_shipped_logo(self.folder / name)]
        return (
            *(RemoveFile(str(self.folder / name), hash_file(SHIPPED_LOGOS / name)) for name in own),
            RemoveFile(str(self.path)),
            RemoveFolder(str(self.folder)),
        )


def is_shipped_logo(path: Path) -> bool:
    """Return whether the file `path` is stackenv's own logo."""
    try:
        return read_file_bytes(path) == read_file_bytes(SHIPPED_LOGOS / path.name)
    except OSError:
        return False


def read_kernel(folder: Path) -> StoredKernel | None:
    """Return the kernelspec in `folder`; None if there is none, or if stackenv did not write it."""
    try:
        text = read_file_text(folder / KERNEL_FILE)
        contents = json.loads(text)
        kernel = StoredKernel(folder, text, contents)
        if contents["metadata"]["stackenv"]["stackenv"] != STACKENV_UUID:
            return None
        paths = (kernel.module_folder, kernel.environment)
        if not (kernel.display_name and kernel.module) or not all(p.startswith("/") for p in paths):
            return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return kernel


def list_kernel_folders(environ: Mapping[str, str]) -> list[Path]:
    """Return the contents of the folder of the user's kernelspecs, sorted by name, whoever wrote them.

    Raises
    ------
    StackenvError
        If the variables do not give the path of the folder.
    OSError
        If the folder exists and cannot be read.
    """
    try:
        return sorted(find_kernels_folder(environ).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_kernels(environ: Mapping[str, str]) -> Iterator[StoredKernel]:
    """Yield the user's kernelspecs that stackenv wrote, by name; raise as `list_kernel_folders` does."""
    yield from filter(None, map(read_kernel, list_kernel_folders(environ)))


def find_kernels_of(prefix: str, environ: Mapping[str, str]) -> tuple[StoredKernel, ...]:
    """Return the user's kernelspecs for the environment at `prefix`; none if they cannot be read."""
    with contextlib.suppress(StackenvError, OSError):
        return tuple(k for k in list_kernels(environ) if k.is_of(prefix) and not k.is_copy)
    return ()


def choose_folder(record: Record, environ: Mapping[str, str]) -> Path:
    """Return the folder of the kernelspec of `record`: the existing one, or else one with a new name."""
    for kernel in find_kernels_of(record.path, environ):
        return kernel.folder
    root, name = find_kernels_folder(environ), name_kernel(record)
    taken = {folder.name.lower() for folder in list_kernel_folders(environ)}
    # A name can be taken by others, or by an environment that is gone: notebooks still refer to it.
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return root / next(n for n in names if n not in taken or is_leftover(root / n))


def is_leftover(folder: Path) -> bool:
    """Return whether `folder` holds only stackenv's logos or drafts, from an interrupted `kernel add`."""
    try:
        entries = list(folder.iterdir())
    except OSError:
        return False
    return all(is_shipped_logo(entry) or is_draft(entry) for entry in entries)


def is_draft(path: Path) -> bool:
    """Return whether `path` is a temporary file that `stackenv.transactions.files` left behind."""
    names = "|".join(map(re.escape, (KERNEL_FILE, *LOGOS)))
    return (
        bool(re.fullmatch(rf"\.({names})\.[a-z0-9_]{{8}}", path.name)) and path.lstat().st_uid == os.geteuid()
    )


def write_kernel(folder: Path, contents: Mapping[str, Any]) -> None:
    """Write the kernelspec `contents` into `folder`; kernel.json is last, as it makes Jupyter see the kernel.

    Raises
    ------
    TakenError
        If there is one that stackenv did not write.
    StackenvError
        If the disk refuses.
    """
    if os.path.lexists(folder / KERNEL_FILE) and read_kernel(folder) is None:
        raise TakenError(
            f"{folder / KERNEL_FILE} was not written by stackenv; nothing was changed",
            f"move it away: mv {quote_word(folder)} ANOTHER_FOLDER",
        )
    for draft in filter(is_draft, folder.iterdir() if folder.is_dir() else ()):
        draft.unlink()
    for name in LOGOS:
        if not os.path.lexists(folder / name):
            write_file(folder / name, read_file_bytes(SHIPPED_LOGOS / name))
    write_file(folder / KERNEL_FILE, write_kernelspec_text(contents))


def plan_kernel_removal(
    prefix: str, environ: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[Change, ...], tuple[Path, ...]]:
    """Return how to remove the user's kernels of the environment at `prefix`: sentences, changes, files seen.

    Raises
    ------
    StackenvError
        If one of them cannot be removed.
    """
    kernels = find_kernels_of(prefix, environ)
    for kernel in kernels:
        if not os.access(kernel.folder, os.W_OK | os.X_OK):
            raise StackenvError(
                f"its Jupyter kernel {kernel.folder} cannot be removed: the folder is not writable; nothing "
                "was changed",
                f"ls -ld {shlex.quote(str(kernel.folder))}",
            )
    return (
        tuple(f"remove the Jupyter kernel {kernel.folder}" for kernel in kernels),
        tuple(change for kernel in kernels for change in kernel.describe_removal()),
        tuple(kernel.path for kernel in kernels),
    )


def plan_kernel_renaming(
    before: Record, after: Record, environ: Mapping[str, str], shared: Path | None
) -> tuple[tuple[str, ...], tuple[Change, ...], tuple[Path, ...]]:
    """Return how the user's kernels of `before` become those of `after`: sentences, changes, files seen.

    Their folders are kept, because notebooks find kernels by the folders' names.
    """
    found = []
    kernels = find_kernels_of(before.path, environ)
    for kernel in kernels:
        text = write_kernelspec_text(rename_kernelspec(kernel.contents, before, after, shared))
        if text != kernel.text:
            found.append((kernel, text))
    # An environment in a new folder may still be empty.
    stays = kernels and before.path == after.path
    lost = stays and may_have_ipykernel(before) and not may_have_ipykernel(after)
    hint = f"stackenv kernel add {after.full_name} --install"
    return (
        (
            *(f"update the name in the Jupyter kernel {kernel.folder}" for kernel, _ in found),
            *(
                (f"warning: its Jupyter kernel will have no ipykernel and will not start: {hint}",)
                if lost
                else ()
            ),
        ),
        tuple(WriteFile(str(kernel.path), text) for kernel, text in found),
        tuple(kernel.path for kernel, _ in found),
    )
