"""The compiled extensions of installed packages, and which of them do not import."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution
from pathlib import Path

from stackenv.errors import StackenvError

PROBE = Path(__file__).parent / "probes" / "import_probe.py"
TIMEOUT_S = 1200


def list_extensions(distribution: Distribution) -> list[str]:
    """Return the modules of `distribution` that are compiled: a/b.cpython-311-x86_64-linux-gnu.so is a.b."""
    names = []
    for file in distribution.files or ():
        stem, dot, rest = file.name.partition(".")
        # Others that end in .so are libraries which extensions load.
        extension = dot and rest.endswith("so") and (rest == "so" or rest.startswith(("cpython-", "abi3")))
        parts = (*file.parts[:-1], stem)
        if extension and all(part.isidentifier() for part in parts):
            names.append(".".join(parts))
    return sorted(names)


def probe_imports(
    python: str, groups: Iterable[list[str]], environ: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """Return name, kind of error (`crash` for one that ends the process) and words of what does not import.

    One process, and one more for each of `groups`.

    Raises
    ------
    StackenvError
        When `python` does not run.
    """
    with tempfile.TemporaryDirectory(prefix="stackenv-probe-") as folder:
        asked, answer = Path(folder, "asked.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps(list(groups)), encoding="utf-8")
        try:
            done = subprocess.run(
                [python, "-s", str(PROBE), str(answer), str(asked)],
                env={**environ, "PYTHONDONTWRITEBYTECODE": "1"},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
        except OSError as error:
            raise StackenvError(f"{python} does not run: {error.strerror}") from error
        except subprocess.TimeoutExpired:
            raise StackenvError(f"{python} does not end: killed after {TIMEOUT_S} s") from None
        if done.returncode or not answer.is_file():
            words = (done.stderr + done.stdout).strip() or f"status {done.returncode}"
            raise StackenvError(f"{python} does not run: {words}")
        return [(name, kind, words) for name, kind, words in json.loads(answer.read_text(encoding="utf-8"))]
