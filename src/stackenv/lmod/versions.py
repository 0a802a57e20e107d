"""The names of modules without versions, and the order of modules by name and version."""

from __future__ import annotations

import re
from typing import Any


def name_of(full_name: str) -> str:
    """Return the name of a module without its version; a site's scheme may put a class in front of it."""
    return full_name.rpartition("/")[0] or full_name


def software_of(full_name: str) -> str:
    """Return what the software is called: SciPy-bundle, of lang/SciPy-bundle/2023.07 too.

    Of Python/3.11.3/GCCcore-12.3.0, a version in two parts, it is Python
    (lmod.readthedocs.io, 130_spider_nvv).
    """
    parts = name_of(full_name).split("/")
    return next((part for part in reversed(parts) if not part[:1].isdigit()), parts[-1])


def order_module(full_name: str) -> tuple[str, str, tuple[Any, ...]]:
    """Return a key that sorts modules by name, regardless of case first, and then by version."""
    name, slash, version = full_name.rpartition("/")
    return (name.casefold(), name, order_version(version)) if slash else (version.casefold(), version, ())


def order_version(version: str) -> tuple[Any, ...]:
    """Return a key that sorts versions: 3.9.6-GCCcore-11.2.0 before 3.11.3-GCCcore-12.3.0.

    A toolchain behind the version is no part of it by PEP 440; what begins with no version comes first.
    """
    # It costs more than all else here, and most commands compare no versions.
    from packaging.version import InvalidVersion, Version

    numbered = [(int(n), "") if n.isdecimal() else (-1, n) for n in re.split(r"(\d+)", version)]
    for text in (version, version.partition("-")[0]):
        try:
            return (1, Version(text), numbered)
        except InvalidVersion:
            continue
    return (0, numbered)
