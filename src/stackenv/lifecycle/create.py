"""`stackenv create`: create an environment on the modules, and its personal module."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stackenv.environments.carried import choose_carry_off
from stackenv.environments.conda_environment import (
    describe_conda_call,
    draft_conda_record,
    find_conda,
    install_with_conda,
    load_conda_stack,
    print_unused_python_modules,
)
from stackenv.environments.context import Context, open_context
from stackenv.environments.install_failure import NO_BUILD_ISOLATION
from stackenv.environments.module_update import open_store
from stackenv.environments.places import choose_path
from stackenv.environments.stack import Stack, choose_base, describe_origin
from stackenv.environments.stubs import choose_stubs_off, with_stubs
from stackenv.environments.uv import choose_uv
from stackenv.environments.venv_install import BUILD_TOOLS
from stackenv.environments.working import working_in
from stackenv.errors import UsageError, quote_word
from stackenv.lifecycle.making import Made, Making
from stackenv.lmod.bindings import Lmod
from stackenv.output import format_count, show_status
from stackenv.record import Record
from stackenv.transactions.transaction import Step


@dataclass(frozen=True)
class CreateRequest:
    """The arguments of `stackenv create`."""

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
    with_pip: bool = False
    uv: bool = False
    carry: bool = True
    stubs: bool = True
    os_python: bool = False
    description: str = ""
    shared: Path | None = None
    from_file: Path | None = None

    def check(self) -> None:
        """Raise UsageError for arguments that are invalid or contradict each other."""
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
            raise UsageError("--channel is only for conda environments", "add --conda")
        if self.user_site and not self.system_site_packages:
            raise UsageError(
                "--user-site cannot be combined with --no-system-site-packages: Python then ignores ~/.local",
                "leave out one of --user-site and --no-system-site-packages",
            )
        if self.uv and not self.stubs:
            raise UsageError(
                "--uv cannot be combined with --no-stubs: uv sees the modules' packages only through stubs",
                "leave out one of --uv and --no-stubs",
            )
        for package in self.packages:
            check_package(package)

    def _check_from(self) -> None:
        """Raise UsageError for options that --from already defines."""
        given = {
            "PACKAGES": self.packages,
            "--requirements": self.requirements,
            "--conda": self.conda,
            "--python": self.python_version,
            "--os-python": self.os_python,
            "--no-build-isolation": self.no_build_isolation,
            "--no-system-site-packages": not self.system_site_packages,
            "--uv": self.uv,
        }
        for option, value in given.items():
            if value:
                raise UsageError(
                    f"{option} cannot be combined with --from: the file already defines the environment",
                    "to install more afterwards: ml NAME; pip install PACKAGE; in a conda environment: "
                    "ml NAME; conda install PACKAGE",
                )

    def _check_conda(self) -> None:
        """Raise UsageError for options that do not apply to conda environments."""
        given = {
            "--allow-shadow": self.allow_shadow,
            "--no-build-isolation": self.no_build_isolation,
            "--os-python": self.os_python,
            "--no-system-site-packages": not self.system_site_packages,
            "--no-carry": not self.carry,
            "--no-stubs": not self.stubs,
            "--with-pip": self.with_pip,
            "--uv": self.uv,
        }
        for option, value in given.items():
            if value:
                raise UsageError(
                    f"{option} cannot be combined with --conda: a conda environment has its own "
                    "Python and packages",
                    f"leave out --conda or {option}",
                )

    def describe_calls(self, stack: Stack) -> tuple[tuple[str, ...], ...]:
        """Return the arguments of pip or uv, for one call after the other.

        A build that is not isolated sees `stack` and what was installed before: first what nearly all builds
        need, then the packages in the order given. Its result fits only this stack and must not be cached.
        """
        files = [("-r", str(file.absolute())) for file in self.requirements]
        if not files and not self.packages:
            return ()
        if not self.no_build_isolation:
            return (tuple(word for words in (*files, self.packages) for word in words),)
        each = (*((package,) for package in self.packages), *files)
        tools = stack.list_missing(BUILD_TOOLS, self.system_site_packages)
        calls = ((NO_BUILD_ISOLATION, "--no-cache-dir", *words) for words in each)
        return (*([tools] if tools else []), *calls)

    def describe_installing(self) -> str:
        """Return the status line that is shown while pip, uv or conda installs."""
        files = ", ".join(file.name for file in self.requirements)
        packages = format_count(len(self.packages), "package") if self.packages else ""
        what = " and ".join(filter(None, (packages, files and f"the requirements in {files}")))
        return f"Installing {what or 'the bare environment'}"

    def conda_packages(self) -> tuple[str, ...]:
        """Return the arguments that tell conda what to install."""
        files = [word for file in self.requirements for word in ("--file", str(file.absolute()))]
        python = [f"python={self.python_version}"] if self.python_version else []
        return (*files, *python, *self.packages)


def check_package(text: str) -> None:
    """Raise UsageError if `text` is not a requirement, URL or path that pip can install."""
    if text.startswith("-"):
        raise UsageError(
            f"{text!r} is an option, not a package", "put options for pip into a file: --requirements FILE"
        )
    # As in pip, the extras of a folder follow its path in brackets.
    try:
        if "://" in text or Path(re.sub(r"\[[^][]*\]$", "", text)).exists():
            return
    except OSError:
        # Too long for a file name, or in a folder that cannot be read: then it is not meant as a path.
        pass
    # Slow to import, and most environments are created without packages.
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(f"{text!r} is not a package that pip can install: {error}") from error


@contextlib.contextmanager
def opened(request: CreateRequest, dry_run: bool) -> Iterator[Context]:
    """Yield the context in which the environment of `request` is created, after all checks.

    Raises
    ------
    UsageError
        If arguments are invalid or contradict each other.
    StackenvError
        If no module can be written.
    """
    request.check()
    context = open_context(request.shared)
    open_store(context, dry_run)
    with working_in(context) as within:
        show_status(f"Creating {request.name}/{request.version}")
        yield within


def create_new(request: CreateRequest, dry_run: bool) -> Made:
    """Create the environment of `request` and its module, completely or not at all; return them.

    Raises
    ------
    UsageError
        If arguments are invalid or contradict each other.
    TakenError
        If the name or the folder is taken.
    InstallError
        If a package cannot be installed.
    StackenvError
        If the modules provide no usable Python, or anything else fails.
    """
    with opened(request, dry_run) as context:
        new, installs = plan_conda(request, context) if request.conda else plan_venv(request, context)
        return new.carry_out(new.plan_environment(installs), dry_run)


def plan_venv(request: CreateRequest, context: Context) -> tuple[Making, list[Step]]:
    """Return the plan for a venv, and the step that installs packages, if there are any."""
    path = choose_path(request.name, request.version, request.path, context)
    stack = choose_base(request.modules, request.python_version, request.os_python, context)
    record = Record(
        name=request.name,
        version=request.version,
        kind="venv",
        path=str(path),
        python=stack.python,
        pinned=stack.pinned(request.allow_shadow, request.system_site_packages),
        allow_shadow=request.allow_shadow,
        user_site=request.user_site,
        with_pip=request.with_pip,
        carry_off=choose_carry_off(not request.carry, context.configuration.personal),
        description=request.description,
        stubs_off=choose_stubs_off(not request.stubs, context.configuration.personal),
        **describe_origin(stack, context),
    )
    record = with_stubs(record, stack, context.configuration.personal)
    new = Making(record, stack, context, request.system_site_packages)
    calls = request.describe_calls(stack)
    if not calls:
        return new, []
    uv = choose_uv(record, stack, context) if request.uv else None
    words = "; ".join(" ".join(call) for call in calls)
    sentence = f"install with {'uv' if uv else 'pip'}: {words}"
    return new, [Step(sentence, lambda: new.install(calls, uv), doing=request.describe_installing())]


def plan_conda(request: CreateRequest, context: Context) -> tuple[Making, list[Step]]:
    """Return the plan for a conda environment, and the step in which conda fills it."""
    prefix = choose_path(request.name, request.version, request.path, context, conda=True)
    lmod = Lmod.find(context.environ)
    stack = load_conda_stack(request.modules, context, lmod)
    conda = find_conda(stack)
    print_unused_python_modules(lmod)
    record = draft_conda_record(
        prefix,
        stack,
        context,
        name=request.name,
        version=request.version,
        user_site=request.user_site,
        description=request.description,
    )
    arguments = describe_conda_call("create", record, context, request.channels, request.conda_packages())
    install = Step(
        f"conda {' '.join(arguments)}",
        lambda: install_with_conda(conda, arguments, stack.environ),
        doing=request.describe_installing(),
    )
    return Making(record, stack, context), [install]
