"""The compiled extensions of installed packages, and which of them do not import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution
from pathlib import Path

from stackenv.probe import run_probe

PROBE = Path(__file__).with_name("probe_imports.py")
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
    answer = run_probe((python, "-s"), PROBE, environ, TIMEOUT_S, list(groups))
    return [(name, kind, words) for name, kind, words in answer]
