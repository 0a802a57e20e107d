"""The limits of users' folders, from the numbers or the commands in the site configuration."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.configuration.settings import LimitSettings

TIMEOUT_S = 20
SHOWN_CHARACTERS = 200
FORM = "four whole numbers (bytes used, bytes allowed, files used, files allowed), with - for an unknown one"


@dataclass(frozen=True)
class Limit:
    """The limit of the folder `path`, and its current use if a command reports it.

    None means unknown, or no limit. `problem` says what is wrong with the command; it is empty if the command
    works.
    """

    path: Path
    bytes_used: int | None = None
    bytes_limit: int | None = None
    files_used: int | None = None
    files_limit: int | None = None
    problem: str = ""


def probe_limits(limits: tuple[LimitSettings, ...], environ: Mapping[str, str]) -> tuple[Limit, ...]:
    """Return the limits of the folders that exist; their commands run one after the other."""
    found = []
    for limit in limits:
        path = limit.path.expand(environ) or ""
        if path.startswith("/") and os.path.isdir(path):  # noqa: PTH112 (pathlib raises where it may not look)
            found.append(probe_limit(limit, Path(path), environ))
    return tuple(found)


def probe_limit(limit: LimitSettings, path: Path, environ: Mapping[str, str]) -> Limit:
    """Return the limit of the folder `path`: what its command prints, else the configured numbers."""
    stated = Limit(path, bytes_limit=limit.bytes, files_limit=limit.files)
    if not limit.command:
        return stated
    try:
        bytes_used, bytes_limit, files_used, files_limit = run_limit_command(
            (*limit.command, str(path)), environ
        )
    except ValueError as error:
        return replace(stated, problem=f"{' '.join(limit.command)} {path}: {error}")
    return Limit(path, bytes_used, bytes_limit or limit.bytes, files_used, files_limit or limit.files)


def run_limit_command(words: tuple[str, ...], environ: Mapping[str, str]) -> list[int | None]:
    """Return the four numbers that the command `words` prints.

    Raises
    ------
    ValueError
        If the command fails, does not end in time, or prints something else; the message says which.
    """
    try:
        process = subprocess.Popen(
            words,
            env=dict(environ),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # So that the processes that it started end with it.
            start_new_session=True,
        )
    except OSError as error:
        raise ValueError(f"cannot be run: {error.strerror}") from error
    ended = False
    try:
        printed, complaints = process.communicate(timeout=TIMEOUT_S)
        ended = True
    except subprocess.TimeoutExpired:
        raise ValueError(f"did not end within {TIMEOUT_S} s") from None
    finally:
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        said = " ".join(complaints.split())[-SHOWN_CHARACTERS:]
        raise ValueError(f"status {process.returncode}{': ' if said else ''}{said}")
    return read_numbers(printed)


def read_numbers(printed: str) -> list[int | None]:
    """Return the numbers that a command has `printed`; raise ValueError if they have another format."""
    words = printed.split()
    if len(words) != 4 or not all(w == "-" or (w.isascii() and w.isdigit() and len(w) < 20) for w in words):
        shown = " ".join(printed.split())[:SHOWN_CHARACTERS]
        raise ValueError(f"printed {shown!r}; expected: {FORM}")
    return [None if word == "-" else int(word) for word in words]
