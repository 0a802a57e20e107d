"""What of a conda environment takes part in its activation."""

from __future__ import annotations

import hashlib
from pathlib import Path

# conda/activate.py: the scripts of these folders, and the variables of `conda env config vars`.
FOLDERS = ("etc/conda/activate.d", "etc/conda/deactivate.d", "etc/conda/env_vars.d")
STATE = "conda-meta/state"


def hash_activation(prefix: Path) -> str:
    """Return the SHA-256 of names and contents of all that takes part in the activation at `prefix`."""
    digest = hashlib.sha256()
    files = [file for folder in FOLDERS for file in sorted((prefix / folder).glob("*"))]
    for file in (*files, prefix / STATE):
        if file.is_file():
            contents = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(prefix)}\0{contents}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
