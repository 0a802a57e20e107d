"""Run pip and conda, and show their output as far as it is needed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from stackenv.modulefile.spec import SHIPPED
from stackenv.output import SCREEN, show_status, write_aside

# In the templates' folder, and in stackenv's of each venv, whose layers know it for pip. Not `-m pip`, which
# runs a pip.py of the current folder; and a requirement may be a path in that.
RUN_PIP = "pip/__main__.py"


def describe_pip_call(python: str, *arguments: str) -> tuple[str, ...]:
    """Return the words that run the pip of `python` with `arguments`, from whichever folder."""
    return (python, str(SHIPPED / RUN_PIP), "--no-input", "--disable-pip-version-check", *arguments)


def run_installer(command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run `command`, pip or conda; return its status and its words.

    They are shown when it fails, and with --verbose as they come; a terminal always shows the last of them.
    By a pipe, not by pip's --log: with that pip keeps from the terminal what a failed build has said.
    """
    words = []
    doing = SCREEN.status
    with subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                words.append(line)
                if SCREEN.verbose:
                    write_aside(line)
                elif line.strip():
                    show_status(f"{doing}: {line.strip()}", at_once=False)
        except BaseException:
            # What is undone must have nobody at work in it.
            process.kill()
            raise
    show_status(doing)
    if process.returncode and not SCREEN.verbose:
        write_aside("".join(words))
    return process.returncode, "".join(words)
