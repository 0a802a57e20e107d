"""The plan of `stackenv create` for a venv."""

from __future__ import annotations

import re
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from stackenv.environments.context import Context
from stackenv.environments.module_update import keep_users_files
from stackenv.environments.places import check_place, choose_place
from stackenv.environments.platform import probe_platform
from stackenv.environments.stack import (
    Stack,
    list_loaded,
    load_stack,
    require_no_personal,
    require_os_python,
    require_python,
)
from stackenv.environments.store import check_name
from stackenv.environments.venv_install import (
    NO_BUILD_ISOLATION,
    complete_record,
    environment_of,
    install_packages,
    making_steps,
    proof_of,
    read_report,
)
from stackenv.environments.venv_module import describe_venv_files, describe_venv_module
from stackenv.errors import StackenvError, UsageError, quote_word
from stackenv.lmod.bindings import Lmod
from stackenv.modulefile.text import render_module
from stackenv.output import tell
from stackenv.record import RECORD_FILE, Python, Record, read_command_words, write_record_text
from stackenv.transactions.files import write_file, write_new_file
from stackenv.transactions.plan import Plan, RemoveFile, Step

BUILD_TOOLS = ("setuptools", "wheel")


@dataclass(frozen=True)
class CreateRequest:
    """What was typed behind `stackenv create`."""

    name: str
    packages: tuple[str, ...] = ()
    requirements: tuple[Path, ...] = ()
    modules: tuple[str, ...] = ()
    python_version: str = ""
    path: Path | None = None
    version: str = "1.0"
    conda: bool = False
    channels: tuple[str, ...] = ()
    allow_shadow: tuple[str, ...] = ()
    system_site_packages: bool = True
    user_site: bool = False
    no_build_isolation: bool = False
    os_python: bool = False
    description: str = ""
    shared: Path | None = None
    from_file: Path | None = None

    def check(self) -> None:
        """Raise UsageError for what cannot be meant."""
        check_name(self.name)
        check_name(self.version, "version")
        for file in self.requirements:
            if not file.is_file():
                raise UsageError(f"the requirements file {file} does not exist", f"ls -l {quote_word(file)}")
        if self.from_file:
            self._check_from()
            return
        if self.conda:
            self._check_conda()
            return
        if self.channels:
            raise UsageError("--channel is conda's: a venv has none", "add --conda")
        if self.user_site and not self.system_site_packages:
            raise UsageError(
                "--user-site goes with --system-site-packages only: without, Python leaves ~/.local out",
                "leave out one of --user-site and --no-system-site-packages",
            )
        for package in self.packages:
            check_package(package)

    def _check_from(self) -> None:
        """Raise UsageError for what the file of --from says already."""
        given = {
            "PACKAGES": self.packages,
            "--requirements": self.requirements,
            "--conda": self.conda,
            "--python": self.python_version,
            "--os-python": self.os_python,
            "--no-build-isolation": self.no_build_isolation,
            "--no-system-site-packages": not self.system_site_packages,
        }
        for option, value in given.items():
            if value:
                raise UsageError(
                    f"{option} goes without --from: the file says what there is to be",
                    "install more afterwards: ml NAME; pip install PACKAGE; in a conda environment: ml NAME; "
                    "conda install PACKAGE",
                )

    def _check_conda(self) -> None:
        """Raise UsageError for an option that is of no use to a conda environment."""
        given = {
            "--allow-shadow": self.allow_shadow,
            "--no-build-isolation": self.no_build_isolation,
            "--os-python": self.os_python,
            "--no-system-site-packages": not self.system_site_packages,
        }
        for option, value in given.items():
            if value:
                raise UsageError(
                    f"{option} is a venv's: a conda environment has its own Python and packages",
                    f"leave out --conda or {option}",
                )

    def pip_calls(self) -> tuple[tuple[str, ...], ...]:
        """Return what pip is to install, as it wants it, one call after the other.

        A build that is not isolated sees what was installed before it: what nearly all builds need,
        then the packages as they were named. What it makes fits this stack, and must not be cached.
        """
        files = [("-r", str(file.absolute())) for file in self.requirements]
        if not files and not self.packages:
            return ()
        if not self.no_build_isolation:
            return (tuple(word for words in (*files, self.packages) for word in words),)
        each = (*((package,) for package in self.packages), *files)
        return (BUILD_TOOLS, *((NO_BUILD_ISOLATION, "--no-cache-dir", *words) for words in each))


def check_package(text: str) -> None:
    """Raise UsageError when `text` is no requirement, URL or path that pip could install."""
    if text.startswith("-"):
        raise UsageError(
            f"{text!r} is an option, and no package", "options of pip go into a file: --requirements FILE"
        )
    # As pip has it, extras of a folder stand behind it in brackets.
    try:
        if "://" in text or Path(re.sub(r"\[[^][]*\]$", "", text)).exists():
            return
    except OSError:
        # Too long for a file's name, or behind a folder that cannot be read: then no path is meant.
        pass
    try:
        Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(f"{text!r} is no package that pip could install: {error}") from error


def choose_stack(request: CreateRequest, lmod: Lmod) -> Stack:
    """Return the stack of the modules that are named, or else loaded now."""
    return require_no_personal(load_stack(lmod, request.modules or list_loaded(lmod)))


def choose_python(request: CreateRequest, stack: Stack, lmod: Lmod) -> Python:
    """Return the Python to build on; raise StackenvError with the hint when there is none that fits."""
    wanted = request.python_version
    if request.os_python:
        if stack.python:
            raise StackenvError(
                f"--os-python, and {', '.join(stack.modules)} brings Python {stack.python.version}: packages "
                "for the one break the other",
                "leave --os-python out, or: module purge, and the same again",
            )
        python = require_os_python(stack)
        tell(f"{python.executable} is the operating system's Python {python.version}: no optimised stack")
    elif wanted and (not stack.python or not fits(stack.python.version, wanted)):
        offered = [
            name
            for name in lmod.available("Python")
            if name.startswith("Python/") and fits(name.split("/")[1], wanted)
        ]
        have = f"the modules bring Python {stack.python.version}" if stack.python else "no Python is loaded"
        raise StackenvError(
            f"Python {wanted} is asked for, and {have}",
            f"modules that match: {', '.join(offered)}; type: module load {offered[-1]}"
            if offered
            else f"no Python module matches; conda has others: stackenv create {request.name} --conda "
            f"python={wanted}",
        )
    else:
        python = require_python(stack, lmod)
    if not fits(python.version, wanted):
        raise StackenvError(
            f"Python {wanted} is asked for, and {python.executable} is {python.version}",
            "leave out --python or --os-python",
        )
    if not stack.can_make_venv and not request.os_python:
        raise StackenvError(
            f"{python.executable} has no venv with pip (the standard modules venv and ensurepip)",
            "load another Python module",
        )
    return python


def fits(version: str, wanted: str) -> bool:
    """Tell whether `version` begins with the numbers of `wanted`."""
    return not wanted or f"{version}.".replace("-", ".").startswith(f"{wanted}.")


def draft_record(request: CreateRequest, context: Context, stack: Stack, python: Python) -> Record:
    """Return the record of the environment as far as it is known before it is made."""
    path = request.path or check_place(choose_place(request.name, request.version, context), context)
    return Record(
        name=request.name,
        version=request.version,
        kind="venv",
        path=str(path),
        module_folder=str(context.store.root),
        modules=stack.modules,
        stack=stack.loaded,
        modulepath=stack.modulepath,
        python=python,
        platform=probe_platform(),
        pinned=stack.pinned(request.allow_shadow, request.system_site_packages),
        allow_shadow=request.allow_shadow,
        user_site=request.user_site,
        description=request.description,
        made_by=read_command_words(),
    )


def plan_venv(request: CreateRequest, context: Context) -> tuple[Plan, Record]:
    """Return the plan that makes the environment, and its record as far as it is known."""
    lmod = Lmod.find(context.environ)
    modulefile = context.store.require_free(request.name, request.version)
    stack = choose_stack(request, lmod)
    python = choose_python(request, stack, lmod)
    record = draft_record(request, context, stack, python)
    return Plan(record.full_name, venv_steps(request, record, stack, modulefile), str(modulefile)), record


def venv_steps(request: CreateRequest, record: Record, stack: Stack, modulefile: Path) -> tuple[Step, ...]:
    """Return the steps that make the venv of `record` and its modulefile."""
    proof = proof_of(record.path, uuid.uuid4().hex)
    environ = environment_of(record, stack.environ)
    calls = request.pip_calls()
    report = Path(tempfile.gettempdir(), f"stackenv-report-{uuid.uuid4().hex}.json")

    def install_all() -> None:
        install_packages(record, calls, environ, report)
        # A package may have put its own in the place of one of ours, as uv does.
        keep_users_files(describe_venv_files(record), record.path)

    install = Step(
        f"install with pip: {'; '.join(' '.join(words) for words in calls)}",
        install_all,
        (RemoveFile(str(report)),),
    )
    return (
        *making_steps(record, stack, proof, request.system_site_packages),
        *([install] if calls else []),
        Step(
            f"write the modulefile {modulefile}",
            lambda: finish(record, environ, report, modulefile, Path(proof)),
            (RemoveFile(str(modulefile)),),
        ),
    )


def finish(record: Record, environ: dict[str, str], report: Path, modulefile: Path, proof: Path) -> None:
    """Write the record, then the modulefile, by which the environment is complete."""
    complete = complete_record(record, environ, read_report(report))
    write_file(Path(record.path, RECORD_FILE), write_record_text(complete))
    write_new_file(modulefile, render_module(describe_venv_module(complete)))
    proof.unlink(missing_ok=True)
    report.unlink(missing_ok=True)
