"""The personal module of an environment: when it refuses to load, its base modules, and what it sets."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from stackenv import STACKENV_UUID
from stackenv.environments.packed import ENTRANCE, MARK
from stackenv.errors import StackenvError
from stackenv.modulefile import (
    Family,
    ModuleSpec,
    Operation,
    PrependPath,
    TerminalNotices,
)
from stackenv.modulefile.lua_string import quote_lua
from stackenv.modulefile.operations import ENVIRONMENT_PRIORITY
from stackenv.modulefile.personal_operations import (
    CondaEnvironment,
    DependsOn,
    ExtendPath,
    Extensions,
    ForgetWords,
    MountImage,
    PushEnv,
    RemovePath,
    RequireCpuFeatures,
    RequireModule,
    RequirePath,
    RequirePlatform,
    SaveEnv,
    SetDefault,
    ShellCode,
    Whatis,
)
from stackenv.record import CHOICES_TITLE, FOLDER, RECORD_FILE, Record, write_choices

# Not listed as extensions, since no one searches for them with `module spider`.
IN_EVERY_VENV = frozenset({"pip", "setuptools", "wheel"})
HELP = """\
{full_name}: {about}

    environment  {path}
    modules      {modules}

To use it, in a shell or in a job script:

    {load}

To leave it: deactivate, or module unload {name}. To see what it contains: stackenv info {full_name}
"""
# On PATH after the environment's bin, so that `pip` is never that of another Python.
SHIM = f"{FOLDER}/bin"
REFUSED = (
    "{name} cannot be loaded while another environment is active: %s. Leave that one first: conda "
    "deactivate; if a start-up file activates it, remove that line and open a new shell"
)
NOTICE_PYTHONPATH = (
    "{name}: PYTHONPATH is set (%s) and comes before the packages of this conda environment, which "
    "needs no Python module; if an import goes wrong, unload that module"
)


def describe_about(record: Record) -> str:
    """Return one line that describes the environment."""
    if record.description:
        return record.description
    below = f" on {', '.join(record.modules)}" if record.modules else ""
    kind = "conda environment" if record.kind == "conda" else "Python environment"
    return f"personal {kind}{below}"


def describe_load(record: Record) -> str:
    """Return the command that loads the module in any shell."""
    return f"module use {shlex.quote(record.module_folder)}; module load {record.full_name}"


def describe_mount(record: Record) -> tuple[Operation, ...]:
    """Return the operation that mounts the image of `record`; none if it is not packed."""
    if record.packed is None:
        return ()
    mark = f"{record.path}/{MARK.format(record.packed.identity)}"
    return (MountImage(f"{record.path}/{ENTRANCE}", mark),)


def describe_hint(record: Record, what: str) -> str:
    """Return the message of the module for a missing environment, with the commands that help."""
    return (
        f"{record.full_name}: {what}, {record.path}, is gone. If it was moved: stackenv adopt NEW_PATH "
        f"{record.name}; if it is no longer needed: stackenv remove {record.full_name}"
    )


def describe_missing(record: Record, module: str) -> str:
    """Return the message of the module for a base module, `module`, that is not available."""
    name = record.full_name
    return (
        f"{name} needs the module {module}, which is not available here (missing `module use`?). It was "
        f"created with MODULEPATH={record.modulepath} . If the site has removed the module, and another "
        f"one has the same Python: stackenv edit {name} --module ANOTHER; otherwise rebuild the "
        f"environment: stackenv rebuild {name} --module ANOTHER"
    )


def describe_refusals(record: Record, refused_without: Sequence[tuple[str, str]]) -> tuple[Operation, ...]:
    """Return the conditions under which the module of `record` refuses to load.

    `refused_without` are required paths, each with the message for the case that it is missing.
    """
    name, platform = record.full_name, record.platform
    elsewhere = (
        f"{name} was created on {platform.machine}, {platform.os or 'an unknown system'}; its compiled "
        "parts do not run on this machine. Create it again here, from the output of: stackenv export "
        f"{name} --format {'environment' if record.kind == 'conda' else 'requirements'}"
    )
    other_cpu = (
        f"{name} has packages that were compiled for the CPU of another node ({platform.cpu}); the CPU "
        "of this node lacks: %s. Use a node like that one, or rebuild the environment with compiler "
        "flags that suit both"
    )
    return (
        *(RequirePath(path, message) for path, message in refused_without),
        RequirePlatform(platform.machine, platform.os, elsewhere),
        RequireCpuFeatures(record.cpu_features, other_cpu),
    )


def describe_help(record: Record) -> str:
    """Return the text that `module help` shows."""
    return HELP.format(
        full_name=record.full_name,
        name=record.name,
        load=describe_load(record),
        about=describe_about(record),
        path=record.path,
        modules=", ".join(record.modules) or "none",
    )


def describe_common(
    record: Record,
    refused_without: Sequence[tuple[str, str]],
    environment: tuple[Operation, ...],
    code: ShellCode,
) -> ModuleSpec:
    """Return the module of `record`; `refused_without` are required paths, each with its message."""
    packages = tuple(f"{p.name}/{p.version}" for p in record.packages if p.name not in IN_EVERY_VENV)
    # Each is checked after those before it are loaded: in a hierarchy, they make it available.
    base: list[Operation] = []
    for module in record.modules:
        base += (RequireModule(module, describe_missing(record, module)), DependsOn(module))
    return ModuleSpec(
        template="personal.lua.j2",
        facts={"name": record.full_name, "prefix": record.path},
        help_text=describe_help(record),
        blocks={
            "about": (
                Whatis("Name", record.name),
                Whatis("Version", record.version),
                Whatis("Description", describe_about(record)),
                Extensions(packages),
            ),
            "refusals": describe_refusals(record, refused_without),
            "modules": (Family("stackenv"), *base),
            "environment": (
                *describe_mount(record),
                *environment,
                ForgetWords(("PIP_CONSTRAINT", "UV_CONSTRAINT")),
            ),
            "commands": (code,),
        },
        comments=(f"record: {record.path}/{RECORD_FILE}", f"{CHOICES_TITLE}{write_choices(record)}"),
    )


def describe_venv_module(record: Record) -> ModuleSpec:
    """Return the description of the personal module of the venv of `record`."""
    prefix, name = record.path, record.full_name
    python = f"{prefix}/bin/python"
    # If a script starts the Python, the script remains when the Python itself is gone.
    behind = record.python.executable if record.python and record.carried and record.carried.launchers else ""
    no_python = (
        f"is missing or a broken link. To find out why: stackenv check {name}; to create the "
        f"environment again: stackenv rebuild {name}"
    )
    environment: tuple[Operation, ...] = (
        # Checked after the base modules are loaded: if one of those is gone, its own message comes first.
        *(
            RequirePath(path, f"{name}: its Python, {path}, {no_python}")
            for path in filter(None, (python, behind))
        ),
        SaveEnv("VIRTUAL_ENV", "STACKENV_VENV_BEFORE"),
        PushEnv("VIRTUAL_ENV", prefix),
        PushEnv("VIRTUAL_ENV_PROMPT", f"({record.name}) "),
        PushEnv("PYTHONHOME", None),
        RemovePath(f"{prefix}/bin"),
        # A later `module load Python` in a job script must not hide the environment's Python.
        PrependPath("PATH", f"{prefix}/bin:{prefix}/{SHIM}", priority=ENVIRONMENT_PRIORITY),
    )
    return describe_common(
        record,
        refused_without=((f"{prefix}/pyvenv.cfg", describe_hint(record, "its folder")),),
        environment=environment,
        code=ShellCode(f"{prefix}/{FOLDER}"),
    )


def list_multiline_variables(activation: Mapping[str, Any]) -> list[str]:
    """Return the variables of an activation that no module can set, because they contain a newline.

    Lmod 8.6 lets the shell run what follows a newline.
    """
    return [name for name, value in activation["set_variables"] if "\n" in value]


def describe_activation(activation: Mapping[str, Any], prefix: str) -> tuple[Operation, ...]:
    """Return the captured effects of activate.d of the environment at `prefix` as operations."""
    values = [(name, None) for name in activation["unset_variables"]]
    values += [(name, value) for name, value in activation["set_variables"] if "\n" not in value]
    extended = [(n, e, False) for n, entries in activation["prepended"] for e in reversed(entries)]
    extended += [(n, e, True) for n, entries in activation["appended"] for e in entries]
    return (
        *(PushEnv(variable, value) for variable, value in values),
        *(SetDefault(n, value) for n, value in activation["default_variables"] if "\n" not in value),
        *(ExtendPath(n, e, last, own=f"{e}/".startswith(f"{prefix}/")) for n, e, last in extended),
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
        # This shell code puts conda's base environment back on PATH.
        code=ShellCode(f"{prefix}/{FOLDER}", "conda_environment", {"PREFIX": prefix}),
    )


MODULES: Mapping[str, Callable[[Record], ModuleSpec]] = {
    "venv": describe_venv_module,
    "conda": describe_conda_environment_module,
}


def require_kind(record: Record) -> str:
    """Return the kind of `record`; raise StackenvError if this stackenv does not know it."""
    if record.kind in MODULES:
        return record.kind
    raise StackenvError(
        f"{record.full_name} is an environment of kind {record.kind!r}, which this version of stackenv "
        "does not support",
        "use the stackenv that created it, or a newer one",
    )


def describe_module(record: Record) -> ModuleSpec:
    """Return the description of the personal module of `record`.

    Raises
    ------
    StackenvError
        If the environment is of an unknown kind.
    """
    return MODULES[require_kind(record)](record)


def render_default(name: str, version: str) -> str:
    """Return the text of the file in the folder of `name` that makes `version` the default for Lmod.

    Lmod also follows a link called `default`, but a link cannot show that stackenv made it.
    """
    full_name = quote_lua(f"{name}/{version}")
    return f'-- {STACKENV_UUID} stackenv default\nmodule_version({full_name}, "default")\n'
