"""A Python and the packages that it finds, asked by running it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackenv.errors import StackenvError
from stackenv.record import Package

PROBE = Path(__file__).with_name("probe_python.py")
TIMEOUT_S = 120


@dataclass(frozen=True)
class ProbedPython:
    """What a Python says of itself; the paths are real paths."""

    version: str
    executable: str
    prefix: str
    base_prefix: str
    has_venv: bool
    packages: tuple[Package, ...]


def run_probe(
    executable: str, probe: Path, environ: Mapping[str, str], timeout_s: int, question: object = None
) -> Any:
    """Run the program `probe` by the Python `executable`; return what it answers to `question`, both as JSON.

    Without the user site (-s), in a folder of its own; no compiled files are left behind.

    Raises
    ------
    StackenvError
        When it does not run, hangs, or says nothing; its own words are in the message.
    """
    with tempfile.TemporaryDirectory(prefix="stackenv-probe-") as folder:
        answer, asked = Path(folder, "answer.json"), Path(folder, "asked.json")
        asked.write_text(json.dumps(question), encoding="utf-8")
        try:
            done = subprocess.run(
                [executable, "-s", str(probe), str(answer), *([] if question is None else [str(asked)])],
                env={**environ, "PYTHONDONTWRITEBYTECODE": "1"},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except OSError as error:
            raise StackenvError(f"{executable} does not run: {error.strerror}") from error
        except subprocess.TimeoutExpired:
            raise StackenvError(f"{executable} does not end: killed after {timeout_s} s") from None
        if done.returncode or not answer.is_file():
            words = (done.stderr + done.stdout).strip() or f"status {done.returncode}"
            raise StackenvError(f"{executable} does not run: {words}")
        return json.loads(answer.read_text(encoding="utf-8"))


def probe_python(executable: str, environ: Mapping[str, str]) -> ProbedPython:
    """Run `executable` under `environ` and return what it says.

    The user site is left out (-s); PYTHONPATH counts, for modules bring their packages by it, and
    PYTHONHOME does not, for the environment's module unsets it. A look leaves no compiled files behind.

    Raises
    ------
    StackenvError
        When it does not run, hangs, or says nothing; its own words are in the message.
    """
    asked = {name: value for name, value in environ.items() if name != "PYTHONHOME"}
    data = run_probe(executable, PROBE, {**asked, "STACKENV_TOLD": "probe"}, TIMEOUT_S)
    return ProbedPython(
        version=data["version"],
        executable=data["executable"],
        prefix=data["prefix"],
        base_prefix=data["base_prefix"],
        has_venv=data["venv"] and data["ensurepip"],
        packages=tuple(Package(p["name"], p["version"], p["location"]) for p in data["packages"]),
    )
