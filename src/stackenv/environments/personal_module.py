"""What the modules of all personal environments have in common."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from stackenv.environments.packed import ENTRANCE, MARK
from stackenv.modulefile import Family, InstalledFile, ModuleSpec, Operation, Source
from stackenv.modulefile.personal_operations import (
    DependsOn,
    Extensions,
    ForgetWords,
    MountImage,
    RequireCpuFeatures,
    RequireModule,
    RequirePath,
    RequirePlatform,
    ShellCode,
    Whatis,
)
from stackenv.record import CHOICES_TITLE, FOLDER, RECORD_FILE, Record, write_choices

IN_CHARGE = "STACKENV_ENVIRONMENT"
SHELLS = {"sh": "bash, zsh, ksh, mksh and dash", "csh": "tcsh", "fish": "fish"}
# What happens while a file of code for a shell is missing, by when that is run.
WITHOUT_CODE = {
    "load": "in {}, the module defines no `deactivate`",
    "unload": "in {}, after the unload the shell may not be as it was before the load",
}
# Nobody looks for them with `module spider`.
IN_EVERY_VENV = frozenset({"pip", "setuptools", "wheel"})
HELP = """\
{full_name}: {about}

    environment  {path}
    modules      {modules}

Use it, in a shell or in a job script:

    {load}

Leave it: deactivate, or module unload {name}. What it holds: stackenv info {full_name}
"""


def describe_about(record: Record) -> str:
    """Return what the environment is, in one line."""
    if record.description:
        return record.description
    below = f" on {', '.join(record.modules)}" if record.modules else ""
    kind = "conda environment" if record.kind == "conda" else "Python environment"
    return f"personal {kind}{below}"


def describe_load(record: Record) -> str:
    """Return what to type to load the module, in any shell."""
    return f"module use {shlex.quote(record.module_folder)}; module load {record.full_name}"


def describe_mount(record: Record) -> tuple[Operation, ...]:
    """Return what the module of `record` does because it is packed, if it is."""
    if record.packed is None:
        return ()
    mark = f"{record.path}/{MARK.format(record.packed.identity)}"
    return (MountImage(f"{record.path}/{ENTRANCE}", mark),)


def describe_hint(record: Record, what: str) -> str:
    """Return what the module says when the environment is gone, and what to type."""
    return (
        f"{record.full_name}: {what}, {record.path}, is gone. If it was moved: stackenv adopt NEW_PATH "
        f"{record.name}; if nobody needs it: stackenv remove {record.full_name}"
    )


def describe_shell_files(record: Record, source: str) -> tuple[InstalledFile, ...]:
    """Return the files of code that the shells run after a load and after an unload.

    `source` is the beginning of their names in the templates' folder shell/. From the load on the shell keeps
    the code of the unload, for the folder may be gone by then.
    """
    folder = f"{record.path}/{FOLDER}"
    values = {"MODULE": record.full_name, "PREFIX": record.path, "FILE": f"{folder}/load.csh"}
    kept = {"sh": f"shell/{source}_unload.sh", "csh": "shell/gone.csh", "fish": f"shell/{source}_unload.fish"}
    return tuple(
        InstalledFile(
            f"{folder}/{when}.{dialect}",
            f"shell/{source}_{when}.{dialect}",
            dialect=dialect,
            values={**values, "UNLOAD": Source(kept[dialect], values)},
            loss=without.format(SHELLS[dialect]),
        )
        for dialect in SHELLS
        for when, without in WITHOUT_CODE.items()
    )


def describe_missing(record: Record, module: str) -> str:
    """Return what the module says when `module`, which it is based on, is not available."""
    name = record.full_name
    return (
        f"{name} was made on the module {module}, which is not to be had here. Was it found with "
        f"`module use`? Then use that folder again; it was made under MODULEPATH={record.modulepath} . If "
        f"the site has removed it: stackenv edit {name} --module ANOTHER, where that has the same Python; "
        f"otherwise make it anew: stackenv rebuild {name} --module ANOTHER"
    )


def describe_common(
    record: Record,
    refused_without: Sequence[tuple[str, str]],
    environment: tuple[Operation, ...],
) -> ModuleSpec:
    """Return the module of `record`; `refused_without` are paths and what to say when one is gone."""
    name = record.full_name
    platform = record.platform
    elsewhere = (
        f"{name} was made on {platform.machine}, {platform.os or 'an unknown system'}; its compiled parts "
        f"are not for this machine. Make it anew here, from the output of: stackenv export {name} "
        f"--format {'environment' if record.kind == 'conda' else 'requirements'}"
    )
    other_cpu = (
        f"{name} has packages that were compiled for the CPU of another node ({platform.cpu}); this one "
        "lacks: %s. Use a node like that one, or make it anew with compiler flags that fit both"
    )
    packages = tuple(f"{p.name}/{p.version}" for p in record.packages if p.name not in IN_EVERY_VENV)
    return ModuleSpec(
        template="personal.lua.j2",
        facts={"name": name, "prefix": record.path},
        help_text=HELP.format(
            full_name=name,
            name=record.name,
            load=describe_load(record),
            about=describe_about(record),
            path=record.path,
            modules=", ".join(record.modules) or "none",
        ),
        blocks={
            "about": (
                Whatis("Name", record.name),
                Whatis("Version", record.version),
                Whatis("Description", describe_about(record)),
                Extensions(packages),
            ),
            "refusals": (
                *(RequirePath(path, message) for path, message in refused_without),
                RequirePlatform(platform.machine, platform.os, elsewhere),
                RequireCpuFeatures(record.cpu_features, other_cpu),
            ),
            # Each is asked for when those before it are loaded: in a hierarchy they lead to it.
            "modules": (
                Family("stackenv"),
                *(
                    o
                    for m in record.modules
                    for o in (RequireModule(m, describe_missing(record, m)), DependsOn(m))
                ),
            ),
            "environment": (
                *describe_mount(record),
                *environment,
                ForgetWords(("PIP_CONSTRAINT", "UV_CONSTRAINT")),
            ),
            "commands": (ShellCode(f"{record.path}/{FOLDER}"),),
        },
        comments=(f"record: {record.path}/{RECORD_FILE}", f"{CHOICES_TITLE}{write_choices(record)}"),
    )
