"""The module of an environment, and the files that stackenv adds to it, by the environment's kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from stackenv import STACKENV_UUID
from stackenv.environments.conda_environment_module import (
    describe_conda_environment_files,
    describe_conda_environment_module,
)
from stackenv.environments.packed import describe_entrance, list_beside
from stackenv.environments.venv_module import describe_venv_files, describe_venv_module
from stackenv.errors import StackenvError
from stackenv.modulefile import InstalledFile, ModuleSpec
from stackenv.modulefile.lua_string import quote_lua
from stackenv.record import Record

MODULES: Mapping[str, Callable[[Record], ModuleSpec]] = {
    "venv": describe_venv_module,
    "conda": describe_conda_environment_module,
}
FILES: Mapping[str, Callable[[Record], tuple[InstalledFile, ...]]] = {
    "venv": describe_venv_files,
    "conda": describe_conda_environment_files,
}


def require_kind(record: Record) -> str:
    """Return the kind of `record`; raise StackenvError for one that this stackenv does not know."""
    if record.kind in MODULES:
        return record.kind
    raise StackenvError(
        f"{record.full_name} is an environment of the kind {record.kind!r}, unknown to this stackenv",
        "use the stackenv that made it, or a newer one",
    )


def describe_module(record: Record) -> ModuleSpec:
    """Return the description of the personal module of `record`.

    Raises
    ------
    StackenvError
        When the environment is of an unknown kind.
    """
    return MODULES[require_kind(record)](record)


def describe_files(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that stackenv adds to the environment of `record`, the record aside.

    Of a packed one those that lie beside the image.

    Raises
    ------
    StackenvError
        When the environment is of an unknown kind.
    """
    files = FILES[require_kind(record)](record)
    if record.packed is None:
        return files
    return (*list_beside(files, record), *describe_entrance(record))


def render_default(name: str, version: str) -> str:
    """Return the text that makes `version` the default of `name`; Lmod reads it in the folder of `name`.

    Not the link `default`, which Lmod obeys too: nothing would tell whose it is.
    """
    full_name = quote_lua(f"{name}/{version}")
    return f'-- {STACKENV_UUID} stackenv default\nmodule_version({full_name}, "default")\n'
