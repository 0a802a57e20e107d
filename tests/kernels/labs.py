"""Helpers for people who have the environment `lab`, based on a module with ipykernel, and its kernel."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from answers import read_result
from people import MINOR, VERSION, Person

NAME = "stackenv-lab-1.0"
MODULES = "import json, os; print(json.dumps(os.environ['LOADEDMODULES'].split(':')))"


def kernels_of(person: Person) -> Path:
    return person.home / ".local/share/jupyter/kernels"


def make_venv(person: Person, path: Path) -> Path:
    """Create an empty venv."""
    python = person.site.software / f"Python/{VERSION}/bin/python{MINOR}"
    subprocess.run([python, "-I", "-m", "venv", "--without-pip", path], check=True)
    return path


def adopt(person: Person, name: str = "lab", module: str = "Jupyter/1", folder: str = "own") -> Path:
    """Create a venv, adopt it as a module, and return its folder."""
    path = make_venv(person, person.home / folder / name)
    person.stackenv("adopt", str(path), name, "-m", module)
    return path


def read(person: Person, name: str = NAME) -> dict[str, object]:
    return json.loads((kernels_of(person) / name / "kernel.json").read_text())


def listed(person: Person) -> list[dict[str, str]]:
    return read_result(person.stackenv("kernel", "list", "--json").stdout)
