"""How a conda is run."""

from __future__ import annotations

from pathlib import Path


def describe_command(conda: str, *arguments: str) -> tuple[str, ...]:
    """Return the words that run `conda ARGUMENTS` by its own Python: a PYTHONPATH of modules breaks it.

    Nothing is written beside conda's own modules.
    """
    return (str(Path(conda).parent / "python"), "-I", "-B", conda, *arguments)
