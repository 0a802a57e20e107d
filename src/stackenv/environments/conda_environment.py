"""Create a conda environment: find the conda module, run conda, and capture the activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from stackenv.conda.command import describe_command
from stackenv.conda.packages import read_packages
from stackenv.conda.storage import list_environment_folders
from stackenv.environments.context import Context
from stackenv.environments.installer import run_installer
from stackenv.environments.module import list_multiline_variables
from stackenv.environments.own_packages import read_own_packages
from stackenv.environments.stack import Stack, describe_origin, load_stack, require_no_personal
from stackenv.errors import InstallError, ModuleError, StackenvError
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.module_files import list_modulefiles
from stackenv.lmod.versions import software_of
from stackenv.output import print_message
from stackenv.record import Python, Record


def choose_conda_module(names: Sequence[str], modules: Sequence[str], lmod: Lmod) -> str:
    """Return the conda module: one of `modules`, else a loaded one, else an available one; empty if none.

    A name without a version means Lmod's default. `names` are the distributions in the site configuration,
    in order of preference.
    """
    loaded = [module.full_name for module in lmod.read_loaded()]
    for module in (*modules, *loaded):
        if software_of(module) in names:
            return module
    folders = lmod.environ.get("MODULEPATH", "").split(":")
    present = [name for name in names if list_modulefiles(name, folders)]
    # A site may hide one that should no longer be used, and only Lmod knows that.
    offered = {software_of(module) for module in (lmod.available(*present) if present else ())}
    return next((name for name in present if name in offered), "")


def load_conda_stack(modules: Sequence[str], context: Context, lmod: Lmod) -> Stack:
    """Return the stack of the conda module and `modules`; without a conda module, of `modules` only."""
    conda = choose_conda_module(context.configuration.conda.names, modules, lmod)
    others = [name for name in modules if software_of(name) != software_of(conda)]
    try:
        stack = load_stack(lmod, [*([conda] if conda else []), *others], with_python=False)
        return require_no_personal(stack)
    except ModuleError as error:
        if modules:
            raise
        print_message(
            f"the module {conda} cannot be loaded, so the environment's module does not load it "
            f"either: {error.message}"
        )
        return load_stack(lmod, (), with_python=False)


def find_conda(stack: Stack) -> str:
    """Return the path of the program `conda` of the stack.

    Raises
    ------
    StackenvError
        If no module provides one.
    """
    conda = stack.environ.get("CONDA_EXE", "")
    if conda and Path(conda).is_file():
        return conda
    raise StackenvError(
        "conda was not found: no module of the site's conda distributions is available",
        "to find one: module spider Anaconda3; or name the module: -m MODULE",
    )


def print_unused_python_modules(lmod: Lmod) -> None:
    """Print a message if a Python module is loaded, which a conda environment does not use."""
    python = [m.full_name for m in lmod.read_loaded() if m.full_name.startswith("Python/")]
    if python:
        print_message(f"{python[0]} is loaded; a conda environment has its own Python and does not use it")


def describe_conda_call(
    verb: str, record: Record, context: Context, channels: Sequence[str], packages: Sequence[str]
) -> list[str]:
    """Return the arguments of conda to create the environment of `record`, or to install into it."""
    # A hard link into the user's own package cache would keep the group and mode of that file.
    copy = ["--copy"] if context.shared else []
    named = [word for channel in channels for word in ("--channel", channel)]
    return [verb, "--yes", "--prefix", record.path, *copy, *named, *packages]


def install_with_conda(conda: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run conda.

    Raises
    ------
    InstallError
        If it fails.
    """
    status, _ = run_installer(describe_command(conda, *arguments), environ)
    if status:
        raise InstallError(
            f"conda could not create the environment (exit status {status})",
            "fix the cause and run the same command again; this attempt left nothing behind",
            is_output_above=True,
        )


def find_python(prefix: Path) -> Python | None:
    """Return the Python of the conda environment at `prefix`, by conda-meta; None without one."""
    for package in read_packages(prefix):
        if package.name == "python":
            return Python(package.version, str(prefix / "bin/python"))
    return None


def draft_conda_record(prefix: Path, stack: Stack, context: Context, **chosen: Any) -> Record:
    """Return the record of the conda environment at `prefix`, as far as known before the capture.

    Parameters
    ----------
    **chosen
        Fields of the record that the user has chosen: `name` and `version` at least.
    """
    settings = context.configuration.conda
    record = Record(
        kind="conda",
        path=str(prefix),
        python=find_python(prefix),
        sees_modules="" if settings.hide_modules else "site",
        module_roots=settings.module_roots,
        **describe_origin(stack, context),
        **chosen,
    )
    return replace(record, user_site=record.user_site or settings.user_site == "show")


def name_environment(prefix: Path, context: Context) -> str:
    """Return conda's name for the environment: the folder's name in an environments folder, else the path."""
    folders = list_environment_folders(context.environ, context.configuration)
    return prefix.name if any(f.is_dir() and f.samefile(prefix.parent) for f in folders) else str(prefix)


def capture_record(record: Record, context: Context) -> Record:
    """Return `record` with its packages and its activation; print what a module cannot do."""
    # A twelfth of the imports of `create`, which venvs do not need.
    from stackenv.conda.activation.capture import capture_activation

    prefix = Path(record.path)
    captured = capture_activation(prefix)
    for finding in captured.findings:
        print_message(f"activation: {finding.kind}: {finding.subject}: {finding.detail}")
    for name in list_multiline_variables(asdict(captured)):
        print_message(f"activation: {name}: skipped, because a module cannot set a value of several lines")
    activation = {**asdict(captured), "environment_name": name_environment(prefix, context)}
    packages = read_own_packages(record)
    return replace(record, python=find_python(prefix), packages=packages, activation=activation)
