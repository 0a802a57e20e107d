"""Finds and shows paths of a user: the home, folders in variables, MODULEPATH."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

# The folder that stackenv's own module added to MODULEPATH (modulefiles/lua/use_folder.lua).
OWN_FOLDER = "STACKENV_MODULES"


def find_home(environ: Mapping[str, str], name: str) -> Path | None:
    """Return the path of `name` in the home folder; None if HOME is not an absolute path."""
    home = find_absolute(environ.get("HOME", ""))
    return home / name if home else None


def find_user_folder(environ: Mapping[str, str], variable: str, default: str) -> Path | None:
    """Return the folder in `variable`, such as XDG_CONFIG_HOME, or else `default` in the home folder."""
    return find_absolute(environ.get(variable, "")) or find_home(environ, default)


def find_absolute(text: str) -> Path | None:
    """Return `text` as a path; None if it is relative, because it would depend on the current folder."""
    return Path(text) if text.startswith("/") else None


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Return `text` with ~ and variables expanded, as conda and pip expand paths."""
    if text == "~" or text.startswith("~/"):
        text = environ.get("HOME", "") + text[1:]
    # Slow to import, and seldom needed.
    import string

    return string.Template(text).safe_substitute(environ)


def is_around_home(path: Path, environ: Mapping[str, str]) -> bool:
    """Return whether `path` is the home folder, or a parent of it."""
    home = Path(os.path.realpath(environ.get("HOME") or "/"))
    return Path(os.path.realpath(path)) in (home, *home.parents)


def shorten(path: Path, environ: Mapping[str, str]) -> str:
    """Return `path` as people write it, with ~ for the home folder."""
    home = find_home(environ, "")
    return f"~/{path.relative_to(home)}" if home and home in path.parents else str(path)


def type_folder(folder: str, environ: Mapping[str, str]) -> str:
    """Return `folder` as one word for a shell, with ~ for the home folder."""
    shown = shorten(Path(folder), environ)
    return shown if shlex.quote(shown[1:]) == shown[1:] else shlex.quote(folder)


def uses_folder(environ: Mapping[str, str], folder: str) -> bool:
    """Return whether MODULEPATH in `environ` contains `folder`, by this or another path."""
    used = map(os.path.realpath, filter(None, environ.get("MODULEPATH", "").split(":")))
    return os.path.realpath(folder) in used


def type_load(folder: str, name: str, environ: Mapping[str, str]) -> str:
    """Return the command that loads the module `name` of `folder`, which may already be in MODULEPATH."""
    if uses_folder(environ, folder):
        return f"ml {name}"
    return f"ml use {type_folder(folder, environ)}; ml {name}"


def describe_shells(folder: str, environ: Mapping[str, str]) -> str:
    """Return the words that say in which shells the command from `type_load` works."""
    if not uses_folder(environ, folder):
        return "in a shell or a job script"
    own = environ.get(OWN_FOLDER, "")
    by_module = own and os.path.realpath(own) == os.path.realpath(folder)
    first = "module load stackenv" if by_module else f"ml use {type_folder(folder, environ)}"
    return f"in this shell, and after `{first}` in a new one or a job script"


def list_folders(folder: Path) -> list[Path]:
    """Return the sorted contents of `folder`; empty if it cannot be listed."""
    with contextlib.suppress(OSError):
        return sorted(folder.iterdir())
    return []


def has(folder: Path, name: str) -> bool:
    """Return whether `folder` contains `name`; False if that cannot be seen."""
    return os.path.exists(os.path.join(folder, name))  # noqa: PTH110, PTH118


def is_own(folder: Path) -> bool:
    """Return whether `folder` belongs to this user; others count towards other quotas."""
    with contextlib.suppress(OSError):
        return folder.stat().st_uid == os.geteuid()
    return False
