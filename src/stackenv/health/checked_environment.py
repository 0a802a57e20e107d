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

# MODULEPATH, the modules, and whether their Python and its packages are needed.
StackKey = tuple[str, tuple[str, ...], bool]


@dataclass
class StackLoader:
    """Loads each set of modules once, because environments often have the same base modules."""

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
        """Return the stack of `key`, or the error if it cannot be loaded."""
        modulepath, modules, with_python = key
        environ = {**self.environ, "MODULEPATH": modulepath}
        try:
            return load_stack(Lmod.find(environ).purged(), modules, with_python)
        except StackenvError as error:
            return error

    @cached_property
    def modules(self) -> dict[str, str]:
        """The full name of the newest version of each available module, by its name."""
        return {software_of(name): name for name in Lmod.find(self.environ).available()}


@dataclass
class CheckedEnvironment:
    """One environment and its module, as the rules see them; nothing is changed.

    Parameters
    ----------
    full_name
        Full name of its module.
    modulefile
        Path of its modulefile.
    prefix
        The folder of the environment.
    record
        The record; None if it cannot be read, and `problem` says why.
    problem, hint
        Why the record cannot be read, and what to type; empty if it can.
    shared
        The root of its project, whose group may change it; None if it is the user's own.
    trusted
        Whether no other user can have written the record; loading its modules runs code.
    environ
        The environment variables of the caller.
    configuration
        The site configuration.
    loader
        Shared by all environments of one check.
    thorough
        Whether to compare the contents of all files, as when one environment is checked by name.
    record_lost
        Whether the record is gone or damaged, and can be written again.
    showing
        Shows how many files have been compared.
    """

    full_name: str
    modulefile: Path
    prefix: Path
    record: Record | None
    problem: str
    hint: str
    shared: Path | None
    trusted: bool
    environ: Mapping[str, str]
    configuration: SiteConfiguration
    loader: StackLoader
    thorough: bool
    record_lost: bool = False
    showing: Showing = showing_nothing

    @property
    def modulepath(self) -> str:
        """MODULEPATH for its modules: the recorded one, if no other user can have written it."""
        own = self.environ.get("MODULEPATH", "")
        return self.record.modulepath if self.record and self.trusted else own

    @property
    def refresh(self) -> RunCommand:
        """The command that rewrites all files of stackenv in the environment, and its module."""
        project = ("--shared", str(self.shared)) if self.shared else ()
        return RunCommand(("stackenv", "edit", self.full_name, "--refresh", *project))

    @property
    def stack_key(self) -> StackKey:
        """The key by which the loader knows its stack."""
        assert self.record is not None
        return self.modulepath, self.record.modules, self.record.kind == "venv"

    @cached_property
    def stack(self) -> Stack:
        """The recorded modules, as they load now.

        Raises
        ------
        ModuleError
            If they cannot be loaded.
        StackenvError
            If their Python does not run.
        """
        return self.loader.load(self.stack_key)

    @property
    def loaded_stack(self) -> Stack | None:
        """The stack; None if it cannot be loaded, which the rule `modules-gone` reports."""
        try:
            return self.stack
        except StackenvError:
            return None

    @cached_property
    def venv(self) -> Venv | None:
        """The venv; None if it cannot be read, which the rule `python-changed` reports."""
        try:
            return read_venv(self.prefix)
        except StackenvError:
            return None

    @cached_property
    def stack_packages(self) -> tuple[Package, ...]:
        """The packages that a venv finds in its modules; none if they cannot be loaded."""
        stack = self.loaded_stack
        if stack is None or self.record is None or self.record.kind != "venv":
            return ()
        sees_base = self.venv is None or self.venv.sees_base_packages
        return tuple(package for package in stack.packages if sees_base or not stack.is_base(package))

    @cached_property
    def distributions(self) -> list[InstalledDistribution]:
        """The packages in the environment's own site-packages; none while it is packed."""
        packed = self.record is not None and self.record.packed
        return [] if packed else read_site_packages(self.prefix)

    @cached_property
    def owners(self) -> Owners:
        """Which tool installed each of its packages; nothing while it is packed."""
        packed = self.record is not None and self.record.packed
        return Owners((), ()) if packed else read_owners(self.prefix)

    @cached_property
    def extensions(self) -> dict[InstalledDistribution, list[str]]:
        """The compiled modules of each package that has any."""
        found = {distribution: list_extensions(distribution) for distribution in self.distributions}
        return {distribution: names for distribution, names in found.items() if names}

    @cached_property
    def imports(self) -> RunningImports | None:
        """The imports of the compiled modules, which start on first use; None if they must not run.

        An import runs code of the environment, so no other user may have been able to write the record.

        Raises
        ------
        ProbeError
            If the Python of the environment does not start.
        """
        record, python = self.record, self.prefix / "bin/python"
        if record is None or record.packed or not (self.thorough and self.trusted):
            return None
        stack = self.loaded_stack
        if not self.extensions or not python.exists() or stack is None:
            return None
        environ = {**stack.environ, "STACKENV_TOLD": record.full_name}
        environ.pop("PYTHONHOME", None)
        return RunningImports(str(python), list(self.extensions.values()), environ)

    def begin(self) -> None:
        """Start what runs in parallel with the rules."""
        # The rule that needs the imports asks again, and reports why they cannot start.
        with contextlib.suppress(Exception):
            _ = self.imports

    def close(self) -> None:
        """End the imports, if they have started."""
        imports = self.__dict__.get("imports")
        if imports is not None:
            imports.close()

    @cached_property
    def faulty_files(self) -> tuple[Fault, ...]:
        """The files of packages that are missing, or have changed since they were installed."""
        # An adopted environment may have been moved earlier.
        stays = self.record is not None and self.record.owned
        files = describe_files(self.record) if self.record and self.record.kind == "venv" else ()
        right = list_stand_ins(files, str(self.prefix))
        faults = list_faults(self.owners, self.prefix, stays, self.thorough, self.showing)
        return tuple(fault for fault in faults if fault.path not in right)

    @cached_property
    def packages(self) -> tuple[Package, ...]:
        """The packages that are installed in the environment now."""
        assert self.record is not None
        return read_own_packages(self.record)
