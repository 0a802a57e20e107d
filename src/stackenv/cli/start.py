"""The entry point of the command: `--version` is answered before anything else is imported."""

from __future__ import annotations

import atexit
import codecs
import gc
import io
import os
import sys

from stackenv import __version__
from stackenv.errors import StackenvError, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# 128 plus the number of SIGINT, as in shells; `signal` is slow to import.
INTERRUPTED = 130
# Set by the functions in modulefiles/completion to what has been typed so far.
COMPLETE_VARIABLE = "_STACKENV_COMPLETE"


def main() -> int:
    """Run the command line; return its exit status, as the epilog of --help lists them.

    The launcher lets Ctrl-C end the process at once and silently; so it does before and after a command.
    """
    open_closed_streams()
    write_any_text()
    try:
        status = answer(sys.argv[1:])
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        # Users who press Ctrl-C need no message.
        return INTERRUPTED
    except StackenvError as error:
        say_error(error.message, error.hint)
        return error.status
    except OSError as error:
        return report_failure(error)


def end(status: int) -> NoReturn:
    """End the process with `status`, as an interpreter does, but without destroying every object.

    That would take as long as starting the interpreter, and the kernel frees the memory at once.
    """
    # Wait for threads, and call what is registered with atexit.
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # The status that Python uses too (Py_FinalizeEx).
            status = 120
    os._exit(status)


def answer(words: list[str]) -> int:
    """Run the command line `words`; return the exit status."""
    if words in (["--version"], ["-V"]):
        # The same text as click prints if the option is not the first word.
        print(f"stackenv, version {__version__}")
        return 0
    if COMPLETE_VARIABLE in os.environ:
        from stackenv.cli.completion import complete

        complete(os.environ[COMPLETE_VARIABLE])
    # Imported objects stay alive, and collecting garbage among them takes a tenth of the start-up time. The
    # command itself enables the collector again.
    gc.disable()
    from stackenv.cli.main import run

    return run(words)


def open_closed_streams() -> None:
    """Open those standard streams that the caller closed (`<&-`), which Python sets to None.

    Otherwise a file that is opened later would get their number. The input is then empty and not a terminal;
    output that cannot be written is an error, and messages are lost.
    """
    for name, flags, mode in (
        ("stdin", os.O_RDONLY, "r"),
        ("stdout", os.O_RDONLY, "w"),
        ("stderr", os.O_WRONLY, "w"),
    ):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, flags)
            # Programs that stackenv starts inherit it like any other stream.
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, errors="surrogateescape"))


def write_any_text() -> None:
    """Let stdout accept any text in every locale, because file names can contain any bytes.

    Bytes are written as they are if possible, and otherwise escaped, as on stderr.
    """
    codecs.register_error("stackenv", replace)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="stackenv")


def replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what is written for a character that the encoding lacks: its bytes, or else its number."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def report_failure(error: OSError) -> int:
    """Report a file that the system refuses, or output that cannot be written; return the exit status."""
    refused = flush_output()
    if error.filename is not None:
        say_error(f"{os.fsdecode(error.filename)}: {error.strerror}")
    elif not refused and not isinstance(error, BrokenPipeError):
        say_error(f"operating system error: {explain(error)}")
    elif not isinstance(error, BrokenPipeError):
        say_error(f"cannot write the output: {error.strerror}")
    return 1


def say_error(message: str, hint: str = "") -> None:
    """Print the error that ends the command."""
    # Slow, and not needed for `--version`.
    from stackenv.output import print_error

    print_error(message, hint)


def flush_output() -> bool:
    """Write the rest of the output; return whether that failed. If so, Python does not try again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        # The reader has closed the pipe, or the disk is full.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
