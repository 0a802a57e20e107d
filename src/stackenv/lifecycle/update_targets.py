"""The environments of `stackenv update`: by module, by conda's name or by path."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from stackenv.conda.storage import find_named_environment, list_environments
from stackenv.environments.context import Context
from stackenv.environments.module_update import read_own_record
from stackenv.environments.stack import Stack, load_stack
from stackenv.environments.store import NAME, StoredModule
from stackenv.errors import StackenvError, UsageError, quote_word
from stackenv.lmod.bindings import Lmod
from stackenv.record import Record

PLAIN_MODULE = re.compile(rf"{NAME}(/{NAME})*")


@dataclass(frozen=True)
class Target:
    """One environment; `module` and `record` are None for a conda environment without a module.

    `problem` is why its record cannot be used; None if it can.
    """

    name: str
    prefix: str
    kind: str
    module: StoredModule | None = None
    record: Record | None = None
    problem: StackenvError | None = None

    @property
    def named(self) -> str:
        """Its module's full name, or its path."""
        return self.record.full_name if self.record else self.prefix


@dataclass
class StackShelf:
    """Loads the modules of environments, each set only once."""

    context: Context
    loaded: dict[tuple[str, tuple[str, ...]], Stack] = field(default_factory=dict)

    def load(self, module: StoredModule, record: Record, with_python: bool = True) -> Stack:
        """Return the stack of `record`, with the modules from the MODULEPATH in which they were found.

        In a project, others may have written that, and loading a module runs its code. There, the modules
        are looked for in the user's own MODULEPATH.

        Raises
        ------
        StackenvError
            If they cannot be loaded.
        """
        if not all(map(PLAIN_MODULE.fullmatch, record.modules)):
            raise StackenvError(
                f"the record of {record.full_name} contains an invalid module name: "
                f"{shlex.join(record.modules)}"
            )
        trusted = module.is_trusted
        path = record.modulepath if trusted else self.context.environ.get("MODULEPATH", "")
        key = (f"{path} {with_python}", record.modules)
        if key not in self.loaded:
            environ = {**self.context.environ, "MODULEPATH": path}
            self.loaded[key] = load_stack(Lmod.find(environ).purged(), record.modules, with_python)
        return self.loaded[key]


def parse_package(text: str) -> Requirement:
    """Return the package that is to be updated, with the requested versions.

    Raises
    ------
    UsageError
        If it is not a package, or more than a name and versions.
    """
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(
            f"{text!r} is not a package name with versions, as pip writes them: {error}",
            "for example: stackenv update 'numpy<2' --all",
        ) from error
    if requirement.url or requirement.marker:
        raise UsageError(
            f"{text!r} has a URL or a marker; give only a package name and versions",
            f"stackenv update {requirement.name} --all",
        )
    return requirement


def list_targets(context: Context) -> Iterator[Target]:
    """Yield each environment with a module here, and the user's conda environments without one."""
    prefixes = set()
    for module in context.store.list_modules():
        prefixes.add(os.path.realpath(module.prefix))
        yield describe_target(module)
    if context.shared is None:
        for prefix in list_environments(context.environ, context.configuration):
            if os.path.realpath(prefix) not in prefixes:
                yield Target(str(prefix), str(prefix), "conda")


def describe_target(module: StoredModule) -> Target:
    """Return the environment of `module`, even if its record cannot be used."""
    try:
        record = read_own_record(module)
    except StackenvError as error:
        return Target(module.full_name, module.prefix, "", module, problem=error)
    return Target(module.full_name, record.path, record.kind, module, record)


def find_targets(names: Sequence[str], context: Context) -> list[Target]:
    """Return the environments `names`, each given by its module, conda's name, or path.

    Raises
    ------
    StackenvError
        If a name has no environment, or several.
    """
    found = {}
    for name in names:
        target = find_target(name, context)
        found[os.path.realpath(target.prefix)] = target
    return list(found.values())


def find_target(name: str, context: Context) -> Target:
    """Return the environment with this name or path."""
    if "/" in name and Path(name).is_dir():
        real = os.path.realpath(name)
        known = [target for target in list_targets(context) if os.path.realpath(target.prefix) == real]
        if known:
            return known[0]
        if (Path(name) / "conda-meta/history").is_file():
            return Target(real, real, "conda")
        raise StackenvError(
            f"{name} has no module and is not a conda environment", f"stackenv adopt {quote_word(name)}"
        )
    try:
        return describe_target(context.store.find(name, default=True))
    except StackenvError:
        prefix = None
        if "/" not in name:
            prefix = find_named_environment(name, context.environ, context.configuration)
        if prefix is None:
            raise
        return find_target(str(prefix), context)


def is_same_package(name: str, requirement: Requirement) -> bool:
    """Return whether `name` is the package of `requirement`, as indexes compare names."""
    return canonicalize_name(name) == canonicalize_name(requirement.name)


def find_unwritable(target: Target, places: Sequence[str]) -> str:
    """Return the first folder of the environment that this user cannot write to; empty if it can."""
    folders = [Path(target.prefix), *(Path(target.prefix, place) for place in places)]
    return next((str(f) for f in folders if f.is_dir() and not os.access(f, os.W_OK | os.X_OK)), "")
