"""The plan of `stackenv adopt` for a venv."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from stackenv.environments.constraints import CONSTRAINTS_FILE
from stackenv.environments.context import Context
from stackenv.environments.managed_files import keep_edited
from stackenv.environments.module_update import keep_users_files
from stackenv.environments.platform import probe_platform
from stackenv.environments.python import ProbedPython
from stackenv.environments.stack import Stack, find_module, list_loaded, load_stack, require_no_personal
from stackenv.environments.venv import Venv, find_python_module, probe_venv, read_venv
from stackenv.environments.venv_install import environment_of, proof_of, write_files
from stackenv.environments.venv_module import describe_venv_files
from stackenv.errors import ModuleError, StackenvError, UsageError
from stackenv.lifecycle.adoption import AdoptRequest, take_modulefile, tell_foreign_scripts, undo_files
from stackenv.lifecycle.create import finish
from stackenv.lmod.bindings import Lmod
from stackenv.modulefile import InstalledFile
from stackenv.output import tell
from stackenv.record import FOLDER, Python, Record, read_command_words
from stackenv.transactions.changes import carry_out_change
from stackenv.transactions.plan import Plan, RemoveFile, Step


def load_gladly(venv: Venv, lmod: Lmod, names: Sequence[str]) -> Stack | None:
    """Return the stack of `names` if they can be loaded and bring the Python beneath `venv`, else None."""
    try:
        stack = require_no_personal(load_stack(lmod, names)) if names else None
    except (ModuleError, UsageError):
        return None
    return stack if stack and stack.python and stack.python.executable == venv.executable else None


def choose_stack(request: AdoptRequest, venv: Venv, lmod: Lmod, former: Record | None) -> tuple[Stack, str]:
    """Return the stack beneath `venv`, and the module of its Python (empty: no module's).

    It stands on the modules of -m, or on those that are loaded or were recorded, where they go with
    its Python.

    Raises
    ------
    StackenvError
        When the modules of -m do not.
    """
    if request.modules:
        return require_stack(request, venv, lmod)
    loaded = list_loaded(lmod)
    stack = load_gladly(venv, lmod, loaded) or load_gladly(venv, lmod, former.modules if former else ())
    if stack:
        return stack, name_python_module(stack)
    module = find_python_module(lmod, venv.executable)
    stack = load_gladly(venv, lmod, (module, *loaded)) if module else None
    if stack is None and loaded:
        tell(f"the loaded modules ({', '.join(loaded)}) do not go with its Python: they are left out")
    return stack or load_stack(lmod, (module,) if module else ()), module


def require_stack(request: AdoptRequest, venv: Venv, lmod: Lmod) -> tuple[Stack, str]:
    """Return as `choose_stack` the stack of the modules of -m, and of the module of the Python beneath.

    Raises
    ------
    StackenvError
        When they bring another Python.
    """
    stack = require_no_personal(load_stack(lmod, request.modules))
    if stack.python and stack.python.executable == venv.executable:
        return stack, name_python_module(stack)
    module = find_python_module(lmod, venv.executable)
    if stack.python:
        whose = f"the Python of {module}" if module else f"{venv.executable}, which is no module's"
        raise StackenvError(
            f"{request.prefix} was made with {whose}, and {', '.join(request.modules)} brings another",
            f"name modules that go with {module or 'it'}, with -m; or none",
        )
    return load_stack(lmod, (*([module] if module else []), *request.modules)), module


def name_python_module(stack: Stack) -> str:
    """Return the module of the stack's Python."""
    assert stack.python is not None
    return stack.python.module or find_module(stack.python.executable, stack.loaded, stack.environ)


def describe_found(venv: Venv, probed: ProbedPython, module: str, stack: Stack) -> None:
    """Tell what was found."""
    tell(f"{venv.prefix} is a venv with Python {probed.version}, {venv.executable}")
    if module:
        tell(f"that Python is the module {module}'s; it stands on {', '.join(stack.modules)}")
    elif venv.is_on_os_python:
        tell(
            "WARNING: that is the operating system's Python: nothing of the optimised stack is in it, and "
            "an upgrade of the system breaks it. Better make it anew: module load a Python, stackenv create"
        )
    else:
        tell("WARNING: no module leads to that Python; the environment depends on it all the same")


def plan_adopted_venv(request: AdoptRequest, context: Context, former: Record | None) -> tuple[Plan, Record]:
    """Return the plan that gives the venv its module, and its record as far as it is known."""
    request.check_prefix()
    modulefile, before = take_modulefile(request, context)
    record, stack = draft_adopted_venv(request, context, Lmod.find(context.environ), former)
    steps = (*before, *adopt_steps(request, record, stack, modulefile))
    return Plan(record.full_name, steps, str(modulefile)), record


def draft_adopted_venv(
    request: AdoptRequest,
    context: Context,
    lmod: Lmod,
    former: Record | None,
    check: Callable[[Path, Stack], None] | None = None,
) -> tuple[Record, Stack]:
    """Return the record of the venv as far as its files and its modules tell it, and the modules.

    Before its Python is run `check` may refuse that.
    """
    venv = read_venv(request.prefix)
    stack, module = choose_stack(request, venv, lmod, former)
    if check:
        check(request.prefix, stack)
    probed = probe_venv(venv, stack.environ)
    describe_found(venv, probed, module, stack)
    tell_foreign_scripts(request.prefix)
    record = Record(
        name=request.name,
        version=request.version,
        kind="venv",
        path=str(request.prefix),
        module_folder=str(context.store.root),
        modules=stack.modules,
        stack=stack.loaded,
        modulepath=stack.modulepath,
        python=Python(probed.version, venv.executable, module),
        platform=probe_platform(),
        pinned=stack.pinned(request.allow_shadow, venv.sees_base_packages) if module else (),
        allow_shadow=request.allow_shadow,
        user_site=request.user_site,
        owned=False,
        description=request.description,
        made_by=read_command_words(),
        layers=not request.no_pth,
    )
    return record, stack


def choose_files(request: AdoptRequest, record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that the venv of `record` gets; tell of those of the user's own, and what it means."""
    described = describe_venv_files(record)
    files = keep_users_files(described, record.path)
    if request.no_pth and not any(Path(file.path).name == "pip.conf" for file in files):
        tell(
            "WARNING: nothing keeps pip from replacing what the modules bring: with --no-pth only a pip.conf "
            f"of stackenv's does. Leave --no-pth out, or add there: [install] constraint = "
            f"{record.path}/{CONSTRAINTS_FILE}"
        )
    return files


def adopt_steps(request: AdoptRequest, record: Record, stack: Stack, modulefile: Path) -> tuple[Step, ...]:
    """Return the steps that give the venv of `record` its files, its record and its modulefile."""
    files = choose_files(request, record)
    told, kept = keep_edited(files, record.path)
    for sentence in told:
        tell(sentence)
    proof = proof_of(record.path, uuid.uuid4().hex)
    # What is undone must leave no compiled files behind either.
    environ = {**environment_of(record, stack.environ), "PYTHONDONTWRITEBYTECODE": "1"}
    listed = ", ".join(os.path.relpath(f.path, record.path) for f in files if f"/{FOLDER}/" not in f.path)

    def write() -> None:
        Path(proof).parent.mkdir(exist_ok=True)
        Path(proof).touch()
        for change in kept:
            carry_out_change(change)
        write_files(files)

    return (
        Step(
            f"write into {record.path}: the folder {FOLDER}" + (f", {listed}" if listed else ""),
            write,
            undo_files((*(file.path for file in files), *(c.path for c in kept)), record.path, proof),
        ),
        Step(
            f"write the modulefile {modulefile}",
            lambda: finish(record, environ, Path(f"{proof}-no-report"), modulefile, Path(proof)),
            (RemoveFile(str(modulefile)),),
        ),
    )
