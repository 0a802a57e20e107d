"""The record of an existing environment: what can be found out about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.environments.carried import choose_carry_off
from stackenv.environments.conda_environment import draft_conda_record, load_conda_stack
from stackenv.environments.context import Context
from stackenv.environments.python import ProbedPython
from stackenv.environments.stack import (
    Stack,
    describe_origin,
    find_module,
    list_loaded,
    load_named,
    load_stack,
    require_no_personal,
)
from stackenv.environments.stubs import choose_stubs_off, with_stubs
from stackenv.environments.venv import Venv, find_python_module, probe_venv, read_venv
from stackenv.errors import ModuleError, StackenvError, UsageError
from stackenv.lmod.bindings import Lmod
from stackenv.output import format_count, print_message, print_warning
from stackenv.plain_files import open_file
from stackenv.record import Python, Record


@dataclass(frozen=True)
class AdoptRequest:
    """The arguments of `stackenv adopt`; `prefix` is the environment."""

    prefix: Path
    name: str
    modules: tuple[str, ...] = ()
    version: str = "1.0"
    allow_shadow: tuple[str, ...] = ()
    no_pth: bool = False
    user_site: bool = False
    carry: bool = True
    stubs: bool = True
    description: str = ""

    def with_former(self, record: Record | None) -> AdoptRequest:
        """Return the request, with the values of `record` for everything that was not typed."""
        if record is None:
            return self
        return replace(
            self,
            allow_shadow=self.allow_shadow or record.allow_shadow,
            description=self.description or record.description,
            user_site=self.user_site or record.user_site,
            no_pth=self.no_pth or not record.layers,
            carry=self.carry and record.carry_off != "user",
            stubs=self.stubs and record.stubs_off != "user",
        )


def try_stack(venv: Venv, lmod: Lmod, names: Sequence[str]) -> Stack | None:
    """Return the stack of `names` if they can be loaded and provide the base Python of `venv`, else None."""
    try:
        stack = require_no_personal(load_stack(lmod, names)) if names else None
    except (ModuleError, UsageError):
        return None
    return stack if stack and stack.python and stack.python.real == venv.executable else None


def choose_stack(request: AdoptRequest, venv: Venv, lmod: Lmod, former: Record | None) -> tuple[Stack, str]:
    """Return the stack on which `venv` is based, and the module of its Python (empty without one).

    The stack is that of the modules given with -m, else of the loaded or recorded modules that match its
    Python.

    Raises
    ------
    StackenvError
        If the modules given with -m do not match.
    """
    if request.modules:
        return require_stack(request, venv, lmod)
    loaded = list_loaded(lmod)
    stack = try_stack(venv, lmod, loaded) or try_stack(venv, lmod, former.modules if former else ())
    if stack:
        return stack, name_python_module(stack)
    way = find_python_module(lmod, venv.executable)
    stack = try_stack(venv, lmod, (*way, *loaded)) if way else None
    if stack is None and loaded:
        print_message(
            f"ignoring the loaded modules ({', '.join(loaded)}): they do not match the environment's Python"
        )
    return stack or load_stack(lmod, way), "".join(way[-1:])


def require_stack(request: AdoptRequest, venv: Venv, lmod: Lmod) -> tuple[Stack, str]:
    """Return what `choose_stack` returns, for the modules given with -m and that of the base Python.

    Raises
    ------
    StackenvError
        If they provide another Python.
    """
    stack = load_named(lmod, request.modules)
    if stack.python and stack.python.real == venv.executable:
        return stack, name_python_module(stack)
    way = find_python_module(lmod, venv.executable)
    module = "".join(way[-1:])
    if stack.python:
        whose = f"the Python of {module}" if module else f"{venv.executable}, which belongs to no module"
        raise StackenvError(
            f"{request.prefix} was created with {whose}, but {', '.join(request.modules)} provides "
            "another Python",
            f"name modules that match {module or 'that Python'} with -m, or leave out -m",
        )
    return load_stack(lmod, (*way, *request.modules)), module


def name_python_module(stack: Stack) -> str:
    """Return the module of the stack's Python."""
    assert stack.python is not None
    return stack.python.module or find_module(stack.python.real, stack.loaded, stack.environ)


def describe_found(venv: Venv, probed: ProbedPython, module: str, stack: Stack) -> None:
    """Print what was found."""
    print_message(f"{venv.prefix} is a venv with Python {probed.version} ({venv.executable})")
    if module:
        print_message(
            f"its Python comes from the module {module}; the environment is based on "
            f"{', '.join(stack.modules)}"
        )
    elif venv.is_on_os_python:
        print_warning(
            "its Python is the operating system's, which lacks the optimised packages, and an upgrade of "
            "the system can break the environment. Better create it again: load a Python module, then run "
            "`stackenv create`"
        )
    else:
        print_warning(
            "its Python belongs to no module; the environment stops working if that Python is removed"
        )


def draft_adopted_venv(
    request: AdoptRequest,
    context: Context,
    lmod: Lmod,
    former: Record | None,
    check: Callable[[Path, Stack], None] | None = None,
) -> tuple[Record, Stack]:
    """Return the record of the venv, as far as its files and modules show it, and the modules.

    `check` may raise before its Python is run.
    """
    venv = read_venv(request.prefix)
    stack, module = choose_stack(request, venv, lmod, former)
    if check:
        check(request.prefix, stack)
    probed = probe_venv(venv, stack.environ)
    describe_found(venv, probed, module, stack)
    print_foreign_scripts(request.prefix)
    record = Record(
        name=request.name,
        version=request.version,
        kind="venv",
        path=str(request.prefix),
        python=Python(probed.version, venv.executable, module),
        pinned=stack.pinned(request.allow_shadow, venv.sees_base_packages) if module else (),
        allow_shadow=request.allow_shadow,
        user_site=request.user_site,
        owned=False,
        description=request.description,
        layers=not request.no_pth,
        carry_off=choose_carry_off(not request.carry, context.configuration.personal),
        stubs_off=choose_stubs_off(not request.stubs, context.configuration.personal),
        with_pip=former is not None and former.with_pip,
        **describe_origin(stack, context),
    )
    return with_stubs(record, stack, context.configuration.personal), stack


def draft_adopted_conda(
    request: AdoptRequest, context: Context, lmod: Lmod, former: Record | None
) -> tuple[Record, Stack]:
    """Return the record of the conda environment as far as it is known, and the modules."""
    if not request.carry:
        raise UsageError(
            "--no-carry is only for venvs: the Python of a conda environment needs no modules",
            "leave out --no-carry",
        )
    if not request.stubs:
        raise UsageError(
            "--no-stubs is only for venvs: modules provide no packages to a conda environment",
            "leave out --no-stubs",
        )
    stack = load_conda_stack(request.modules or (former.modules if former else ()), context, lmod)
    record = draft_conda_record(
        request.prefix,
        stack,
        context,
        name=request.name,
        version=request.version,
        user_site=request.user_site,
        owned=False,
        description=request.description,
        layers=not request.no_pth,
    )
    return record, stack


def find_foreign_scripts(prefix: Path) -> tuple[str, ...]:
    """Return the names of the scripts in bin whose interpreter does not exist."""
    found = []
    for script in sorted((prefix / "bin").iterdir()) if (prefix / "bin").is_dir() else ():
        try:
            with open_file(script) as stream:
                first = stream.readline(4096)
        except OSError:
            continue
        # For long and odd paths pip writes `#!/bin/sh` and an exec in the next line: these are not checked.
        words = os.fsdecode(first[2:]).split()
        if first.startswith(b"#!/") and words and not Path(words[0]).exists():
            found.append(script.name)
    return tuple(found)


def print_foreign_scripts(prefix: Path) -> None:
    """Warn if the environment was moved and its programs still refer to the old place."""
    scripts = find_foreign_scripts(prefix)
    if scripts:
        print_warning(
            f"the Python of {format_count(len(scripts), 'program')} in {prefix}/bin "
            f"({', '.join(scripts[:3])}) no longer exists. Was the environment moved? `python -m pip` "
            "still works; for other programs, reinstall their packages"
        )
