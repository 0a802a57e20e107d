"""The answer to TAB, for the shell functions in modulefiles/completion; it never prints an error.

They start the command with the line up to the cursor in the variable `_STACKENV_COMPLETE`. The answer has one
line per completion, with tabs between its kind (`plain`, or `file` and `dir`, which the shell completes
itself), its text, and a description.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import time

# If a file server does not answer, users should not wait longer than this.
LIMIT_S = 2
# The first argument of these commands is the name of an environment. click knows that too, but importing it
# would take longer than everything else.
NAMING = frozenset(
    ("check", "edit", "export", "info", "job", "pack", "rebuild", "remove", "rename", "run", "unpack")
)


def complete(typed: str) -> None:
    """Print how the line `typed` can continue, and end the process.

    If anything fails, nothing is printed, because the user only pressed TAB.
    """
    # Signals and exceptions do not reach a thread that waits for a file system; the end of the process does.
    with contextlib.suppress(RuntimeError):
        _thread.start_new_thread(give_up, ())
    # BaseException: click ends a program with exceptions that are not subclasses of Exception.
    with contextlib.suppress(BaseException):
        sys.stdout.write(answer(typed))
        sys.stdout.flush()
    # Skip Python's own clean-up: a thread is still asleep, and stdout may be closed.
    os._exit(0)


def give_up() -> None:
    """End the process when it takes too long."""
    time.sleep(LIMIT_S)
    os._exit(0)


def answer(typed: str) -> str:
    """Return the lines that complete `typed`."""
    words = typed.split(" ")
    if len(words) == 3 and words[1] in NAMING and is_name(words[2]):
        from stackenv.environments.names import list_names

        return "".join(f"plain\t{name}\t\n" for name in list_names(words[2], os.environ))
    from stackenv.cli.click_completion import Completion

    return "".join(f"{line}\n" for line in Completion(typed).complete().split("\n") if line)


def is_name(begin: str) -> bool:
    """Return whether `begin` can begin a name or NAME/VERSION, unlike an option, a path or a quote."""
    return all(c.isalnum() or (c in "_.+-/" and place) for place, c in enumerate(begin))
