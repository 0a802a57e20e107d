"""What stackenv puts into a venv, and the module that leads to it."""

from __future__ import annotations

from collections.abc import Mapping

from stackenv.environments.constraints import constraints_url, describe_constraint_files
from stackenv.environments.launch import describe_launch_file
from stackenv.environments.personal_module import (
    describe_common,
    describe_hint,
    describe_load,
    describe_shell_files,
)
from stackenv.modulefile import InstalledFile, ModuleSpec, Operation, PrependPath
from stackenv.modulefile.operations import ENVIRONMENT_PRIORITY
from stackenv.modulefile.personal_operations import (
    PushEnv,
    RemovePath,
    RequirePath,
    SaveEnv,
)
from stackenv.record import Python, Record

LAYERS = "_stackenv_layers"
# The first and the last of a folder's .pth files, which are read in the order of their names.
FIRST_PTH, LAST_PTH = "00_stackenv.pth", "zz_stackenv.pth"
# From this folder and no other, though PYTHONPATH, not yet moved, comes first: neither another
# environment's, nor after a look into each folder of the modules. `sitedir` is site.py's.
IMPORT_OWN = """\
sys.path.insert(0, sitedir)
try:
    import {module}
    {module}.{attribute}
except Exception as error:
    import os
    if sys.stderr and os.environ.get("STACKENV_TOLD") != NAME:
        os.environ["STACKENV_TOLD"] = NAME
        sys.stderr.write("stackenv: " + NAME + " cannot put its packages in order: " + repr(error) + FIX)
finally:
    sys.path.remove(sitedir)
"""
# What happens while one of the files is missing that put the packages in order.
UNORDERED = "Python may find the packages of the modules before those of the environment"


def find_site_packages(prefix: str, python: Python) -> str:
    """Return the folder of a venv's packages (sysconfig's scheme `venv`)."""
    return f"{prefix}/lib/python{python.minor}/site-packages"


def describe_guarded_import(record: Record, module: str, attribute: str) -> str:
    """Return code that imports `module` from the folder of the .pth file, and evaluates its `attribute`.

    A file that is gone or damaged must not give a traceback at each start: one line says what to type.
    """
    fix = f"; hint: stackenv edit {record.full_name} --refresh\n"
    names = f"NAME, FIX = {record.full_name!r}, {fix!r}\n"
    return names + IMPORT_OWN.format(module=module, attribute=attribute)


def describe_pth(record: Record) -> tuple[str, str]:
    """Return the first and the last .pth file of the venv of `record`: lines of code that site.py runs.

    site.py reads the files of a plain venv twice.
    """
    code = describe_guarded_import(record, LAYERS, "finish")
    first = f"import sys; {LAYERS!r} in sys.modules or exec({code!r})"
    return f"{first}\n", f"{first}; getattr(sys.modules.get({LAYERS!r}), 'finish', int)()\n"


def describe_layers(
    record: Record, site_packages: str, values: Mapping[str, str]
) -> tuple[InstalledFile, ...]:
    """Return the files in `site_packages` that put the packages of the venv of `record` in order."""
    first, last = describe_pth(record)
    module = f"{site_packages}/{LAYERS}.py"
    return (
        InstalledFile(module, "libexec/layers.py", dialect="python", values=values, loss=UNORDERED),
        InstalledFile(f"{site_packages}/{FIRST_PTH}", text=first, loss=UNORDERED),
        InstalledFile(f"{site_packages}/{LAST_PTH}", text=last, loss=UNORDERED),
    )


def describe_venv_files(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that stackenv adds to the venv of `record`, the record aside."""
    assert record.python is not None
    site_packages = find_site_packages(record.path, record.python)
    needed = [*record.modules, *([record.python.module] if record.python.module else [])]
    layers = {
        "NAME": record.full_name,
        "HINT": describe_load(record),
        "MODULES": " ".join(dict.fromkeys(needed)),
        "CONSTRAINTS": constraints_url(record),
        "USER_SITE": "show" if record.user_site else "hide",
    }
    return (
        *(describe_layers(record, site_packages, layers) if record.layers else ()),
        *describe_constraint_files(record),
        *describe_shell_files(record, "personal"),
        describe_launch_file(record),
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
        # When the modules are loaded: a Python that went with one of them is missed by its name.
        RequirePath(python, no_python),
        SaveEnv("VIRTUAL_ENV", "STACKENV_VENV_BEFORE"),
        PushEnv("VIRTUAL_ENV", prefix),
        PushEnv("VIRTUAL_ENV_PROMPT", f"({record.name}) "),
        PushEnv("PYTHONHOME", None),
        RemovePath(f"{prefix}/bin"),
        # A `module load Python` later in a job script must not take the environment's away.
        PrependPath("PATH", f"{prefix}/bin", priority=ENVIRONMENT_PRIORITY),
    )
    return describe_common(
        record,
        refused_without=((f"{prefix}/pyvenv.cfg", describe_hint(record, "its folder")),),
        environment=environment,
    )
