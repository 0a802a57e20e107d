"""The parts of conda's package cache that no environment links to, as conda itself reports them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from stackenv.captured_run import run_captured
from stackenv.conda.command import describe_command
from stackenv.errors import StackenvError

TIMEOUT_S = 600
# In earlier versions, `conda clean --all --dry-run` deletes the indexes (conda/conda#11385), does not print
# JSON, and does not know --logfiles (conda/conda#11387).
FIRST_DRY = Version("4.13")
# A row of the tables in which an older conda prints names and sizes (conda/utils.py, human_bytes).
ROW = re.compile(r"(\S+) +[\d.]+ [KMG]?B")


@dataclass(frozen=True)
class CondaCache:
    """What `conda clean` would remove: the paths of archives, extracted packages, indexes and logs.

    `clean_indexes` are the options with which this conda removes the indexes.
    """

    archives: tuple[str, ...]
    packages: tuple[str, ...]
    indexes: tuple[str, ...]
    clean_indexes: tuple[str, ...] = ("--index-cache", "--logfiles")


def list_unused(conda: str, environ: Mapping[str, str]) -> CondaCache:
    """Ask the program `conda` what it would clean; nothing is removed.

    To conda, an extracted package is unused if none of its files has a second hard link
    (conda/cli/main_clean.py).

    Raises
    ------
    StackenvError
        If conda fails or its answer has another format; the message includes conda's output.
    """
    try:
        if is_old(ask(conda, ("--version",), environ)):
            return list_unused_by_old(conda, environ)
        answer = json.loads(ask(conda, ("clean", "--all", "--dry-run", "--json"), environ))
        if not answer["success"]:
            raise ValueError(answer.get("message") or "no success")
        return CondaCache(
            tuple(list_paths(answer.get("tarballs", {}))),
            tuple(list_paths(answer.get("packages", {}))),
            (*answer.get("index_cache", {}).get("files", ()), *answer.get("logfiles", ())),
        )
    except subprocess.TimeoutExpired as error:
        words = " ".join(error.cmd[4:])
        raise StackenvError(f"{conda} {words} did not end within {TIMEOUT_S} s") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StackenvError(
            f"conda did not report what can be deleted: {error}",
            "to see its own message: conda clean --all --dry-run",
        ) from error


def ask(conda: str, arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return what `conda ARGUMENTS` prints.

    Raises
    ------
    ValueError
        If it fails; the message includes its output, if any.
    """
    done = run_captured(describe_command(conda, *arguments), environ, TIMEOUT_S, cwd="/")
    if done.returncode:
        raise ValueError(find_message(done.stdout) or f"status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def find_message(answer: str) -> str:
    """Return the message in conda's answer, if the answer is JSON and has one."""
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def is_old(text: str) -> bool:
    """Return whether the conda that prints `text` as its version would remove indexes in a dry run."""
    try:
        return Version(text.split()[-1]) < FIRST_DRY
    except (InvalidVersion, IndexError):
        return False


def list_unused_by_old(conda: str, environ: Mapping[str, str]) -> CondaCache:
    """Ask a conda before 4.13 for one kind at a time, for which it prints a table; find the indexes here.

    Its tables include packages in caches that this user cannot write; it does not remove those.
    """
    tables = (ask(conda, ("clean", option, "--dry-run"), environ) for option in ("--tarballs", "--packages"))
    archives, packages = (
        tuple(path for path in list_rows(table) if os.access(Path(path).parent, os.W_OK)) for table in tables
    )
    folders = json.loads(ask(conda, ("config", "--show", "pkgs_dirs", "--json"), environ))["pkgs_dirs"]
    # The same folders as in conda's rm_index_cache (conda/cli/main_clean.py).
    indexes = [Path(folder, "cache") for folder in folders if os.access(folder, os.W_OK)]
    return CondaCache(
        archives, packages, tuple(str(path) for path in indexes if path.is_dir()), ("--index-cache",)
    )


def list_rows(table: str) -> Iterator[str]:
    """Yield the paths in one of conda's tables: an underlined folder, then its entries with their sizes."""
    folder, before = "", ""
    for line in table.splitlines():
        row = ROW.fullmatch(line)
        if line and not line.strip("-"):
            # Below the last line of dashes there is only the sum.
            folder = before
        elif row and folder:
            yield str(Path(folder, row[1]))
        before = line


def list_paths(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths in `found`, conda's lists of names for each package cache."""
    for folder, names in found.get("pkgs_dirs", {}).items():
        yield from (str(Path(folder, name)) for name in names)
