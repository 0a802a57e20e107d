"""Carries out fixes: the user's own files rewritten, with what they held kept; commands run."""

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
    """Carry out `action`; each can be carried out again.

    Raises
    ------
    InterruptedCommandError
        When a signal to stop came; a command has had time to take back what it did.
    StackenvError
        When the disk refuses, a file has changed meanwhile, or a command fails.
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
    """Make the file `path` hold `new` instead of `old`; return where `old` is kept.

    Links stay links, what they lead to keeps mode, owner and extended attributes. A file with further hard
    links is written in place, all others whole or not at all.

    Raises
    ------
    StackenvError
        When it does not hold `old` any more, or the disk refuses.
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
    """Rename the file or link `path`, which holds `contents`, to `target`.

    Raises
    ------
    StackenvError
        When it does not hold them any more, there is a `target` by now, or the disk refuses.
    """
    if read_file_bytes(path) != contents or os.path.lexists(target):
        raise StackenvError(f"{path} has changed meanwhile, so it was left unchanged", "stackenv check")
    path.rename(target)


def keep_copy(real: Path, path: Path, contents: bytes) -> Path:
    """Return a file beside `path` that holds `contents`, with the mode of `real`; made when missing."""
    for number in itertools.count(1):
        kept = Path(name_backup(str(path)) + (f".{number}" if number > 1 else ""))
        if not os.path.lexists(kept):
            # Start-up files can hold tokens: never, not for a moment, open to more than `real` is.
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
    """Rename a file with `contents` over `path`, with its mode, owner and attributes."""
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
    """Write `contents` into the file `path`, whose inode has other names too."""
    with path.open("r+b") as stream:
        # Buffered: a single write to a disk that is nearly full may take less than all, without an error.
        stream.write(contents)
        stream.flush()
        stream.truncate()
        os.fsync(stream.fileno())


def run_command(words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run the program `words`, its words on stderr; `stackenv` is the one that runs now.

    Raises
    ------
    StackenvError
        When it fails, or is not there.
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
            # Ctrl-C at a terminal reaches this process alone, which sends one SIGTERM: a second signal would
            # end what the program does to take back its work.
            start_new_session=True,
        )
    except OSError as error:
        raise StackenvError(f"{words[0]} cannot be started: {error.strerror}") from error
    if done.returncode:
        raise StackenvError(f"{shlex.join(words)} failed with status {done.returncode}; see its output above")
