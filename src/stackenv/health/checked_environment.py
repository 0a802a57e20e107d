"""An environment as the rules see it: each fact is read when a rule first asks for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from stackenv.configuration.settings import SiteConfiguration
from stackenv.environments.added_files import describe_files
from stackenv.environments.managed_files import list_stand_ins
from stackenv.environments.own_packages import (
    InstalledDistribution,
    Owners,
    read_own_packages,
    read_owners,
    read_site_packages,
)
from stackenv.environments.stack import Stack, load_stack
from stackenv.environments.venv import Venv, read_venv
from stackenv.errors import StackenvError
from stackenv.health.extensions import RunningImports, list_extensions
from stackenv.health.finding import RunCommand
from stackenv.health.installed_files import THREADS, Fault, Showing, list_faults, showing_nothing
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.versions import software_of
from stackenv.record import Package, Record

# MODULEPATH, modules, and whether their Python and its packages are asked for.
StackKey = tuple[str, tuple[str, ...], bool]


@dataclass
class StackLoader:
    """Loads modules, each set of them once: environments often have the same base modules."""

    environ: Mapping[str, str]
    loaded: dict[StackKey, Stack | StackenvError] = field(default_factory=dict)

    def load(self, key: StackKey) -> Stack:
        """Return the stack of `key`; raise as `load_stack` does."""
        if key not in self.loaded:
            self.loaded[key] = self.try_load(key)
        loaded = self.loaded[key]
        if isinstance(loaded, StackenvError):
            raise loaded
        return loaded

    def load_all(self, keys: Iterable[StackKey]) -> None:
        """Load the stacks of `keys`, several at a time: most of it is waiting for Lmod."""
        missing = [key for key in dict.fromkeys(keys) if key not in self.loaded]
        if missing:
            with ThreadPoolExecutor(THREADS) as pool:
                self.loaded.update(zip(missing, pool.map(self.try_load, missing)))

    def try_load(self, key: StackKey) -> Stack | StackenvError:
        """Return the stack of `key`, or why there is none."""
        modulepath, modules, with_python = key
        environ = {**self.environ, "MODULEPATH": modulepath}
        try:
            return load_stack(Lmod.find(environ).purged(), modules, with_python)
        except StackenvError as error:
            return error

    @cached_property
    def modules(self) -> dict[str, str]:
        """The newest version of each module that there is, by full name, by its name."""
        return {software_of(name): name for name in Lmod.find(self.environ).available()}


@dataclass
class CheckedEnvironment:
    """One environment and its module, for the rules; nothing here is changed.

    Parameters
    ----------
    full_name
        Of the module.
    modulefile
        Its file.
    prefix
        The folder of the environment.
    record
        What is recorded; None when that cannot be read, and `problem` says why.
    problem, hint
        Empty when the record can be read; otherwise why it cannot be, and what to type.
    shared
        The root of its project, whose group may change it; None when it is the user's own.
    believed
        Whether nobody else can have written the record: to load its modules runs code.
    environ
        The environment variables of the caller.
    configuration
        The site configuration.
    loader
        Shared by all environments of one check.
    thorough
        Whether to compare the contents of all files: one environment was asked for.
    record_lost
        Whether the record is gone or damaged, and can be written again.
    showing
        Shows how many files were compared.
    """

    full_name: str
    modulefile: Path
    prefix: Path
    record: Record | None
    problem: str
    hint: str
    shared: Path | None
    believed: bool
    environ: Mapping[str, str]
    configuration: SiteConfiguration
    loader: StackLoader
    thorough: bool
    record_lost: bool = False
    showing: Showing = showing_nothing

    @property
    def modulepath(self) -> str:
        """Where its modules are looked for: where they were found, if nobody else can have written that."""
        own = self.environ.get("MODULEPATH", "")
        return self.record.modulepath if self.record and self.believed else own

    @property
    def refresh(self) -> RunCommand:
        """What writes all of stackenv's files of the environment, and its module, again."""
        project = ("--shared", str(self.shared)) if self.shared else ()
        return RunCommand(("stackenv", "edit", self.full_name, "--refresh", *project))

    @property
    def stack_key(self) -> StackKey:
        """What the loader takes for its stack."""
        assert self.record is not None
        return self.modulepath, self.record.modules, self.record.kind == "venv"

    @cached_property
    def stack(self) -> Stack:
        """The modules of the record, loaded now.

        Raises
        ------
        ModuleError
            When they cannot be loaded.
        StackenvError
            When their Python does not run.
        """
        return self.loader.load(self.stack_key)

    @property
    def loaded_stack(self) -> Stack | None:
        """The stack; None when it cannot be loaded: the rule `modules-gone` reports why."""
        try:
            return self.stack
        except StackenvError:
            return None

    @cached_property
    def venv(self) -> Venv | None:
        """The venv; None when it cannot be read: the rule `python-changed` reports why."""
        try:
            return read_venv(self.prefix)
        except StackenvError:
            return None

    @cached_property
    def stack_packages(self) -> tuple[Package, ...]:
        """What a venv finds in its modules; nothing when they cannot be loaded."""
        stack = self.loaded_stack
        if stack is None or self.record is None or self.record.kind != "venv":
            return ()
        sees_base = self.venv is None or self.venv.sees_base_packages
        return tuple(package for package in stack.packages if sees_base or not stack.is_base(package))

    @cached_property
    def distributions(self) -> list[InstalledDistribution]:
        """What is installed into the environment's own site-packages; nothing while it is packed."""
        packed = self.record is not None and self.record.packed
        return [] if packed else read_site_packages(self.prefix)

    @cached_property
    def owners(self) -> Owners:
        """Who has installed what is there; nothing while it is packed."""
        packed = self.record is not None and self.record.packed
        return Owners((), ()) if packed else read_owners(self.prefix)

    @cached_property
    def extensions(self) -> dict[InstalledDistribution, list[str]]:
        """The compiled modules of each package that has some."""
        found = {distribution: list_extensions(distribution) for distribution in self.distributions}
        return {distribution: names for distribution, names in found.items() if names}

    @cached_property
    def imports(self) -> RunningImports | None:
        """The imports of the compiled modules, which begin when this is asked for; None where none may.

        An import runs what is in the environment: only where nobody else can have written the record.

        Raises
        ------
        ProbeError
            When the Python of the environment does not start.
        """
        record, python = self.record, self.prefix / "bin/python"
        if record is None or record.packed or not (self.thorough and self.believed):
            return None
        stack = self.loaded_stack
        if not self.extensions or not python.exists() or stack is None:
            return None
        environ = {**stack.environ, "STACKENV_TOLD": record.full_name}
        environ.pop("PYTHONHOME", None)
        return RunningImports(str(python), list(self.extensions.values()), environ)

    def begin(self) -> None:
        """Begin what goes on beside the rules."""
        # The rule that needs them asks again, and reports why they cannot begin.
        with contextlib.suppress(Exception):
            _ = self.imports

    def close(self) -> None:
        """End the imports, if they have begun."""
        imports = self.__dict__.get("imports")
        if imports is not None:
            imports.close()

    @cached_property
    def faulty_files(self) -> tuple[Fault, ...]:
        """The files of packages that are gone, or not as they were installed."""
        # What was adopted may have been moved before.
        stays = self.record is not None and self.record.owned
        files = describe_files(self.record) if self.record and self.record.kind == "venv" else ()
        right = list_stand_ins(files, str(self.prefix))
        faults = list_faults(self.owners, self.prefix, stays, self.thorough, self.showing)
        return tuple(fault for fault in faults if fault.path not in right)

    @cached_property
    def packages(self) -> tuple[Package, ...]:
        """The environment's own packages as they are now."""
        assert self.record is not None
        return read_own_packages(self.record)
