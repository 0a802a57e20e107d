"""The files that keep pip and uv from replacing packages of the modules, in this environment only."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from stackenv import STACKENV_UUID
from stackenv.modulefile import InstalledFile
from stackenv.record import FOLDER, Record

CONSTRAINTS_FILE = f"{FOLDER}/constraints.txt"
UV = "bin/uv"
# The commands of pip that accept constraints; `lock` exists since pip 25.1.
PIP_COMMANDS = ("download", "wheel", "lock", "install")


def constraints_url(record: Record) -> str:
    """Return the constraints file as a file: URL (RFC 8089), which pip and uv do not split at spaces.

    It has an empty host, because uv of 2025 does not accept `file:/`. Empty if `record` pins nothing.
    """
    return f"file://{quote(f'{record.path}/{CONSTRAINTS_FILE}')}" if record.pinned else ""


def describe_constraint_files(record: Record) -> tuple[InstalledFile, ...]:
    """Return the constraints file of the venv of `record`, and the files that make pip and uv read it.

    pip.conf is for pip with --isolated, which ignores variables; otherwise the layers set the constraints.
    """
    url = constraints_url(record)
    held = "".join(f"[{command}]\nconstraint = {url}\n" for command in PIP_COMMANDS) if url else "[install]\n"
    # `user = true` in a user's own pip.conf would install packages where this environment does not look.
    # pip's notice of a new version is off, because following it would copy pip, 1,500 files, into each
    # environment.
    pip_conf = sign(f"[global]\ndisable-pip-version-check = true\n{held}user = false\n")
    return (
        InstalledFile(
            f"{record.path}/{CONSTRAINTS_FILE}",
            text=describe_constraints(record),
            loss="pip refuses to install, and other installers may replace packages of the modules",
        ),
        InstalledFile(
            f"{record.path}/pip.conf",
            text=pip_conf,
            loss="pip may install into ~/.local, or replace packages of the modules",
        ),
        describe_uv(record),
    )


def sign(body: str) -> str:
    """Return `body` after a line that identifies stackenv's file and shows whether it was changed."""
    return f"# {STACKENV_UUID} sha256:{hashlib.sha256(body.encode()).hexdigest()}\n{body}"


def describe_constraints(record: Record) -> str:
    """Return the text of the constraints file (pip documentation, "Constraints Files")."""
    lines = [f"{name}=={version}  # from {module}\n" for name, version, module in record.pinned]
    return (
        f"# {STACKENV_UUID}\n"
        "# The packages of this environment's modules, pinned so that no generic build replaces them.\n"
        f"# To allow that for a package: stackenv edit {record.full_name} --allow-shadow PACKAGE\n"
        + "".join(lines)
    )


def describe_uv(record: Record) -> InstalledFile:
    """Return the script `uv` that passes the constraints to the user's uv, and refuses changes if packed."""
    values = {
        "NAME": record.full_name,
        "FOLDER": f"{record.path}/{FOLDER}",
        "CONSTRAINTS": constraints_url(record),
    }
    loss = "uv may replace packages of the modules"
    return InstalledFile(f"{record.path}/{UV}", "libexec/uv", values=values, executable=True, loss=loss)
