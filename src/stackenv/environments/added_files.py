"""The files that stackenv adds to an environment, apart from its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable

from stackenv import STACKENV_UUID
from stackenv.conda.python_files import NOT_GUARDED, describe_hiding
from stackenv.environments.constraints import constraints_url, describe_constraint_files
from stackenv.environments.installer import RUN_PIP
from stackenv.environments.launch import describe_launch_file
from stackenv.environments.launchers import describe_launchers
from stackenv.environments.module import SHIM, describe_load, require_kind
from stackenv.environments.packed import describe_entrance, list_beside
from stackenv.modulefile import InstalledFile, Source
from stackenv.modulefile.lua import IN_MODULE
from stackenv.record import FOLDER, Python, Record

LAYERS = "_stackenv_layers"
CARRY = "_stackenv_carry"
# The first and the last of a folder's .pth files, which are read in the order of their names.
FIRST_PTH, LAST_PTH = "00_stackenv.pth", "zz_stackenv.pth"
# Import from this folder only, although PYTHONPATH still comes first: not the files of another environment,
# and without a search of each folder of the modules. `sitedir` is a variable of site.py.
IMPORT_OWN = """\
sys.path.insert(0, sitedir)
try:
    import {module}
    {module}.{attribute}
except Exception as error:
    import os
    if sys.stderr and os.environ.get("STACKENV_TOLD") != NAME:
        os.environ["STACKENV_TOLD"] = NAME
        sys.stderr.write("stackenv: the import order of " + NAME + " could not be set: " + repr(error) + FIX)
finally:
    sys.path.remove(sitedir)
"""
# What happens while one of the files that set the import order is missing.
UNCARRIED = "without the modules loaded, Python does not find their packages"
UNORDERED = "Python may find the packages of the modules before those of the environment"
HIDE_MODULES = "_stackenv_hide_modules"
ANOTHER_PIP = "without it, `pip` belongs to another Python and installs elsewhere"
# In bin, and after it on PATH, but only if the module is loaded.
WITHOUT_PIP = {
    "bin": "after `source bin/activate`, `pip` belongs to another Python and installs elsewhere",
    SHIM: "if bin/pip is gone too, `pip` belongs to another Python and installs elsewhere",
}
# A user's own pip.conf may say `user = true`, which fails in a conda environment.
PIP_CONF = f"{NOT_GUARDED}[install]\nuser = false\n"
SHELLS = {"sh": "bash, zsh, ksh, mksh and dash", "csh": "tcsh", "fish": "fish"}
# What happens while a file of shell code is missing, by when the code is run.
WITHOUT_CODE = {
    "load": "in {}, the module defines no `deactivate`",
    "unload": "in {}, unloading the module may not restore the shell completely",
}


def describe_shell_files(
    record: Record, source: str, in_module: Sequence[str] = ()
) -> tuple[InstalledFile, ...]:
    """Return the files of code that shells run after the module is loaded and after it is unloaded.

    `source` is the beginning of their names in the templates' folder shell/. At the load, the shell stores
    the code for the unload, because the folder may be gone by then; not in the dialects `in_module`, for
    which the module contains it.
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
        if when == "load" or dialect not in in_module
    )


def find_site_packages(prefix: str, python: Python) -> str:
    """Return the folder of a venv's packages (sysconfig's scheme `venv`)."""
    return f"{prefix}/lib/python{python.minor}/site-packages"


def describe_guarded_import(record: Record, module: str, attribute: str) -> str:
    """Return code that imports `module` from the folder of the .pth file, and evaluates its `attribute`.

    If the file is missing or damaged, each start prints one line with a hint instead of a traceback.
    """
    fix = f"; hint: stackenv edit {record.full_name} --refresh\n"
    names = f"NAME, FIX = {record.full_name!r}, {fix!r}\n"
    return names + IMPORT_OWN.format(module=module, attribute=attribute)


def describe_pth(record: Record) -> tuple[str, str]:
    """Return the first and the last .pth file of the venv of `record`: lines of code that site.py runs.

    In a plain venv, site.py reads them twice.
    """
    code = describe_guarded_import(record, LAYERS, "finish")
    first = f"import sys; {LAYERS!r} in sys.modules or exec({code!r})"
    return f"{first}\n", f"{first}; getattr(sys.modules.get({LAYERS!r}), 'finish', int)()\n"


def describe_layers(
    record: Record, site_packages: str, values: Mapping[str, str]
) -> tuple[InstalledFile, ...]:
    """Return the files in `site_packages` that set the import order in the venv of `record`."""
    first, last = describe_pth(record)
    module, carry = (f"{site_packages}/{name}.py" for name in (LAYERS, CARRY))
    return (
        InstalledFile(module, "libexec/layers.py", dialect="python", values=values, loss=UNORDERED),
        InstalledFile(carry, "libexec/carry.py", values={}, loss=UNCARRIED),
        InstalledFile(f"{site_packages}/{FIRST_PTH}", text=first, loss=UNORDERED),
        InstalledFile(f"{site_packages}/{LAST_PTH}", text=last, loss=UNORDERED),
    )


def describe_pip(record: Record) -> tuple[InstalledFile, ...]:
    """Return the programs that run the modules' pip in the venv of `record`, in bin and after it on PATH.

    A pip that is installed replaces those in bin.
    """
    assert record.python is not None
    runner = f"{record.path}/{FOLDER}/{RUN_PIP}"
    # No other path: a file that contains that of the environment itself is packed in another way.
    values = {"NAME": record.full_name, "PYTHON": f"{record.path}/bin/python"}
    return (
        InstalledFile(
            *(runner, RUN_PIP),
            dialect="python",
            values={},
            loss="`pip` cannot run",
            stand_in=True,
        ),
        *(
            InstalledFile(
                f"{record.path}/{folder}/{name}",
                "libexec/pip_in_venv",
                values=values,
                executable=True,
                loss=loss,
                stand_in=True,
            )
            for folder, loss in WITHOUT_PIP.items()
            for name in ("pip", "pip3", f"pip{record.python.minor}")
        ),
    )


def describe_venv_files(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that stackenv adds to the venv of `record`, apart from the record."""
    assert record.python is not None
    site_packages = find_site_packages(record.path, record.python)
    needed = [*record.modules, *([record.python.module] if record.python.module else [])]
    layers = {
        "NAME": record.full_name,
        "HINT": describe_load(record),
        "MODULES": " ".join(dict.fromkeys(needed)),
        "CONSTRAINTS": constraints_url(record),
        "USER_SITE": "show" if record.user_site else "hide",
        # The site may turn it on again, and in a packed environment only the record is written then.
        "CARRIES": "no" if record.carry_off == "user" else "yes",
    }
    return (
        *(describe_layers(record, site_packages, layers) if record.layers else ()),
        *describe_constraint_files(record),
        *describe_pip(record),
        *describe_shell_files(record, "personal"),
        describe_launch_file(record),
        *describe_launchers(record),
    )


def describe_start_files(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files with which the environment's Python, if any, hides packages of modules."""
    if record.python is None or not record.layers:
        return ()
    site_packages = find_site_packages(record.path, record.python)
    values = describe_hiding(record.module_roots, not record.sees_modules)
    module, loss = f"{site_packages}/{HIDE_MODULES}.py", "Python may import packages of loaded modules"
    # As a statement, which also runs in Python 2.7.
    start = f"import sys; exec({describe_guarded_import(record, HIDE_MODULES, 'hide()')!r})"
    return (
        InstalledFile(module, "libexec/hide_modules.py", dialect="python", values=values, loss=loss),
        InstalledFile(f"{site_packages}/{FIRST_PTH}", text=f"# {STACKENV_UUID}\n{start}\n", loss=loss),
    )


def describe_conda_environment_files(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that stackenv adds to the conda environment of `record`, apart from the record."""
    shims = tuple(
        InstalledFile(
            f"{record.path}/{SHIM}/{pip}",
            "libexec/pip",
            values={},
            executable=True,
            loss=ANOTHER_PIP,
        )
        for pip in ("pip", "pip3")
    )
    pip_conf = InstalledFile(
        f"{record.path}/pip.conf",
        text=PIP_CONF,
        yields=True,
        loss="pip fails in the environment if it is configured to install into ~/.local or only into a venv",
    )
    return (
        *describe_shell_files(record, "conda_environment", IN_MODULE),
        *shims,
        pip_conf,
        *describe_start_files(record),
        describe_launch_file(record),
    )


FILES: Mapping[str, Callable[[Record], tuple[InstalledFile, ...]]] = {
    "venv": describe_venv_files,
    "conda": describe_conda_environment_files,
}


def describe_files(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that stackenv adds to the environment of `record`, apart from the record.

    For a packed environment, only those beside the image.

    Raises
    ------
    StackenvError
        If the kind of the environment is unknown.
    """
    files = FILES[require_kind(record)](record)
    if record.packed is None:
        return files
    return (*list_beside(files, record), *describe_entrance(record))
