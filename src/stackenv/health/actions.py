"""Carries out fixes: rewrites the user's files, keeping backups, and runs commands."""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from stackenv.errors import StackenvError, TakenError, quote_word
from stackenv.health.finding import Action, MoveAside, RewriteFile, name_backup
from stackenv.plain_files import read_file_bytes
from stackenv.transactions.files import write_new_file
from stackenv.transactions.interruption import InterruptedCommandError, stopping_at_signals
from stackenv.transactions.postponing import postponing_stop

START = "import sys; from stackenv.cli.start import main; sys.exit(main())"


def carry_out_action(action: Action, environ: Mapping[str, str]) -> None:
    """Carry out `action`; it can be carried out again.

    Raises
    ------
    InterruptedCommandError
        If a signal to stop arrived; the command had time to undo what it did.
    StackenvError
        If a file cannot be written or has changed meanwhile, or if a command fails.
    """
    try:
        with stopping_at_signals():
            if isinstance(action, RewriteFile):
                rewrite_file(Path(action.path), action.old, action.new)
            elif isinstance(action, MoveAside):
                move_aside(Path(action.path), action.contents, Path(action.target))
            else:
                run_command(action.words, environ)
    except InterruptedCommandError as error:
        name = signal.Signals(error.status - 128).name
        error.message = f"interrupted by {name}; this was not completed: {action.sentence}"
        error.hint = ""
        raise


def rewrite_file(path: Path, old: bytes, new: bytes) -> Path:
    """Replace the contents `old` of the file `path` with `new`; return the path of the backup.

    A link stays a link, and its target keeps mode, owner and extended attributes. A file with several hard
    links is written in place; any other is replaced atomically.

    Raises
    ------
    StackenvError
        If the file no longer contains `old`, or cannot be written.
    """
    real = Path(os.path.realpath(path))
    if read_file_bytes(real) != old:
        raise StackenvError(f"{path} has changed meanwhile, so it was left unchanged", "stackenv check")
    kept = keep_copy(real, path, old)
    try:
        with postponing_stop():
            if real.stat().st_nlink > 1:
                write_in_place(real, new)
            else:
                replace_contents(real, new)
    except OSError as error:
        raise StackenvError(
            f"{path} could not be written: {error.strerror}; its previous contents are in {kept}",
            f"ls -l {quote_word(real)}; df -h {quote_word(real.parent)}",
        ) from error
    return kept


def move_aside(path: Path, contents: bytes, target: Path) -> None:
    """Rename the file or link `path`, which contains `contents`, to `target`.

    Raises
    ------
    StackenvError
        If it no longer contains them, or `target` exists.
    """
    if read_file_bytes(path) != contents or os.path.lexists(target):
        raise StackenvError(f"{path} has changed meanwhile, so it was left unchanged", "stackenv check")
    path.rename(target)


def keep_copy(real: Path, path: Path, contents: bytes) -> Path:
    """Return a file beside `path` with `contents` and the mode of `real`; create it if it is missing."""
    for number in itertools.count(1):
        kept = Path(name_backup(str(path)) + (f".{number}" if number > 1 else ""))
        if not os.path.lexists(kept):
            # Start-up files can contain tokens: the copy must never be readable by more users than `real`.
            before = os.umask(0o077)
            try:
                with contextlib.suppress(TakenError):
                    write_new_file(kept, contents)
                    shutil.copymode(real, kept)
                    return kept
            finally:
                os.umask(before)
        if kept.is_file() and not kept.is_symlink() and read_file_bytes(kept) == contents:
            return kept
    raise AssertionError("there is always a next number")


def replace_contents(path: Path, contents: bytes) -> None:
    """Replace `path` atomically by a file with `contents` and the same mode, owner and attributes."""
    status = path.stat()
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(contents)
            stream.flush()
            shutil.copystat(path, temporary)
            os.utime(temporary)
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(stream.fileno(), status.st_uid, status.st_gid)
                os.fchmod(stream.fileno(), stat.S_IMODE(status.st_mode))
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def write_in_place(path: Path, contents: bytes) -> None:
    """Write `contents` into the file `path`, which has other hard links."""
    with path.open("r+b") as stream:
        # Buffered, because a single write to a nearly full disk can be short without an error.
        stream.write(contents)
        stream.flush()
        stream.truncate()
        os.fsync(stream.fileno())


def run_command(words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run the command `words` with its output on stderr; `stackenv` is the one that is running now.

    Raises
    ------
    StackenvError
        If it fails or cannot be started.
    """
    own = words[0] == "stackenv"
    command = [sys.executable, "-I", "-c", START, *words[1:]] if own else list(words)
    sys.stderr.flush()
    try:
        done = subprocess.run(
            command,
            env=dict(environ),
            # `python -m pip` would run a pip.py of the user's folder.
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            check=False,
            # Ctrl-C at a terminal reaches only this process, which sends one SIGTERM: a second signal would
            # interrupt the command while it undoes its work.
            start_new_session=True,
        )
    except OSError as error:
        raise StackenvError(f"{words[0]} cannot be started: {error.strerror}") from error
    if done.returncode:
        raise StackenvError(f"{shlex.join(words)} failed with status {done.returncode}; see its output above")
