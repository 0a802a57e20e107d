"""Homes with the environments and caches that `stackenv usage` measures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from answers import read_result
from people import COMMAND, Person
from terminals import show


def measure(person: Person, *arguments: str, **changes: str) -> dict[str, Any]:
    """Return the result of `stackenv usage --json`."""
    return read_result(person.stackenv("usage", "--json", *arguments, **changes).stdout)


def fill(folder: Path, files: int, size: int = 5000) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / f"file{number}" for number in range(files)]
    for path in made:
        path.write_bytes(b"x" * size)
    return made


def make_conda(prefix: Path, linked: list[Path]) -> None:
    """Make a folder at `prefix` that looks like a conda environment, with hard links to `linked`."""
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta/history").touch()
    (prefix / "lib").mkdir()
    for path in linked:
        os.link(path, prefix / "lib" / path.name)


def fill_home(person: Person) -> None:
    """Put into the home what Python leaves there: environments, caches, Jupyter's data, ~/.local."""
    home = person.home
    cached = fill(home / "conda/pkgs/tool-1.0/lib", 10)
    make_conda(home / "conda/envs/genes", cached[:8])
    make_conda(home / "old/place", cached[:5])
    (home / ".conda").mkdir()
    (home / ".conda/environments.txt").write_text(f"{home}/old/place\n{home}/gone\n")
    fill(home / ".cache/pip/http", 3)
    fill(home / ".local/share/jupyter/kernels/own", 2)
    fill(home / ".local/lib/python3.9/site-packages", 4)
    fill(home / "data", 5)


def write_configuration(person: Person, text: str) -> dict[str, str]:
    """Write a site configuration with `text`; return the variable that makes stackenv use it."""
    path = person.home.parent / "site.yaml"
    path.write_text(f"version: 1\n{text}")
    return {"STACKENV_SITE_CONFIG": str(path)}


def run_on_terminal(person: Person, *arguments: str, columns: int = 120, **changes: str) -> str:
    """Return what the command shows on a terminal with `columns` columns."""
    status, shown = show([COMMAND, *arguments], {**person.environ, **changes}, person.home, columns)
    assert status == 0, shown
    return shown
