"""A question to another Python: a script is run by it, and its answer is read."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stackenv.errors import StackenvError


class ProbeError(StackenvError):
    """A Python gave no answer.

    Parameters
    ----------
    python
        Its path.
    problem
        What it did instead, in its own words.
    process_status
        The exit status of its process; None where it did not start, or did not end by itself.
    """

    def __init__(self, python: str, problem: str, process_status: int | None = None) -> None:
        super().__init__(f"{python} {problem}")
        self.process_status = process_status


def run_probe(
    python: Sequence[str],
    script: Path,
    environ: Mapping[str, str],
    timeout_s: int,
    question: object = None,
    start: Callable[[Sequence[str]], Sequence[str]] = tuple,
) -> Any:
    """Run `script` by the Python `python`, a path and options; return what it answers to `question`.

    The first argument of the script is the file for its answer, the second the file with the question,
    if there is one; both are JSON. It runs in an empty folder of its own and leaves no compiled files, for
    the environment may be another user's. `start` gives the command that runs the one it is given.

    Raises
    ------
    ProbeError
        When the Python does not run, hangs, or writes no answer; its own words are in the message.
    """
    with tempfile.TemporaryDirectory(prefix="stackenv-probe-") as folder:
        answer, asked = Path(folder, "answer.json"), Path(folder, "asked.json")
        command = [*python, str(script), str(answer)]
        if question is not None:
            asked.write_text(json.dumps(question), encoding="utf-8")
            command.append(str(asked))
        try:
            done = run_in(folder, start(command), environ, timeout_s)
        except OSError as error:
            raise ProbeError(python[0], f"does not run: {error.strerror}") from error
        except subprocess.TimeoutExpired:
            raise ProbeError(python[0], f"does not end: killed after {timeout_s} s") from None
        try:
            # Its status does not count: with some extensions a Python crashes at its very end.
            return json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            words = (done.stderr + done.stdout).strip() or f"status {done.returncode}"
            raise ProbeError(python[0], f"does not run: {words}", done.returncode) from None


def run_in(
    folder: str, command: Sequence[str], environ: Mapping[str, str], timeout_s: int
) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end in `folder`, without input; it leaves no compiled files."""
    return subprocess.run(
        command,
        env={**environ, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
