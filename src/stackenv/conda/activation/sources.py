"""What a conda environment's activation is made of: scripts, and files of variables.

The order is that of conda/activate.py (24.7.1): `_get_activate_scripts`, `_get_deactivate_scripts`
and `_get_environment_env_vars`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackenv.conda.activation.captured import CaptureFinding
from stackenv.errors import StackenvError
from stackenv.modulefile.dialect import is_name
from stackenv.plain_files import read_file_bytes, read_file_text

STATE_FILE = "conda-meta/state"
VARIABLES_FOLDER = "etc/conda/env_vars.d"
SCRIPT_FOLDERS = ("etc/conda/activate.d", "etc/conda/deactivate.d")
# conda/base/constants.py, CONDA_ENV_VARS_UNSET_VAR: an activation skips a variable with this value.
UNSET_MARK = "***unset***"


@dataclass(frozen=True)
class ActivationSources:
    """The scripts and variables of the environment at `prefix` that conda would use, in conda's order.

    `activate`, `deactivate` and `csh` (only from activate.d) are absolute paths; `variables` are set
    before any script runs; `findings` say which files of variables cannot be used.
    """

    prefix: str
    activate: tuple[str, ...]
    deactivate: tuple[str, ...]
    csh: tuple[str, ...]
    variables: dict[str, str]
    findings: tuple[CaptureFinding, ...]


def list_folder(folder: Path) -> list[str]:
    """Return the absolute paths in `folder`, sorted; as in conda, none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries)
    except OSError:
        return []


def read_sources(prefix: Path) -> ActivationSources:
    """Return what the activation of the environment at `prefix` is made of.

    Raises
    ------
    StackenvError
        If `prefix` is not a conda environment.
    """
    top = Path(os.path.abspath(prefix))  # noqa: PTH100 (conda does not resolve links either)
    if not (top / "conda-meta").is_dir():
        raise StackenvError(
            f"{top} is not a conda environment: it has no folder conda-meta",
            "to list your environments: conda env list",
        )
    activate, deactivate = (list_folder(top / folder) for folder in SCRIPT_FOLDERS)
    variables, findings = read_variables(top)
    return ActivationSources(
        str(top),
        tuple(path for path in activate if path.endswith(".sh")),
        tuple(path for path in reversed(deactivate) if path.endswith(".sh")),
        tuple(path for path in activate if path.endswith(".csh")),
        variables,
        findings,
    )


def read_variables(prefix: Path) -> tuple[dict[str, str], tuple[CaptureFinding, ...]]:
    """Return the variables from the packages' files and then the environment's state, and the findings."""
    variables: dict[str, str] = {}
    findings = []
    files = [(Path(path), False) for path in list_folder(prefix / VARIABLES_FOLDER)]
    state = prefix / STATE_FILE
    for path, is_state in [*files, *([(state, True)] if state.exists() else [])]:
        subject = str(path.relative_to(prefix))
        try:
            found = read_mapping(path, is_state)
        except (OSError, ValueError, AttributeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            findings.append(CaptureFinding("failed", subject, f"conda cannot read it: {why}"))
            continue
        for name, value in found.items():
            # As in conda's `get_export_unset_vars`, unless envvars_force_uppercase is false.
            name = name.upper()
            if is_name(name):
                variables[name] = str(value)
            else:
                findings.append(CaptureFinding("failed", subject, f"{name!r} is not a valid variable name"))
    return {n: v for n, v in variables.items() if v != UNSET_MARK}, tuple(findings)


def read_mapping(path: Path, is_state: bool) -> dict[str, Any]:
    """Return the names and values in `path`; raise ValueError or AttributeError if it has none."""
    document = json.loads(read_file_text(path))
    mapping = document.get("env_vars", {}) if is_state else document
    if not isinstance(mapping, dict):
        raise ValueError("not a mapping of names to values")
    return mapping


def hash_activation(prefix: Path) -> str:
    """Return the SHA-256 of the names and contents of all files of the activation at `prefix`.

    Of an unreadable file, only the name counts.
    """
    digest = hashlib.sha256()
    folders = (*SCRIPT_FOLDERS, VARIABLES_FOLDER)
    paths = [Path(path) for folder in folders for path in list_folder(prefix / folder)]
    for path in (*paths, prefix / STATE_FILE):
        if path.is_file():
            contents = ""
            with contextlib.suppress(OSError):
                contents = hashlib.sha256(read_file_bytes(path)).hexdigest()
            digest.update(f"{path.relative_to(prefix)}\0{contents}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
