"""What TAB shows: the answer to the shells' functions in modulefiles/completion, which never fails aloud.

They start the command with the line up to the cursor in the variable `_STACKENV_COMPLETE`. The answer is a
line for each completion, with tabs between its kind (`plain`, or `file` and `dir`, which the shell completes
itself), itself, and what it means.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import time

# A folder whose server does not answer is not worth a longer wait.
LIMIT_S = 2
# Of these the first word is the name of an environment, as click knows too; its import would take longer
# than all else.
NAMING = frozenset(
    ("check", "edit", "export", "info", "job", "pack", "rebuild", "remove", "rename", "run", "unpack")
)


def complete(typed: str) -> None:
    """Print what the line `typed` can become, and end the process.

    Whatever goes wrong, nothing else is printed: who types TAB did not ask a question.
    """
    # Neither a signal nor an exception reaches a thread that waits for a file system; the end of all does.
    with contextlib.suppress(RuntimeError):
        _thread.start_new_thread(give_up, ())
    # BaseException: click ends a program by exceptions that are none of Exception.
    with contextlib.suppress(BaseException):
        sys.stdout.write(answer(typed))
        sys.stdout.flush()
    # Without what Python does at its end: a thread is still asleep, and an output may be closed.
    os._exit(0)


def give_up() -> None:
    """End the process when it takes too long."""
    time.sleep(LIMIT_S)
    os._exit(0)


def answer(typed: str) -> str:
    """Return the lines of what `typed` can become."""
    words = typed.split(" ")
    if len(words) == 3 and words[1] in NAMING and is_name(words[2]):
        from stackenv.environments.names import list_names

        return "".join(f"plain\t{name}\t\n" for name in list_names(words[2], os.environ))
    from stackenv.cli.click_completion import Completion

    return "".join(f"{line}\n" for line in Completion(typed).complete().split("\n") if line)


def is_name(begin: str) -> bool:
    """Return whether `begin` begins a name or NAME/VERSION: no option, path or quote does so."""
    return all(c.isalnum() or (c in "_.+-/" and place) for place, c in enumerate(begin))
