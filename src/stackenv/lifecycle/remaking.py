"""An environment that is created again: on which modules, and with the packages that it had."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stackenv.conda.packages import read_packages
from stackenv.environments.carried import choose_carry_off
from stackenv.environments.conda_environment import (
    describe_conda_call,
    draft_conda_record,
    find_conda,
    find_python,
    load_conda_stack,
)
from stackenv.environments.conda_environment import install_with_conda as run_conda
from stackenv.environments.context import Context
from stackenv.environments.own_packages import read_site_packages
from stackenv.environments.stack import (
    Stack,
    describe_origin,
    load_named,
    require_module_names,
    require_python,
    with_os_python,
)
from stackenv.environments.stubs import with_stubs
from stackenv.environments.venv import read_configuration
from stackenv.errors import StackenvError
from stackenv.lifecycle.conda_calls import choose_channels
from stackenv.lifecycle.making import Making
from stackenv.lifecycle.requirements import (
    Contents,
    InstallReport,
    PackageRequirement,
    ask_unavailable,
    install_with_conda,
    install_with_pip,
    split_off_stack,
)
from stackenv.lmod.bindings import Lmod
from stackenv.output import format_count
from stackenv.record import Package, Record
from stackenv.transactions.transaction import Step


@dataclass
class Remaking:
    """One environment that is created again.

    Parameters
    ----------
    making
        The new environment.
    old
        The record of the old one.
    contents
        The packages that it is to have.
    report
        What became of the packages.
    isolated
        Whether builds from source see only the packages that they request.
    """

    making: Making
    old: Record
    contents: Contents
    report: InstallReport = field(default_factory=InstallReport)
    isolated: bool = True
    wanted: Sequence[PackageRequirement] = field(init=False)

    def __post_init__(self) -> None:
        # Packages that the modules provide are not installed.
        self.wanted = self.contents.pip
        if self.making.record.kind == "venv":
            self.wanted = split_off_stack(self.contents.pip, self.making.record.pinned, self.report)

    def plan_environment(self) -> tuple[Step, ...]:
        """Return the steps that create the environment with its packages, and write the record."""
        possible = " ".join(wanted.name for wanted in self.wanted if not wanted.why)
        doing = f"Installing {format_count(len(self.wanted), 'package')}"
        by_pip = Step(f"install with pip: {possible}", self._install_with_pip, doing=doing)
        installs = [by_pip] if self.wanted else []
        if self.making.record.kind == "conda":
            names = " ".join(wanted.name for wanted in self.contents.conda) or "nothing"
            doing = f"Installing {format_count(len(self.contents.conda), 'conda package')}"
            installs = [
                Step(f"install with conda: {names}", self._install_with_conda, doing=doing),
                *installs,
            ]
        record = Step(f"write the record in {self.making.record.path}", self._complete)
        return (*self.making.plan_environment(installs), record)

    def _complete(self) -> None:
        self.making.complete()
        if self.making.record.kind == "venv":
            self.report.settle(self.wanted, self.making.record.packages, self.making.stack)

    def _install_with_pip(self) -> None:
        making = self.making
        if making.record.kind == "conda":
            self._install_beside_conda()
            return
        install_with_pip(
            making.record, self.wanted, making.environ, making.reports, self.report, self.isolated
        )
        making.print_replaced_files()

    def _install_with_conda(self) -> None:
        record, environ = self.making.record, self.making.stack.environ
        conda = find_conda(self.making.stack)
        channels = choose_channels(self.contents.channels)

        def describe(verb: str, *packages: str) -> list[str]:
            return describe_conda_call(verb, record, self.making.context, channels, packages)

        def call(verb: str, *packages: str) -> None:
            # A second `create` would delete the folder, including the mark of an unfinished environment.
            begun = Path(record.path, "conda-meta/history").exists()
            run_conda(conda, describe("install" if begun else verb, *packages), environ)

        def find_unavailable(*packages: str) -> set[str] | None:
            return ask_unavailable(conda, describe("create", *packages), environ)

        install_with_conda(call, find_unavailable, self.contents.conda, self.report)
        self.report.settle(self.contents.conda, read_packages(Path(record.path)))

    def _install_beside_conda(self) -> None:
        """Install the packages that pip had installed in the conda environment."""
        making, report, wanted = self.making, self.report, self.wanted
        prefix = Path(making.record.path)
        python = find_python(prefix)
        if python is None:
            for package in wanted:
                report.note_missing(package, "the new environment has no Python")
            return
        subject = replace(making.record, kind="venv", python=python, pinned=())
        environ = describe_inside(making.record, making.stack.environ)
        install_with_pip(subject, wanted, environ, making.reports, report, self.isolated)
        now = [Package(d.metadata["Name"], d.version) for d in read_site_packages(prefix)]
        report.settle(wanted, now)


def describe_inside(record: Record, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` as activated, for the pip of the conda environment of `record`."""
    outside = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    inside = {name: value for name, value in environ.items() if name not in outside}
    inside.update(
        PATH=f"{record.path}/bin:{environ.get('PATH', '/usr/bin:/bin')}",
        CONDA_PREFIX=record.path,
        # A guard against installs into the OS Python does not recognise a conda environment.
        PIP_REQUIRE_VIRTUALENV="0",
    )
    # Otherwise packages in ~/.local would count as installed.
    return inside if record.user_site else {**inside, "PYTHONNOUSERSITE": "1"}


def load_modules(old: Record, modules: tuple[str, ...], context: Context) -> Stack:
    """Return the stack of `modules`, from the user's own MODULEPATH: others may have written the record.

    Raises
    ------
    ModuleError
        If one cannot be loaded.
    StackenvError
        If one is not a module name, or the modules provide no Python for a venv.
    """
    require_module_names(
        modules, "to find the names: module spider; then run the same command with: --module NAME/VERSION"
    )
    lmod = Lmod.find(context.environ)
    if old.kind == "conda":
        return load_conda_stack(modules, context, lmod)
    stack = load_named(lmod, modules)
    if stack.python is None and old.python is not None and not old.python.module:
        return with_os_python(stack)
    require_python(stack, lmod)
    return stack


def draft_remade(old: Record, path: Path, stack: Stack, context: Context) -> Record:
    """Return the record of the environment that replaces that of `old`, as far as it is known before."""
    if old.kind == "conda":
        chosen = {"name": old.name, "version": old.version, "description": old.description}
        drafted = draft_conda_record(path, stack, context, **chosen)
        return replace(drafted, user_site=old.user_site, muted=old.muted)
    remade = replace(
        old,
        path=str(path),
        python=stack.python,
        packages=(),
        pinned=stack.pinned(old.allow_shadow, sees_base(old)),
        cpu_features=(),
        owned=True,
        packed=None,
        replaces="",
        replaced_by="",
        # For other modules, or at another site, this is determined when everything is installed.
        carried=None,
        carry_off=choose_carry_off(old.carry_off == "user", context.configuration.personal),
        **describe_origin(stack, context),
    )
    return with_stubs(remade, stack, context.configuration.personal)


def sees_base(record: Record) -> bool:
    """Return whether the venv of `record` was created with --system-site-packages; True if unknown."""
    try:
        found = read_configuration(Path(record.path, "pyvenv.cfg"))
    except (OSError, ValueError):
        return True
    return found.get("include-system-site-packages", "true").lower() == "true"


def advise(command: str, modules: tuple[str, ...], context: Context) -> str:
    """Return what to type instead of `command` if `modules` cannot be loaded."""
    try:
        instead = Lmod.find(context.environ).replace_missing(modules)
    except StackenvError:
        instead = []
    words = " ".join(f"-m {shlex.quote(m)}" for m in instead) or "-m MODULE"
    return f"{command} {words}; to list the versions of a module: module spider MODULE"
