"""Where the command begins: `--version` is answered before more is imported, errors become a message."""

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

# 128 and the number of SIGINT, as shells have it; `signal` is slow to import.
INTERRUPTED = 130
# The functions in modulefiles/completion set it: what is typed so far.
COMPLETE_VARIABLE = "_STACKENV_COMPLETE"


def main() -> int:
    """Run the command line; return its exit status, as the epilog of --help lists them.

    What starts it has Ctrl-C end the process at once, without a word; so it does before and after a command.
    """
    open_closed_streams()
    write_any_text()
    try:
        status = answer(sys.argv[1:])
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        # Who types Ctrl-C knows it.
        return INTERRUPTED
    except StackenvError as error:
        say_error(error.message, error.hint)
        return error.status
    except OSError as error:
        return tell_failure(error)


def end(status: int) -> NoReturn:
    """End the process with `status`, as an interpreter does, but for taking apart each object.

    That takes as long as the start of the interpreter, and the kernel does it at once.
    """
    # Those who start threads, or want to be called at the end, are waited for and called.
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # As for any other program of Python (Py_FinalizeEx).
            status = 120
    os._exit(status)


def answer(words: list[str]) -> int:
    """Do what the `words` behind the command say; return the exit status."""
    if words in (["--version"], ["-V"]):
        # As click writes it for the option at any other place.
        print(f"stackenv, version {__version__}")
        return 0
    if COMPLETE_VARIABLE in os.environ:
        from stackenv.cli.completion import complete

        complete(os.environ[COMPLETE_VARIABLE])
    # What is imported stays, and to look for garbage in it takes a tenth of the start. The command itself
    # has it looked for again.
    gc.disable()
    from stackenv.cli.main import run

    return run(words)


def open_closed_streams() -> None:
    """Open those of the standard streams that the caller has closed (`<&-`), which Python sets to None.

    Their numbers are taken so that no file that is opened later gets one. The input is empty and no
    terminal; output that cannot be written is an error, and messages vanish.
    """
    for name, flags, mode in (
        ("stdin", os.O_RDONLY, "r"),
        ("stdout", os.O_RDONLY, "w"),
        ("stderr", os.O_WRONLY, "w"),
    ):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, flags)
            # Programs that stackenv starts inherit it as they would any other.
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, errors="surrogateescape"))


def write_any_text() -> None:
    """Have stdout take whatever text there is, in each locale: names of files can be of any bytes.

    As they were where that is possible, as stderr has them anyway where it is not.
    """
    codecs.register_error("stackenv", replace)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="stackenv")


def replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what is written for what no encoding has: its bytes, or else its number."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def tell_failure(error: OSError) -> int:
    """Tell of a file that the system refuses, or of output that cannot be written; return the status."""
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
    """Write what is left of the output; return whether that is refused, and is not tried again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        # Nobody reads any more, or the disk is full.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
