"""The names of modules without versions, and the order of modules by name and version."""

from __future__ import annotations

import re
from typing import Any


def name_of(full_name: str) -> str:
    """Return the name of a module without its version; it may contain a class, as in lang/Python."""
    return full_name.rpartition("/")[0] or full_name


def software_of(full_name: str) -> str:
    """Return the name of the software: SciPy-bundle also for lang/SciPy-bundle/2023.07.

    For Python/3.11.3/GCCcore-12.3.0, which has a version of two parts, it is Python
    (lmod.readthedocs.io, 130_spider_nvv).
    """
    parts = name_of(full_name).split("/")
    return next((part for part in reversed(parts) if not part[:1].isdigit()), parts[-1])


def order_module(full_name: str) -> tuple[str, str, tuple[Any, ...]]:
    """Return a key that sorts modules by name, ignoring case first, and then by version."""
    name, slash, version = full_name.rpartition("/")
    return (name.casefold(), name, order_version(version)) if slash else (version.casefold(), version, ())


def order_version(version: str) -> tuple[Any, ...]:
    """Return a key that sorts versions: 3.9.6-GCCcore-11.2.0 before 3.11.3-GCCcore-12.3.0.

    A toolchain after the version does not belong to it (PEP 440). Texts that do not begin with a version
    come first.
    """
    # Slow to import, and most commands compare no versions.
    from packaging.version import InvalidVersion, Version

    numbered = [(int(n), "") if n.isdecimal() else (-1, n) for n in re.split(r"(\d+)", version)]
    for text in (version, version.partition("-")[0]):
        try:
            return (1, Version(text), numbered)
        except InvalidVersion:
            continue
    return (0, numbered)
