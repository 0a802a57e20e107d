"""The module that has a conda environment active, without a conda process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackenv import STACKENV_UUID
from stackenv.conda.python_files import NOT_GUARDED, describe_hiding
from stackenv.environments.launch import describe_launch_file
from stackenv.environments.personal_module import describe_common, describe_hint, describe_shell_files
from stackenv.environments.venv_module import (
    FIRST_PTH,
    describe_guarded_import,
    find_site_packages,
)
from stackenv.modulefile import InstalledFile, ModuleSpec, Operation, TerminalNotices
from stackenv.modulefile.operations import ENVIRONMENT_PRIORITY
from stackenv.modulefile.personal_operations import (
    CondaEnvironment,
    JoinPath,
    PushEnv,
    SetDefault,
)
from stackenv.record import FOLDER, Record

# Behind the environment's bin: `pip` for an environment that has none, instead of the base's.
SHIM = f"{FOLDER}/bin"
REFUSED = (
    "{name} is not loaded over an environment that is active already: %s. Leave that first: conda "
    "deactivate (or a new shell, where a start-up file activates it)"
)
NOTICE_PYTHONPATH = (
    "{name}: PYTHONPATH is set (%s) and comes before the packages of this conda environment, which "
    "needs no Python module; if an import goes wrong, unload that module"
)
HIDE_MODULES = "_stackenv_hide_modules"
# A user's own pip.conf may say `user = true`, which no conda environment takes.
PIP_CONF = f"{NOT_GUARDED}[install]\nuser = false\n"


def list_untold(activation: Mapping[str, Any]) -> list[str]:
    """Return the variables of an activation that no module can set: Lmod 8.6 runs what follows a newline."""
    return [name for name, value in activation["set_variables"] if "\n" in value]


def describe_activation(activation: Mapping[str, Any], prefix: str) -> tuple[Operation, ...]:
    """Return what activate.d of the environment at `prefix` does, as it was captured, as operations."""
    values = [(name, None) for name in activation["unset_variables"]]
    values += [(name, value) for name, value in activation["set_variables"] if "\n" not in value]
    joined = [(n, e, False) for n, entries in activation["prepended"] for e in reversed(entries)]
    joined += [(n, e, True) for n, entries in activation["appended"] for e in entries]
    return (
        *(PushEnv(variable, value) for variable, value in values),
        *(SetDefault(n, value) for n, value in activation["default_variables"] if "\n" not in value),
        *(JoinPath(n, e, last, own=f"{e}/".startswith(f"{prefix}/")) for n, e, last in joined),
    )


def describe_conda_environment_module(record: Record) -> ModuleSpec:
    """Return the description of the personal module of the conda environment of `record`."""
    prefix, name = record.path, record.full_name
    notice = NOTICE_PYTHONPATH.format(name=name)
    assert record.activation is not None
    return describe_common(
        record,
        refused_without=((f"{prefix}/conda-meta", describe_hint(record, "its folder")),),
        environment=(
            CondaEnvironment(
                prefix,
                str(record.activation["environment_name"]),
                f"{prefix}/{SHIM}",
                REFUSED.format(name=name),
                ENVIRONMENT_PRIORITY,
            ),
            PushEnv("PIP_USER", None),
            *(() if record.user_site else (PushEnv("PYTHONNOUSERSITE", "1"),)),
            *describe_activation(record.activation, prefix),
            TerminalNotices("", notice, notice if record.sees_modules else "", "", ""),
        ),
    )


def describe_conda_environment_files(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that stackenv adds to the conda environment of `record`, the record aside."""
    shims = tuple(
        InstalledFile(
            f"{record.path}/{SHIM}/{pip}",
            "libexec/pip",
            values={},
            executable=True,
            loss="without a pip of the environment, another one runs and installs elsewhere",
        )
        for pip in ("pip", "pip3")
    )
    pip_conf = InstalledFile(
        f"{record.path}/pip.conf",
        text=PIP_CONF,
        yields=True,
        loss="where pip is told to install into ~/.local or only into a venv, it fails in the environment",
    )
    return (
        *describe_shell_files(record, "conda_environment"),
        *shims,
        pip_conf,
        *describe_start_files(record),
        describe_launch_file(record),
    )


def describe_start_files(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files by which the environment's Python, where it has one, hides what modules bring."""
    if record.python is None or not record.layers:
        return ()
    site_packages = find_site_packages(record.path, record.python)
    values = describe_hiding(record.module_roots, not record.sees_modules)
    module, loss = f"{site_packages}/{HIDE_MODULES}.py", "Python may import packages of loaded modules"
    # No expression: it runs in Python 2.7 too.
    start = f"import sys; exec({describe_guarded_import(record, HIDE_MODULES, 'hide()')!r})"
    return (
        InstalledFile(module, "libexec/hide_modules.py", dialect="python", values=values, loss=loss),
        InstalledFile(f"{site_packages}/{FIRST_PTH}", text=f"# {STACKENV_UUID}\n{start}\n", loss=loss),
    )
