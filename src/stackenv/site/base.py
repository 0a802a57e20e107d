"""What is done to the base of a conda installation for its module, and what is printed about it."""

from __future__ import annotations

from pathlib import Path

from stackenv.conda.compiled_activation import compile_activation
from stackenv.conda.install import (
    FROZEN_SINCE,
    empty_package_cache,
    find_conda_version,
    freeze_base,
    unfreeze_base,
)
from stackenv.conda.installation import CondaInstallation
from stackenv.configuration.settings import CondaSettings
from stackenv.disk.usage import measure_trees
from stackenv.output import format_bytes, format_count


def describe_foreign(path: str) -> str:
    """Return what it means that stackenv did not write the pip.conf at `path`."""
    return (
        f"{path} was not written by stackenv and is left unchanged; if /etc/pip.conf sets "
        "require-virtualenv, pip works in base only with `require-virtualenv = false` below `[global]` in "
        "this file"
    )


def empty_cache(installation: CondaInstallation, conda: CondaSettings) -> str:
    """Empty the installer's package cache, if configured; return the message, or an empty text."""
    cache = Path(installation.root, "pkgs")
    if not conda.empty_package_cache or cache.is_symlink():
        return ""
    usage = measure_trees({"": cache})[""]
    if not empty_package_cache(installation):
        return ""
    files = format_count(usage.freed_inodes, "file")
    return f"emptied the package cache: freed {format_bytes(usage.freed_bytes)}, {files}"


def set_frozen(installation: CondaInstallation, conda: CondaSettings) -> str:
    """Mark the base as frozen, or remove the mark, as configured; return the message, or an empty text."""
    if not conda.freeze_base:
        return "base is no longer marked as frozen" if unfreeze_base(installation) else ""
    version = find_conda_version(installation, conda.load_test.timeout_s)
    if freeze_base(installation, version):
        return "marked base as frozen: conda refuses to change it"
    return f"base not marked as frozen: requires conda {FROZEN_SINCE}, found {version}"


def compile_answers(installation: CondaInstallation, conda: CondaSettings) -> str:
    """Compile what an activation runs; return why conda must be started each time, or an empty text.

    This is the last step: conda is started again as soon as the folder of its packages has changed.
    """
    slow = compile_activation(installation, conda.load_test.timeout_s)
    return f"`conda activate` starts conda each time: {slow}" if slow and conda.native_activation else ""
