"""Run pip and conda, and show their output as far as it is needed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from stackenv.modulefile.spec import SHIPPED
from stackenv.output import SCREEN, show_status, write_aside

# Relative to the folder of templates; each venv has a copy in its stackenv folder, which the venv's layers
# recognise as pip. `python -m pip` would run a pip.py in the current folder, and pip cannot be started in
# another folder, because a requirement may be a path relative to the current one.
RUN_PIP = "pip/__main__.py"


def describe_pip_call(python: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs the pip of `python` with `arguments`, from any folder."""
    return (python, str(SHIPPED / RUN_PIP), "--no-input", "--disable-pip-version-check", *arguments)


def run_installer(command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run `command`, pip or conda; return its exit status and its output.

    The output is shown when the command fails, or as it comes with --verbose; a terminal always shows its
    last line. It is read through a pipe, because with --log pip hides the output of a failed build.
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
            # The installer must not go on while its changes are undone.
            process.kill()
            raise
    show_status(doing)
    if process.returncode and not SCREEN.verbose:
        write_aside("".join(words))
    return process.returncode, "".join(words)
