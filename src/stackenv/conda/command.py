"""The command line that runs a conda."""

from __future__ import annotations

from pathlib import Path


def describe_command(conda: str, *arguments: str) -> tuple[str, ...]:
    """Return the words that run `conda ARGUMENTS` with conda's own Python.

    -I ignores PYTHONPATH, because packages of modules on it can break conda. -B writes no .pyc files into the
    installation.
    """
    return (str(Path(conda).parent / "python"), "-I", "-B", conda, *arguments)
