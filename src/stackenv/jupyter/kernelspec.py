"""The kernelspec with which Jupyter starts a kernel in an environment, as data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stackenv import STACKENV_UUID
from stackenv.environments.launch import LAUNCH_FILE
from stackenv.errors import StackenvError, UsageError
from stackenv.record import Record

# Everything but the characters allowed in names of kernel folders (jupyter_client/kernelspec.py), which are
# compared case-insensitively.
UNFIT = re.compile(r"[^a-z0-9._-]")
# What Jupyter treats as a placeholder in argv (jupyter_client/manager.py, format_kernel_cmd).
PLACEHOLDER = re.compile(r"\{[A-Za-z0-9_]+\}")
CONNECTION_FILE = "{connection_file}"
ARGUMENTS = ("-m", "ipykernel_launcher", "-f", CONNECTION_FILE)
LONGEST_NAME = 200


def name_kernel(record: Record) -> str:
    """Return the name of the kernel of `record` and its folder, by which notebooks refer to it."""
    return UNFIT.sub("-", f"stackenv-{record.name}-{record.version}".lower())


def name_for_people(record: Record, shared: Path | None) -> str:
    """Return the name that Jupyter shows: the module, its project, and its base modules."""
    base = ", ".join(record.modules) or (f"Python {record.python.version}" if record.python else record.kind)
    if record.kind == "conda":
        base = "conda" + (f", Python {record.python.version}" if record.python else "")
    return f"{record.full_name}{f' of {shared.name}' if shared else ''} ({base})"


def check_display_name(text: str) -> str:
    """Return `text`; raise UsageError if Jupyter could not show it on one line."""
    if text.strip() and text.isprintable() and len(text) <= LONGEST_NAME:
        return text
    raise UsageError(
        f"{text!r} cannot be the name of a kernel; nothing was changed",
        f"use at most {LONGEST_NAME} characters in one line, not only spaces",
    )


def describe_kernelspec(
    record: Record, display_name: str, lmod: str, own: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the contents of kernel.json (Jupyter client documentation, "Kernel specs").

    `own` is the kernelspec that the environment's ipykernel would write itself, with the options that it
    needs.

    Raises
    ------
    StackenvError
        If Jupyter would replace part of a path.
    """
    arguments: Sequence[str] = [str(word) for word in own.get("argv", ())][1:]
    if CONNECTION_FILE not in arguments:
        arguments = ARGUMENTS
    python = f"{record.path}/bin/python"
    words = ("/bin/sh", f"{record.path}/{LAUNCH_FILE}", lmod, python)
    for word in words:
        if PLACEHOLDER.search(word):
            raise StackenvError(
                f"{word}: Jupyter replaces words in braces, so a kernel cannot start from this path; "
                "nothing was changed",
                "use an environment whose path has no braces",
            )
    metadata = own.get("metadata")
    return {
        **own,
        "argv": [*words, *arguments],
        "display_name": display_name,
        "language": "python",
        "interrupt_mode": "signal",
        "metadata": {**(metadata if isinstance(metadata, dict) else {}), **describe_origin(record)},
    }


def describe_origin(record: Record) -> dict[str, Any]:
    """Return the metadata by which stackenv recognises its own kernelspecs, and their environment."""
    return {
        "stackenv": {
            "stackenv": STACKENV_UUID,
            "module": record.full_name,
            "module_folder": record.module_folder,
            "environment": record.path,
        }
    }


def rename_kernelspec(
    contents: Mapping[str, Any], before: Record, after: Record, shared: Path | None
) -> dict[str, Any]:
    """Return `contents`, the kernelspec of `before`, changed for `after`; the user's own name is kept."""
    name = contents["display_name"]
    default = name_for_people(before, shared)
    return {
        **contents,
        "argv": [move_word(str(word), before.path, after.path) for word in contents["argv"]],
        "display_name": name_for_people(after, shared) if name == default else name,
        "metadata": {
            **contents["metadata"],
            "stackenv": {**contents["metadata"]["stackenv"], **describe_origin(after)["stackenv"]},
        },
    }


def move_word(word: str, before: str, after: str) -> str:
    """Return `word`; if it is a path in the environment `before`, the same path in `after`."""
    return f"{after}{word[len(before) :]}" if word.startswith(f"{before}/") else word


def keep_own(contents: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return `contents` with the user's additions to `before`, the previous version of the same kernelspec.

    These are further keys, variables in `env` and further metadata; how it starts is up to stackenv.
    """
    kept = {name: value for name, value in before.items() if name not in contents}
    metadata = {**before["metadata"], **contents["metadata"]}
    env = {**as_mapping(contents.get("env")), **as_mapping(before.get("env"))}
    return {**contents, **kept, **({"env": env} if env else {}), "metadata": metadata}


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return `value` if it is a mapping, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def mark_kernelspec(contents: Mapping[str, Any], folder: str, named_by_user: bool) -> dict[str, Any]:
    """Return `contents` with the name of its folder, to recognise copies, and whether the user named it."""
    own = {**contents["metadata"]["stackenv"], "kernel": folder, "named_by_user": named_by_user}
    return {**contents, "metadata": {**contents["metadata"], "stackenv": own}}


def write_kernelspec_text(contents: Mapping[str, Any]) -> str:
    """Return the text of kernel.json."""
    return json.dumps(contents, indent=1, ensure_ascii=False) + "\n"
