"""Runs a script with another Python, and reads its answer."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from stackenv.errors import StackenvError
from stackenv.plain_files import read_file_text

# How often progress is reported.
PROGRESS_S = 0.2


class ProbeError(StackenvError):
    """A Python gave no answer.

    Parameters
    ----------
    python
        The path of the Python.
    problem
        What happened instead, with the output of the Python.
    process_status
        The exit status of its process; None if it did not start, or had to be killed.
    """

    def __init__(self, python: str, problem: str, process_status: int | None = None) -> None:
        super().__init__(f"{python} {problem}")
        self.process_status = process_status


class RunningProbe:
    """A Python that is running a script: `answer` waits for its answer, `close` ends it.

    The first argument of the script is the file for its answer; the second is the file with the question, if
    there is one. Both are JSON. The script runs without input in a new empty folder, and writes no compiled
    files, because the environment may belong to another user.

    Parameters
    ----------
    python
        The path of a Python and its options.
    start
        Returns the command that runs the command in its argument.

    Raises
    ------
    ProbeError
        If the Python cannot be started.
    """

    def __init__(
        self,
        python: Sequence[str],
        script: Path,
        environ: Mapping[str, str],
        question: object = None,
        start: Callable[[Sequence[str]], Sequence[str]] = tuple,
    ) -> None:
        self.python = python[0]
        self.folder = tempfile.TemporaryDirectory(prefix="stackenv-probe-")
        self.answered, asked = (Path(self.folder.name, f"{name}.json") for name in ("answer", "asked"))
        command = [*python, str(script), str(self.answered)]
        if question is not None:
            asked.write_text(json.dumps(question), encoding="utf-8")
            command.append(str(asked))
        # Files, not pipes: a full pipe would block the script until its output is read.
        self.output, self.errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self.process = subprocess.Popen(
                start(command),
                env={**environ, "PYTHONDONTWRITEBYTECODE": "1"},
                cwd=self.folder.name,
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=self.errors,
                # Its child processes are killed with it, and only this process receives a Ctrl-C.
                start_new_session=True,
            )
        except OSError as error:
            self.remove_files()
            raise ProbeError(self.python, f"does not run: {error.strerror}") from error

    def answer(self, timeout_s: float, on_output: Callable[[int], object] = id) -> Any:
        """Return the answer; until then, call `on_output` with the number of bytes that the script printed.

        Raises
        ------
        ProbeError
            If it does not end in time, or ends without an answer; the message contains its output.
        """
        until = time.monotonic() + timeout_s
        while True:
            left = until - time.monotonic()
            try:
                status = self.process.wait(max(0, min(left, PROGRESS_S)))
                break
            except subprocess.TimeoutExpired:
                if left <= 0:
                    raise ProbeError(self.python, f"did not end and was killed after {timeout_s} s") from None
                on_output(os.fstat(self.output.fileno()).st_size)
        try:
            # The exit status does not count: some extensions make a Python crash when it exits.
            return json.loads(read_file_text(self.answered))
        except (OSError, ValueError):
            words = (read_words(self.errors) + read_words(self.output)).strip() or f"exit status {status}"
            raise ProbeError(self.python, f"does not run: {words}", status) from None

    def close(self) -> None:
        """Kill the process and its child processes, and remove its files."""
        # While a process of its group is running, its number is not given to another process.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.remove_files()

    def remove_files(self) -> None:
        """Remove the files with the question, the answer and the output."""
        self.output.close()
        self.errors.close()
        self.folder.cleanup()


def read_words(stream: IO[bytes]) -> str:
    """Return everything that a process has written to `stream`."""
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")


def run_probe(
    python: Sequence[str],
    script: Path,
    environ: Mapping[str, str],
    timeout_s: int,
    question: object = None,
    start: Callable[[Sequence[str]], Sequence[str]] = tuple,
) -> Any:
    """Run `script` with the Python `python`, as `RunningProbe` does; return its answer to `question`.

    Raises
    ------
    ProbeError
        If the Python does not run, hangs, or writes no answer.
    """
    with closing(RunningProbe(python, script, environ, question, start)) as probe:
        return probe.answer(timeout_s)
