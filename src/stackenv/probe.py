"""Run a script with another Python, and read its answer."""

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

# How often people see how far it has come.
HEAR_S = 0.2


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


class RunningProbe:
    """A Python that runs a script, and has not answered yet: `answer` waits for it, `close` ends it.

    The first argument of the script is the file for its answer, the second the file with the question,
    if there is one; both are JSON. It runs without input in an empty folder of its own and leaves no compiled
    files, for the environment may be another user's.

    Parameters
    ----------
    python
        The path of a Python and its options.
    start
        Gives the command that runs the one it is given.

    Raises
    ------
    ProbeError
        When the Python cannot be started.
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
        # Files, not pipes: nobody reads while other things are done, and it must not wait for that.
        self.output, self.errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self.process = subprocess.Popen(
                start(command),
                env={**environ, "PYTHONDONTWRITEBYTECODE": "1"},
                cwd=self.folder.name,
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=self.errors,
                # What it starts is ended with it, and a Ctrl-C is the business of this process.
                start_new_session=True,
            )
        except OSError as error:
            self.remove_files()
            raise ProbeError(self.python, f"does not run: {error.strerror}") from error

    def answer(self, timeout_s: float, on_output: Callable[[int], object] = id) -> Any:
        """Return the answer; `on_output` hears now and then how many bytes the script has written.

        Raises
        ------
        ProbeError
            When it does not end in time, or ends without an answer; its own words are in the message.
        """
        until = time.monotonic() + timeout_s
        while True:
            left = until - time.monotonic()
            try:
                status = self.process.wait(max(0, min(left, HEAR_S)))
                break
            except subprocess.TimeoutExpired:
                if left <= 0:
                    raise ProbeError(self.python, f"did not end and was killed after {timeout_s} s") from None
                on_output(os.fstat(self.output.fileno()).st_size)
        try:
            # Its status does not count: with some extensions a Python crashes at its very end.
            return json.loads(read_file_text(self.answered))
        except (OSError, ValueError):
            words = (read_words(self.errors) + read_words(self.output)).strip() or f"exit status {status}"
            raise ProbeError(self.python, f"does not run: {words}", status) from None

    def close(self) -> None:
        """End the process and what it has started, and remove its files."""
        # While one of its group runs, no other process gets its number.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.remove_files()

    def remove_files(self) -> None:
        """Remove the files of the question and the answer, and what it has said."""
        self.output.close()
        self.errors.close()
        self.folder.cleanup()


def read_words(stream: IO[bytes]) -> str:
    """Return what a process has written to `stream`, from the beginning."""
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
    """Run `script` by the Python `python` as `RunningProbe` does; return what it answers to `question`.

    Raises
    ------
    ProbeError
        When the Python does not run, hangs, or writes no answer.
    """
    with closing(RunningProbe(python, script, environ, question, start)) as probe:
        return probe.answer(timeout_s)
