"""The plans that give a conda environment, old or new, its module."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from stackenv.conda.activation.capture import capture_activation
from stackenv.conda.activation.scripts import hash_activation
from stackenv.conda.environments import list_environment_folders, read_packages
from stackenv.environments.conda_environment_module import (
    describe_conda_environment_files,
    describe_conda_environment_module,
    list_untold,
)
from stackenv.environments.context import Context
from stackenv.environments.module_update import keep_users_files
from stackenv.environments.own_packages import count_by_installer, read_own_packages
from stackenv.environments.platform import probe_platform
from stackenv.environments.stack import Stack, load_stack, require_no_personal
from stackenv.environments.venv_install import proof_of, write_files
from stackenv.errors import ModuleError, StackenvError
from stackenv.lifecycle.adoption import AdoptRequest, take_modulefile, tell_foreign_scripts, undo_files
from stackenv.lmod.bindings import Lmod
from stackenv.modulefile.text import render_module
from stackenv.output import tell
from stackenv.record import FOLDER, RECORD_FILE, Python, Record, read_command_words, write_record_text
from stackenv.transactions.files import write_file, write_new_file
from stackenv.transactions.plan import Plan, RemoveFile, Step


def choose_conda_module(names: Sequence[str], modules: Sequence[str], lmod: Lmod) -> str:
    """Return the module of conda: of `modules`, else loaded, else one that is available; empty: none.

    Without a version it is the one that Lmod takes for the default. `names` are the distributions of
    the site configuration, the preferred first.
    """
    loaded = [module.full_name for module in lmod.read_loaded()]
    for module in (*modules, *loaded):
        if module.split("/")[0] in names:
            return module
    for name in names:
        if any(module.startswith(f"{name}/") for module in lmod.available(name)):
            return name
    return ""


def load_conda_stack(modules: Sequence[str], context: Context, lmod: Lmod) -> Stack:
    """Return the stack of conda's module and `modules`; without a conda module that of `modules`."""
    conda = choose_conda_module(context.configuration.conda.names, modules, lmod)
    others = [name for name in modules if name.split("/")[0] != conda.split("/")[0]]
    try:
        stack = load_stack(lmod, [*([conda] if conda else []), *others], with_python=False)
        return require_no_personal(stack)
    except ModuleError as error:
        if modules:
            raise
        tell(f"the module {conda} cannot be loaded; the environment's module does without: {error.message}")
        return load_stack(lmod, (), with_python=False)


def name_environment(prefix: Path, context: Context) -> str:
    """Return what conda calls the environment: its name below an environments folder, else its path."""
    folders = list_environment_folders(context.environ, context.configuration.conda)
    return prefix.name if any(f.is_dir() and f.samefile(prefix.parent) for f in folders) else str(prefix)


def find_python(prefix: Path) -> Python | None:
    """Return the Python of the conda environment at `prefix`, by conda-meta; None without one."""
    for package in read_packages(prefix):
        if package.name == "python":
            return Python(package.version, str(prefix / "bin/python"))
    return None


def draft_conda_record(request: AdoptRequest, context: Context, stack: Stack, owned: bool) -> Record:
    """Return the record of the conda environment as far as it is known before it is captured."""
    return Record(
        name=request.name,
        version=request.version,
        kind="conda",
        path=str(request.prefix),
        module_folder=str(context.store.root),
        modules=stack.modules,
        stack=stack.loaded,
        modulepath=stack.modulepath,
        python=find_python(request.prefix),
        platform=probe_platform(),
        user_site=request.user_site or context.configuration.conda.user_site == "show",
        sees_modules="" if context.configuration.conda.hide_modules else "site",
        module_roots=context.configuration.conda.module_roots,
        owned=owned,
        description=request.description,
        layers=not request.no_pth,
        made_by=read_command_words(),
    )


def plan_adopted_conda(request: AdoptRequest, context: Context, former: Record | None) -> tuple[Plan, Record]:
    """Return the plan that gives the conda environment its module, and its record as far as known."""
    request.check_prefix()
    modulefile, before = take_modulefile(request, context)
    lmod = Lmod.find(context.environ)
    modules = request.modules or (former.modules if former else ())
    stack = load_conda_stack(modules, context, lmod)
    tell_of_python_modules(lmod, context)
    record = draft_conda_record(request, context, stack, owned=False)
    tell(f"{request.prefix} is a conda environment of {count_by_installer(read_own_packages(record))}")
    tell_foreign_scripts(request.prefix)
    proof = proof_of(record.path, uuid.uuid4().hex)
    steps = (*before, *conda_module_steps(record, context, modulefile, proof))
    return Plan(record.full_name, steps, str(modulefile)), record


def tell_of_python_modules(lmod: Lmod, context: Context) -> None:
    """Say that a loaded Python module is none of a conda environment's business."""
    python = [m.full_name for m in lmod.read_loaded() if m.full_name.startswith("Python/")]
    if python:
        tell(f"{python[0]} is loaded; a conda environment has its own Python and does not stand on it")


def conda_module_steps(record: Record, context: Context, modulefile: Path, proof: str) -> tuple[Step, ...]:
    """Return the steps from a conda environment that is there to its modulefile."""
    captured: list[Record] = []
    return (
        *capture_steps(record, context, proof, captured),
        Step(
            f"write the modulefile {modulefile}",
            lambda: finish_conda(captured[0], modulefile, Path(proof)),
            (RemoveFile(str(modulefile)),),
        ),
    )


def capture_steps(record: Record, context: Context, proof: str, captured: list[Record]) -> tuple[Step, ...]:
    """Return the steps that write stackenv's files, and put the complete record into `captured`."""
    files = keep_users_files(describe_conda_environment_files(record), record.path)

    listed = "".join(
        f", {Path(file.path).name}" for file in files if f"/{FOLDER}/" not in file.path[len(record.path) :]
    )

    def prepare() -> None:
        Path(proof).parent.mkdir(exist_ok=True)
        Path(proof).touch()
        # Which Python a new environment has is known only when conda has made it.
        made = replace(record, python=find_python(Path(record.path)))
        described = describe_conda_environment_files(made)
        write_files(files if made == record else keep_users_files(described, record.path))

    return (
        Step(
            f"write into {record.path}: the folder {FOLDER}{listed}",
            prepare,
            # What stackenv made goes as a whole, by the undo of the step that made it.
            () if record.owned else undo_files((file.path for file in files), record.path, proof),
        ),
        Step(
            "capture what its activation does",
            lambda: captured.append(capture_record(record, context)),
        ),
    )


def capture_record(record: Record, context: Context) -> Record:
    """Return `record` with its packages, and what the activation does; tell what no module can do."""
    prefix = Path(record.path)
    captured = capture_activation(prefix)
    for finding in captured.findings:
        tell(f"activation: {finding.kind}: {finding.subject}: {finding.detail}")
    for name in list_untold(asdict(captured)):
        tell(f"activation: {name}: its value has several lines, and no module can set that; it is left out")
    activation = {
        **asdict(captured),
        "environment_name": name_environment(prefix, context),
        "scripts_sha256": hash_activation(prefix),
    }
    packages = read_own_packages(record)
    return replace(record, python=find_python(prefix), packages=packages, activation=activation)


def finish_conda(record: Record, modulefile: Path, proof: Path) -> None:
    """Write the record, then the modulefile, by which the environment is complete."""
    write_file(Path(record.path, RECORD_FILE), write_record_text(record))
    write_new_file(modulefile, render_module(describe_conda_environment_module(record)))
    proof.unlink(missing_ok=True)


def find_conda(stack: Stack) -> str:
    """Return the program conda of the stack's module.

    Raises
    ------
    StackenvError
        When no module brings one.
    """
    conda = stack.environ.get("CONDA_EXE", "")
    if conda and Path(conda).is_file():
        return conda
    raise StackenvError(
        "there is no conda: no module of the site's conda distributions was found",
        "module spider Anaconda3; or name the module: -m MODULE",
    )
