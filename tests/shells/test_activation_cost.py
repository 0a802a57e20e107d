"""The cost of an activation on a parallel file system: the files it opens and looks up, counted by strace."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

import pytest
from built import LMOD
from dialects import DIALECTS
from environments import Stack

LOOKING = ("stat", "lstat", "fstat", "newfstatat", "statx", "readlink", "readlinkat", "access", "faccessat")
CALL = re.compile(r'^(\w+)\((?:AT_FDCWD, |(\d+)(?:, )?)?(?:"([^"]*)")?.*\) += (-?\d+)', re.MULTILINE)


@dataclass(frozen=True)
class Cost:
    """How often a process opened files below given folders, and how often it looked files up there."""

    opens: int
    looks: int


def trace(stack: Stack, commands: str) -> list[str]:
    """Run `commands` in bash; return the system calls of each process of the installation's Python."""
    folder = stack.folder("trace")
    script = f"{DIALECTS['bash'].start(LMOD)}\nmodule load {stack.miniconda}\n{commands}\n"
    done = subprocess.run(
        ["strace", "-ff", "-qq", "-e", "trace=%file,%desc", "-o", str(folder / "of"), "bash", "-c", script],
        env=stack.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    texts = [path.read_text(errors="replace") for path in sorted(folder.iterdir())]
    python = f'execve("{find_root(stack)}/bin/python"'
    return [text[text.index(python) :] for text in texts if python in text]


def find_root(stack: Stack) -> str:
    return f"{stack.software}/{stack.miniconda}"


def count(calls: str, folders: tuple[str, ...]) -> Cost:
    """Count the opens and look-ups below `folders` in these calls, of existing and missing files alike."""
    opens = looks = 0
    opened: dict[str, str] = {}
    for name, number, path, result in CALL.findall(calls):
        if name in ("open", "openat"):
            opens += path.startswith(folders)
            opened[result] = path
        elif name in LOOKING:
            looks += (path or opened.get(number, "")).startswith(folders)
        elif name == "close":
            opened.pop(number, None)
    return Cost(opens, looks)


@pytest.fixture
def folders(stack: Stack) -> tuple[str, ...]:
    """The installation, and the standard library of its Python (in a real distribution, a part of it)."""
    python = f"{find_root(stack)}/bin/python"
    done = subprocess.run(
        [python, "-I", "-c", "import os; print(os.path.dirname(os.__file__))"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return (f"{find_root(stack)}/", f"{done.stdout.strip()}/", done.stdout.strip())


@pytest.mark.parametrize(
    ("commands", "most"),
    [
        ("conda activate one", Cost(20, 60)),
        ("conda activate one; conda deactivate", Cost(20, 60)),
        ("conda activate one; conda activate --stack two", Cost(20, 60)),
    ],
)
def test_an_activation_opens_few_files(
    stack: Stack, folders: tuple[str, ...], commands: str, most: Cost
) -> None:
    processes = trace(stack, commands)
    assert len(processes) == commands.count("conda "), "one process each"
    cost = count(processes[-1], folders)
    # The program itself, the compiled activation and the installation's configuration.
    assert 5 <= cost.opens <= most.opens, f"{cost} of {most}"
    assert 10 <= cost.looks <= most.looks, f"{cost} of {most}"


def test_an_unload_starts_python_once_and_does_not_import_conda(stack: Stack) -> None:
    processes = trace(stack, f"conda activate one; module unload {stack.miniconda}")
    assert len(processes) == 2
    assert "site-packages/conda/" not in "".join(processes)
