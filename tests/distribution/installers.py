"""Installers in the vendors' manner: a shell script with the tree behind it."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from base import PREFIX_MARK
from channel import without_owner
from interpreter import Interpreter

CONDA_VERSION = "24.7.1"
# Two of Anaconda3, so that a test can swap them.
DISTRIBUTIONS = (
    ("Anaconda3", "2024.02-1"),
    ("Anaconda3", "2023.09-0"),
    ("Miniconda3", "24.7.1-0"),
    ("Miniforge3", "24.7.1-2"),
)


def pack_base(root: Path, scratch: Path) -> Path:
    """Return an archive of the tree under `root`."""
    payload = scratch / "payload.tar.gz"
    with tarfile.open(payload, "w:gz", compresslevel=6) as tar:
        for path in sorted(root.iterdir()):
            tar.add(path, arcname=path.name, filter=without_owner)
    return payload


def write_installers(interpreter: Interpreter, payload: Path, output: Path) -> list[str]:
    """Write an installer for each of DISTRIBUTIONS; return their names."""
    template = (Path(__file__).resolve().parent / "files/installer.sh").read_text()
    names = []
    for name, version in DISTRIBUTIONS:
        text = template
        for mark, value in {
            "@NAME@": name,
            "@VERSION@": version,
            "@CONDA@": CONDA_VERSION,
            "@PYTHON@": str(interpreter.executable),
            "@PREFIX_MARK@": PREFIX_MARK,
            "@PAYLOAD_LINE@": str(template.count("\n") + 1),
        }.items():
            text = text.replace(mark, value)
        installer = output / f"{name}-{version}-Linux-x86_64.sh"
        with installer.open("wb") as file, payload.open("rb") as packed:
            file.write(text.encode())
            shutil.copyfileobj(packed, file)
        installer.chmod(0o755)
        names.append(installer.name)
    return names
