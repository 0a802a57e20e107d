"""What stackenv puts into a venv, and the module that leads to it."""

from __future__ import annotations

from pathlib import Path

from stackenv.describe.constraints import constraints_url, describe_constraint_files
from stackenv.describe.launch import describe_launch_file
from stackenv.describe.personal import IN_CHARGE, describe_common, describe_cure, describe_load
from stackenv.model import InstalledFile, ModuleSpec, Operation, PrependPath
from stackenv.model.environment import Python, Record
from stackenv.model.personal_operations import (
    RememberEnvironment,
    ReplaceEnvironment,
    RequirePath,
    ShellCode,
    TakeFromPath,
)
from stackenv.model.record import FOLDER

PATH_PRIORITY = 100
LAYERS = "_stackenv_layers"
# The first and the last of a folder's .pth files, which are read in the order of their names.
FIRST_PTH, LAST_PTH = "00_stackenv.pth", "zz_stackenv.pth"
# From this folder and no other, though PYTHONPATH, not yet moved, comes first: neither another
# environment's, nor after a look into each folder of the modules. `sitedir` is site.py's.
IMPORT_OWN = f"import sys; sys.path.insert(0, sitedir); import {LAYERS}; sys.path.remove(sitedir)\n"


def find_site_packages(prefix: str, python: Python) -> str:
    """Return the folder of a venv's packages (sysconfig's scheme `venv`)."""
    return f"{prefix}/lib/python{python.minor}/site-packages"


def describe_venv_files(record: Record, with_pth: bool = True) -> tuple[InstalledFile, ...]:
    """Return the files that stackenv adds to the venv of `record`, the record aside."""
    assert record.python is not None
    site_packages = find_site_packages(record.path, record.python)
    needed = [*record.modules, *([record.python.module] if record.python.module else [])]
    layers = {
        "NAME": record.full_name,
        "CURE": describe_load(record),
        "MODULES": " ".join(dict.fromkeys(needed)),
        "CONSTRAINTS": constraints_url(record),
        "USER_SITE": "show" if record.user_site else "hide",
    }
    pth = (
        InstalledFile(f"{site_packages}/{LAYERS}.py", "libexec/layers.py", dialect="python", values=layers),
        InstalledFile(f"{site_packages}/{FIRST_PTH}", text=IMPORT_OWN),
        InstalledFile(f"{site_packages}/{LAST_PTH}", text=f"import {LAYERS}; {LAYERS}.finish()\n"),
    )
    return (
        *(pth if with_pth else ()),
        *describe_constraint_files(record),
        *describe_shell_files(record),
        describe_launch_file(record),
    )


def describe_shell_files(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that csh sources after a load and after an unload."""
    values = {"MODULE": record.full_name, "FILE": f"{record.path}/{FOLDER}/load.csh"}
    return tuple(
        InstalledFile(
            f"{record.path}/{FOLDER}/{when}.csh", f"shell/personal_{when}.csh", dialect="csh", values=values
        )
        for when in ("load", "unload")
    )


def describe_venv_module(record: Record) -> ModuleSpec:
    """Return the description of the personal module of the venv of `record`."""
    prefix, name = record.path, record.full_name
    python = f"{prefix}/bin/python"
    no_python = (
        f"{name}: its Python, {python}, is missing or a broken link. stackenv check {name} says why; to make "
        f"the environment again: stackenv rebuild {name}"
    )
    environment: tuple[Operation, ...] = (
        # When the modules are loaded: a Python that went with one of them is told by its name.
        RequirePath(python, no_python),
        RememberEnvironment("VIRTUAL_ENV", "STACKENV_VENV_BEFORE"),
        ReplaceEnvironment("VIRTUAL_ENV", prefix, IN_CHARGE, name),
        ReplaceEnvironment("VIRTUAL_ENV_PROMPT", f"({record.name}) ", IN_CHARGE, name),
        ReplaceEnvironment("PYTHONHOME", None, IN_CHARGE, name),
        TakeFromPath(f"{prefix}/bin"),
        # A `module load Python` later in a job script must not take the environment's away.
        PrependPath("PATH", f"{prefix}/bin", priority=PATH_PRIORITY),
    )
    return describe_common(
        record,
        refused_without=((f"{prefix}/pyvenv.cfg", describe_cure(record, "its folder")),),
        environment=environment,
        commands=(ShellCode("personal", {"MODULE": name}, f"{prefix}/{FOLDER}"),),
    )


def is_venv_path(path: str) -> bool:
    """Tell whether `path` can be on PATH and in the lists of modules: no colon, nothing unprintable."""
    return Path(path).is_absolute() and ":" not in path and path.isprintable()
