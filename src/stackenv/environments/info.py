"""What a personal module is made of, and what its environment holds now."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from packaging.utils import NormalizedName, canonicalize_name

from stackenv.environments.carried import (
    BY_SITE,
    NO_RECORD,
    PYTHON_NEEDS_MODULES,
    find_reason,
    needs_modules,
)
from stackenv.environments.context import Context
from stackenv.environments.own_packages import read_own_packages
from stackenv.environments.stack import load_stack
from stackenv.environments.store import DEPENDS_ON, StoredModule
from stackenv.errors import StackenvError
from stackenv.lmod.bindings import Lmod
from stackenv.record import Package, Platform, Python, Record

# As `stackenv.modulefile` writes them; a name of a module has no quote and no backslash.
DESCRIPTION = re.compile(r'^ *whatis\("Description: ([^"\\]*)"\)$', re.MULTILINE)


@dataclass(frozen=True)
class OwnPackage:
    """A package in the environment; `installer` is conda or pip."""

    name: str
    version: str
    installer: str


@dataclass(frozen=True)
class PinnedPackage:
    """A package that stays as `module` has it."""

    name: str
    version: str
    module: str


@dataclass(frozen=True)
class Shadow:
    """A package in the environment that `module` has too; `stack_version` is empty where it is unknown."""

    name: str
    version: str
    stack_version: str
    module: str


@dataclass(frozen=True)
class CarriedStack:
    """Whether the environment's Python brings its modules where they are not loaded.

    Parameters
    ----------
    carries
        Whether it does.
    reason
        Why it does not, one of the words in stackenv.environments.carried; empty where it does.
    cpu
        archspec's name of the CPU that they were loaded on; it carries on that and newer ones of its kind.
    any_cpu
        Whether it carries on every CPU.
    restarts
        Whether the Python starts itself once more for that, since a library is found in no other way.
    by_script
        Whether a script in the place of the link to the Python starts it with their libraries, since it does
        not start without.
    needs_modules
        Whether the Python does not even start where the modules are not loaded.
    """

    carries: bool
    reason: str
    cpu: str = ""
    any_cpu: bool = False
    restarts: bool = False
    by_script: bool = False
    needs_modules: bool = False


@dataclass(frozen=True)
class ModuleInfo:
    """What is known of a module: `stackenv info --json` prints these fields.

    `owned` tells whether stackenv made the environment. Without a record it is None, as is `carried`, `kind`
    is empty, and `problem` and `hint` say why.
    """

    module: str
    modulefile: str
    environment: str
    default: bool
    kind: str = ""
    description: str = ""
    python: Python | None = None
    modules: tuple[str, ...] = ()
    packages: tuple[OwnPackage, ...] = ()
    pinned: tuple[PinnedPackage, ...] = ()
    shadows: tuple[Shadow, ...] = ()
    allow_shadow: tuple[str, ...] = ()
    platform: Platform | None = None
    carried: CarriedStack | None = None
    made_by: tuple[str, ...] = ()
    owned: bool | None = None
    problem: str = ""
    hint: str = ""


def describe_modulefile(module: StoredModule, context: Context, problem: StackenvError) -> ModuleInfo:
    """Return what the modulefile alone says, and the problem with the record."""
    text = module.path.read_text(encoding="utf-8", errors="replace")
    description = DESCRIPTION.search(text)
    return ModuleInfo(
        module.full_name,
        str(module.path),
        module.prefix,
        context.store.read_default(module.name) == module.version,
        modules=tuple(re.findall(DEPENDS_ON, text)),
        description=description.group(1) if description else "",
        problem=problem.message,
        hint=problem.hint,
    )


def describe_environment(record: Record, module: StoredModule, context: Context) -> ModuleInfo:
    """Return what `record` says about `module`, and what its environment holds now."""
    packages = read_own_packages(record)
    return ModuleInfo(
        module.full_name,
        str(module.path),
        module.prefix,
        context.store.read_default(module.name) == module.version,
        kind=record.kind,
        description=record.description,
        python=record.python,
        modules=record.modules,
        packages=tuple(
            OwnPackage(p.name, p.version, "conda" if record.kind == "conda" and not p.installer else "pip")
            for p in packages
        ),
        pinned=tuple(PinnedPackage(*pin) for pin in record.pinned),
        shadows=list_shadows(record, packages, context, module.is_believed),
        allow_shadow=record.allow_shadow,
        platform=record.platform,
        carried=describe_carrying(record, context, module.is_believed),
        made_by=record.made_by,
        owned=record.owned,
    )


def describe_carrying(record: Record, context: Context, believed: bool) -> CarriedStack:
    """Return whether, and how, the Python of `record` brings its modules.

    Where nothing is brought that Python is started, if the record is `believed`.
    """
    reason, carried = find_reason(record), record.carried
    if reason == BY_SITE and context.configuration.personal.carry:
        # By now the site allows it.
        reason = NO_RECORD
    if reason or carried is None:
        needs = reason == PYTHON_NEEDS_MODULES or (believed and needs_modules(record))
        return CarriedStack(carries=False, reason=reason, needs_modules=needs)
    by_script = bool(carried.launchers)
    restarts = bool(carried.libraries or carried.preload) and not by_script
    return CarriedStack(True, "", carried.cpu, not carried.cpu_features, restarts, by_script)


def list_shadows(
    record: Record, packages: tuple[Package, ...], context: Context, believed: bool
) -> tuple[Shadow, ...]:
    """Return the environment's own packages that the stack has too, with both versions.

    The record says what is held; only for what may be replaced the modules are loaded and asked. A
    version of the stack that cannot be found is empty, and so it is unless the record is `believed`.
    """
    below = {canonicalize_name(n): (v, m) for n, v, m in record.pinned}
    allowed = {canonicalize_name(name) for name in record.allow_shadow}
    if any(canonicalize_name(package.name) in allowed for package in packages):
        below.update(ask_stack(record, context, allowed) if believed else dict.fromkeys(allowed, ("", "")))
    found = []
    for package in packages:
        name = canonicalize_name(package.name)
        if name in below:
            version, module = below[name]
            found.append(Shadow(package.name, package.version, version, module))
    return tuple(found)


def ask_stack(
    record: Record, context: Context, names: Collection[NormalizedName]
) -> dict[NormalizedName, tuple[str, str]]:
    """Return version and module of the packages `names` in the modules of `record`, loaded now."""
    try:
        environ = {**context.environ, "MODULEPATH": record.modulepath}
        stack = load_stack(Lmod.find(environ).purged(), record.modules)
    except StackenvError:
        return dict.fromkeys(names, ("", ""))
    return {
        canonicalize_name(p.name): (p.version, stack.module_of(p))
        for p in stack.packages
        if canonicalize_name(p.name) in names
    }
