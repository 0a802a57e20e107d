"""What a venv's Python is to bring of its modules when it is started without them, found by loading them."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from stackenv.configuration.settings import PersonalSettings
from stackenv.environments.found_libraries import needs_library_path, starts_without
from stackenv.environments.platform import list_cpu_features
from stackenv.environments.stack import Stack
from stackenv.errors import StackenvError, explain
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.module_table import read_loaded_modules
from stackenv.output import tell
from stackenv.record import Carried, Modulefile, Record

# What a site sets for Lmod itself, and what of a session's it must not see.
OF_LMOD = ("LMOD_", "MODULERCFILE")
PROGRAMS = "/usr/bin:/bin"
# What differs between two starts of one environment: a value with it is no property of the stack.
ANOTHER_SESSION = {
    "HOME": "/home/another",
    "USER": "another",
    "LOGNAME": "another",
    "TMPDIR": "/tmp/another",
    "HOSTNAME": "another",
    "SLURM_JOB_ID": "1",
    "SLURM_SUBMIT_DIR": "/home/another/work",
    "XDG_RUNTIME_DIR": "/run/user/1",
}


def complete_carried(record: Record, stack: Stack, lmod: Lmod, settings: PersonalSettings) -> Record:
    """Return `record`, a venv's, with what its Python is to bring of `stack` where that is not loaded.

    Its packages are installed already: what was built here may need the modules' libraries.
    """
    record = replace(record, carried=None, carry_off=choose_carry_off(record.carry_off == "user", settings))
    if record.carry_off or not (record.layers and record.modules and record.python):
        return record
    try:
        environs = load_twice(record.modules, stack.modulepath, lmod)
        carried = describe_carried(record, environs, settings)
    except (StackenvError, OSError, subprocess.SubprocessError) as error:
        tell(
            f"the Python of {record.full_name} will find its modules' packages only while these are loaded, "
            f"since from a clean environment they cannot be: {getattr(error, 'message', explain(error))}"
        )
        return record
    if not carried.starts_bare:
        tell(
            f"the Python of {record.full_name} starts only while its modules are loaded, since it needs a "
            "library of theirs"
        )
    return replace(record, carried=carried)


def choose_carry_off(by_user: bool, settings: PersonalSettings) -> str:
    """Return who wants nothing to be brought: `user`, who comes first, or `site`; empty for nobody."""
    return "user" if by_user else "" if settings.carry else "site"


def load_twice(modules: Sequence[str], modulepath: str, lmod: Lmod) -> tuple[Mapping[str, str], ...]:
    """Return what is set after a load of `modules` in two sessions in which nothing else is set."""
    clean = {name: value for name, value in lmod.environ.items() if name.startswith(OF_LMOD)}
    clean.update(PATH=PROGRAMS, MODULEPATH=modulepath)
    own = {name: lmod.environ[name] for name in ANOTHER_SESSION if name in lmod.environ}
    sessions = [Lmod(lmod.command, {**clean, **more}, lmod.timeout_s) for more in (own, ANOTHER_SESSION)]
    with ThreadPoolExecutor() as threads:
        return tuple(threads.map(lambda session: session.load(*modules).environ, sessions))


def describe_carried(
    record: Record, environs: Sequence[Mapping[str, str]], settings: PersonalSettings
) -> Carried:
    """Return what the loads that gave `environs` have set alike, as far as a Python alone can use it."""
    assert record.python is not None
    first, second = environs

    def list_entries(variable: str, separators: str = ":") -> tuple[str, ...]:
        there = split_entries(second.get(variable, ""), separators)
        return tuple(entry for entry in split_entries(first.get(variable, ""), separators) if entry in there)

    python_path, prefixes = list_entries("PYTHONPATH"), list_entries("EBPYTHONPREFIXES")
    preload, library_path = list_entries("LD_PRELOAD", ": "), list_entries("LD_LIBRARY_PATH")
    folders = list_package_folders(record, python_path, prefixes)
    needed = preload or needs_library_path(record.python.executable, folders, library_path)
    names = [n for n in settings.carry_variables if n in first and first[n] == second.get(n)]
    return Carried(
        modulefiles=tuple(describe_modulefile(path) for path in list_modulefiles(record, first)),
        python_path=python_path,
        prefixes=prefixes,
        libraries=library_path if needed else (),
        preload=preload,
        variables=tuple((name, first[name]) for name in names),
        cpu=record.platform.cpu,
        cpu_features=() if settings.carry_on_any_cpu else list_cpu_features(),
        starts_bare=starts_without(record.python.executable, library_path),
    )


def split_entries(value: str, separators: str) -> list[str]:
    """Return the entries of a variable's `value` that are not empty."""
    return [entry for entry in re.split(f"[{separators}]", value) if entry]


def list_package_folders(record: Record, python_path: Sequence[str], prefixes: Sequence[str]) -> list[Path]:
    """Return the folders in which the Python of `record` finds extension modules."""
    assert record.python is not None
    library = f"lib/python{record.python.minor}"
    base = Path(record.python.executable).parents[1]
    return [
        base / library / "lib-dynload",
        base / library / "site-packages",
        *(Path(prefix, library, "site-packages") for prefix in prefixes),
        *map(Path, python_path),
        Path(record.path, library, "site-packages"),
    ]


def list_modulefiles(record: Record, environ: Mapping[str, str]) -> list[str]:
    """Return the paths of the modulefiles of the modules that the user named."""
    return [module.path for module in read_loaded_modules(environ) if module.full_name in record.modules]


def describe_modulefile(path: str) -> Modulefile:
    """Return by what the modulefile `path` is known."""
    with Path(path).open("rb") as stream:
        status = os.fstat(stream.fileno())
        digest = hashlib.sha256(stream.read()).hexdigest()
    return Modulefile(path, status.st_size, status.st_mtime_ns, digest)
