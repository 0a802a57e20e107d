"""`stackenv info`: what a personal module is based on, and what its environment contains now."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from stackenv.configuration.settings import PersonalSettings
from stackenv.environments.carried import (
    BY_SITE,
    BY_USER,
    CONDA,
    NO_MODULES,
    NO_PTH,
    NO_RECORD,
    PYTHON_NEEDS_MODULES,
    find_reason,
    needs_modules,
)
from stackenv.environments.context import Context
from stackenv.environments.own_packages import name_stub_folder, read_own_packages
from stackenv.environments.stack import load_stack
from stackenv.environments.store import DEPENDS_ON, StoredModule
from stackenv.environments.stubs import is_left_out, list_stubs
from stackenv.errors import StackenvError
from stackenv.lmod.bindings import Lmod
from stackenv.plain_files import read_file_text
from stackenv.record import Package, Platform, Python, Record

# Two more reasons why uv sees no package of the modules, in addition to those in environments/carried.py: no
# package of the modules is pinned, or the site configuration excludes every pinned package.
NOTHING_HELD = "nothing-held"
LEFT_OUT = "left-out"
# As `stackenv.modulefile` writes the line. A description with a quote or a backslash does not match.
DESCRIPTION = re.compile(r'^ *whatis\("Description: ([^"\\]*)"\)$', re.MULTILINE)


@dataclass(frozen=True)
class OwnPackage:
    """A package in the environment.

    Parameters
    ----------
    name, version
        Its name and version.
    installer
        `conda` or `pip`.
    """

    name: str
    version: str
    installer: str


@dataclass(frozen=True)
class PinnedPackage:
    """A package of the modules that pip and uv leave alone.

    Parameters
    ----------
    name, version
        Its name and version.
    module
        The module that has it.
    """

    name: str
    version: str
    module: str


@dataclass(frozen=True)
class Shadow:
    """A package in the environment that a module has too.

    Parameters
    ----------
    name, version
        Its name, and its version in the environment, which is the one that Python imports.
    module_version
        Its version in the module; empty when it is unknown.
    module
        The module that has it.
    """

    name: str
    version: str
    module_version: str
    module: str


@dataclass(frozen=True)
class CarriedStack:
    """Whether the environment's Python brings its modules if they are not loaded.

    Parameters
    ----------
    carries
        Whether it does.
    reason
        Why it does not: `conda`, `user`, `site`, `no-pth`, `no-modules`, `no-record` or
        `python-needs-modules`; empty if it does.
    cpu
        archspec's name of the CPU on which the modules were loaded; it carries on this and newer ones.
    any_cpu
        Whether it carries on every CPU.
    restarts
        Whether the Python starts itself a second time, because a library would not be found otherwise.
    by_script
        Whether a script replaces the link to the Python, and starts it with the libraries that it needs.
    needs_modules
        Whether the Python does not start at all unless the modules are loaded.
    """

    carries: bool
    reason: str
    cpu: str = ""
    any_cpu: bool = False
    restarts: bool = False
    by_script: bool = False
    needs_modules: bool = False


@dataclass(frozen=True)
class ShownPackages:
    """What uv sees of the modules in the environment.

    Parameters
    ----------
    packages
        The names of the packages that it sees there.
    expected_count
        How many it should see, but for those that the environment has itself.
    reason
        Why it sees none: `conda`, `no-pth`, `no-modules`, `nothing-held`, `user`, `site`, `left-out` or
        `no-record`; empty if it sees them.
    """

    packages: tuple[str, ...]
    expected_count: int
    reason: str


@dataclass(frozen=True)
class MutedRule:
    """A rule of `stackenv check` that is muted in this environment.

    Parameters
    ----------
    rule
        Its name.
    reason
        Why its findings are not wanted.
    """

    rule: str
    reason: str


@dataclass(frozen=True)
class ModuleInfo:
    """A personal module.

    Parameters
    ----------
    module, modulefile, environment
        Its full name, its file, and the folder of its environment.
    default
        Whether the name alone means this one, of several versions.
    kind
        `venv` or `conda`; empty when the record of the environment cannot be read. Then everything that is
        only in the record is empty or None.
    description
        What `--description` says of it.
    python
        Its Python.
    modules
        The modules that it is based on.
    packages
        The packages in the environment.
    pinned
        The packages of its modules that pip and uv leave alone.
    shadows
        The packages in the environment that its modules have too.
    allow_shadow
        The packages that may replace those of the modules (`--allow-shadow`).
    platform
        The machine on which it was made.
    carried
        Whether its Python brings the modules when they are not loaded.
    stubs
        The packages of its modules that uv sees.
    muted
        The rules of `stackenv check` that are muted.
    made_by
        The command that made it, a text for each word.
    owned
        Whether stackenv made the environment; of an adopted one it did not.
    problem, hint
        Why the record cannot be read, and what to type; empty when it can.
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
    stubs: ShownPackages | None = None
    muted: tuple[MutedRule, ...] = ()
    made_by: tuple[str, ...] = ()
    owned: bool | None = None
    problem: str = ""
    hint: str = ""


def describe_modulefile(module: StoredModule, context: Context, problem: StackenvError) -> ModuleInfo:
    """Return the information that the modulefile alone gives, and the problem with the record."""
    text = read_file_text(module.path, errors="replace")
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
    """Return what `record` says about `module`, and what its environment contains now."""
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
        shadows=list_shadows(record, packages, context, module.is_trusted),
        allow_shadow=record.allow_shadow,
        platform=record.platform,
        carried=describe_carrying(record, context, module.is_trusted),
        stubs=describe_shown(record, packages, context),
        muted=tuple(MutedRule(*pair) for pair in record.muted),
        made_by=record.made_by,
        owned=record.owned,
    )


def describe_carrying(record: Record, context: Context, trusted: bool) -> CarriedStack:
    """Return whether, and how, the Python of `record` brings its modules.

    If it does not bring them and the record is `trusted`, the Python is started to see whether it needs
    them.
    """
    reason, carried = find_reason(record), record.carried
    if reason == BY_SITE and context.configuration.personal.carry:
        # The site has allowed it since.
        reason = NO_RECORD
    if reason or carried is None:
        needs = reason == PYTHON_NEEDS_MODULES or (trusted and needs_modules(record))
        return CarriedStack(carries=False, reason=reason, needs_modules=needs)
    by_script = bool(carried.launchers)
    restarts = bool(carried.libraries or carried.preload) and not by_script
    return CarriedStack(True, "", carried.cpu, not carried.cpu_features, restarts, by_script)


def describe_shown(record: Record, packages: tuple[Package, ...], context: Context) -> ShownPackages:
    """Return which packages of the modules of `record` uv sees; `packages` are the environment's own."""
    reason = find_reason_unshown(record, context.configuration.personal)
    own = {canonicalize_name(package.name) for package in packages}
    wanted = [stub for stub in record.stubs if canonicalize_name(stub.name) not in own]
    # The stubs of a packed environment are in the image, unchanged since it was packed.
    there = {path.name for path in list_stubs(Path(record.path))} if not record.packed else None
    shown = [stub.name for stub in wanted if there is None or name_stub_folder(stub) in there]
    return ShownPackages(tuple(shown), len(wanted), reason)


def find_reason_unshown(record: Record, settings: PersonalSettings) -> str:
    """Return why uv sees no package of the modules of `record`; empty if it should see them.

    The reasons follow the current `settings`, because a refresh would use them.
    """
    nothing = not record.stubs
    reasons = {
        CONDA: record.kind != "venv",
        # The reasons that --stubs cannot change come first.
        NO_PTH: not record.layers,
        NO_MODULES: not record.modules,
        NOTHING_HELD: not record.pinned,
        BY_USER: record.stubs_off == "user",
        BY_SITE: nothing and not settings.stubs,
        LEFT_OUT: nothing and all(is_left_out(name, settings) for name, _, _ in record.pinned),
        # An older stackenv made the environment, or the modules have no metadata that uv can read.
        NO_RECORD: nothing,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def list_shadows(
    record: Record, packages: tuple[Package, ...], context: Context, trusted: bool
) -> tuple[Shadow, ...]:
    """Return the environment's own packages that the stack has too, with both versions.

    The record has the versions of pinned packages. The modules are loaded only for the packages that may be
    replaced, and only if the record is `trusted`. The version in the stack is empty if it is not found.
    """
    below = {canonicalize_name(n): (v, m) for n, v, m in record.pinned}
    allowed = {canonicalize_name(name) for name in record.allow_shadow}
    if any(canonicalize_name(package.name) in allowed for package in packages):
        below.update(ask_stack(record, context, allowed) if trusted else dict.fromkeys(allowed, ("", "")))
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
    """Return the version and module of each of the packages `names`; the modules of `record` are loaded."""
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
