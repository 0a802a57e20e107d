"""The plan of `stackenv adopt` for a venv."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from stackenv.apply.venv import environment_of, proof_of, write_files
from stackenv.commands.create_venv import finish
from stackenv.commands.workplace import Workplace, read_command_words
from stackenv.describe.venv import LAYERS, constraints_url, describe_venv_files, is_venv_path
from stackenv.errors import StackenvError, UsageError
from stackenv.facts.lmod import Lmod
from stackenv.facts.platform import probe_platform
from stackenv.facts.stack import Stack, find_module, load_stack
from stackenv.facts.venv import Venv, find_python_module, probe_venv
from stackenv.model import InstalledFile
from stackenv.model.environment import Python, Record
from stackenv.model.plan import Change, Plan, RemoveFile, RemoveTree, Step, WriteFile
from stackenv.model.record import FOLDER
from stackenv.output import tell


@dataclass(frozen=True)
class AdoptRequest:
    """What was typed behind `stackenv adopt`; `prefix` is the environment that it means."""

    prefix: Path
    name: str
    modules: tuple[str, ...] = ()
    version: str = "1.0"
    allow_shadow: tuple[str, ...] = ()
    no_pth: bool = False
    user_site: bool = False
    description: str = ""

    def check_prefix(self) -> None:
        """Raise UsageError or StackenvError when the environment cannot be adopted where it is."""
        if not is_venv_path(str(self.prefix)):
            raise UsageError(f"{str(self.prefix)!r} cannot be on PATH: a colon splits it there", "move it")
        if not os.access(self.prefix, os.W_OK):
            raise StackenvError(
                f"{self.prefix} cannot be written, and its record lies in it; nothing was changed",
                f"ls -ld {self.prefix}; its owner can adopt it for all with --shared",
            )


def choose_stack(request: AdoptRequest, venv: Venv, lmod: Lmod) -> tuple[Stack, str]:
    """Return the stack beneath `venv`, and the module of its Python (empty: the operating system's).

    Raises
    ------
    StackenvError
        When the modules of -m bring another Python than the venv's.
    """
    loaded = tuple(
        m.full_name for m in lmod.read_loaded() if m.asked_for and m.full_name.split("/")[0] != "stackenv"
    )
    for names in filter(None, (request.modules, () if request.modules else loaded)):
        stack = load_stack(lmod, names)
        if stack.python and stack.python.executable == venv.executable:
            return stack, stack.python.module or find_module(venv.executable, stack.loaded, stack.environ)
    module = find_python_module(lmod, venv.executable)
    if not module:
        return load_stack(lmod, request.modules), ""
    stack = load_stack(lmod, (module, *request.modules))
    if not stack.python or stack.python.executable != venv.executable:
        raise StackenvError(
            f"{request.prefix} was made with the Python of {module}, and {', '.join(request.modules)} brings "
            "another",
            f"name modules that go with {module}, with -m; or none",
        )
    if loaded and not request.modules:
        tell(f"the loaded modules ({', '.join(loaded)}) bring another Python: they are left out")
    return stack, module


def describe_found(venv: Venv, module: str, stack: Stack) -> None:
    """Tell what was found."""
    tell(f"{venv.prefix} is a venv with Python {venv.probed.version}, {venv.executable}")
    if module:
        tell(f"that Python is the module {module}'s; it stands on {', '.join(stack.modules)}")
    elif venv.is_on_os_python:
        tell(
            "WARNING: that is the operating system's Python: nothing of the optimised stack is in it, and "
            "an upgrade of the system breaks it. Better make it anew: module load a Python, stackenv create"
        )
    else:
        tell("WARNING: no module leads to that Python; the environment depends on it all the same")


def plan_adopted_venv(request: AdoptRequest, workplace: Workplace) -> tuple[Plan, Record]:
    """Return the plan that gives the venv its module, and its record as far as it is known."""
    request.check_prefix()
    modulefile = workplace.store.require_free(request.name, request.version)
    lmod = Lmod.find(workplace.environ)
    venv = probe_venv(request.prefix, lmod.purged().environ)
    stack, module = choose_stack(request, venv, lmod)
    describe_found(venv, module, stack)
    record = Record(
        name=request.name,
        version=request.version,
        kind="venv",
        path=str(request.prefix),
        module_folder=str(workplace.store.root),
        modules=stack.modules,
        stack=stack.loaded,
        modulepath=stack.modulepath,
        python=Python(venv.probed.version, venv.executable, module),
        platform=probe_platform(),
        pinned=stack.pinned(request.allow_shadow) if module else (),
        allow_shadow=request.allow_shadow,
        user_site=request.user_site,
        owned=False,
        description=request.description,
        made_by=read_command_words(),
    )
    return Plan(record.full_name, adopt_steps(request, record, stack, modulefile), str(modulefile)), record


def keep_users_files(files: tuple[InstalledFile, ...]) -> tuple[InstalledFile, ...]:
    """Return `files` without those that exist and that stackenv did not write; tell of each."""
    from stackenv import STACKENV_UUID

    kept = []
    for file in files:
        path = Path(file.path)
        ours = FOLDER in path.parts[-2:-1] or LAYERS in file.text or LAYERS in path.name
        if path.exists() and not ours and STACKENV_UUID not in path.read_text(errors="replace"):
            tell(f"{path} is your own and stays as it is; the module sets PIP_CONSTRAINT all the same")
        else:
            kept.append(file)
    return tuple(kept)


def undo_of(files: tuple[InstalledFile, ...], proof: str, prefix: str) -> tuple[Change, ...]:
    """Return the changes that bring back what was there before `files` were written."""
    outside = [Path(f.path) for f in files if not f.path.startswith(f"{prefix}/{FOLDER}/")]
    before = [
        WriteFile(str(path), path.read_text(encoding="utf-8")) if path.exists() else RemoveFile(str(path))
        for path in outside
    ]
    return (*before, RemoveTree(f"{prefix}/{FOLDER}", proof))


def adopt_steps(request: AdoptRequest, record: Record, stack: Stack, modulefile: Path) -> tuple[Step, ...]:
    """Return the steps that give the venv of `record` its files, its record and its modulefile."""
    files = keep_users_files(describe_venv_files(record, with_pth=not request.no_pth))
    proof = proof_of(record.path, uuid.uuid4().hex)
    constraint = constraints_url(record.path) if record.pinned else ""
    environ = environment_of(record, stack.environ, constraint)
    listed = ", ".join(os.path.relpath(f.path, record.path) for f in files if f"/{FOLDER}/" not in f.path)

    def write() -> None:
        Path(proof).parent.mkdir(exist_ok=True)
        Path(proof).touch()
        write_files(files)

    return (
        Step(
            f"write into {record.path}: the folder {FOLDER}" + (f", {listed}" if listed else ""),
            write,
            undo_of(files, proof, record.path),
        ),
        Step(
            f"write the modulefile {modulefile}",
            lambda: finish(record, environ, Path(f"{proof}-no-report"), modulefile, Path(proof)),
            (RemoveFile(str(modulefile)),),
        ),
    )
