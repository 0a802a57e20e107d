"""The packages of an environment that is created again: which, how they are installed, the result."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PathDistribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from stackenv.conda.packages import read_packages
from stackenv.environments.install_failure import NO_BUILD_ISOLATION
from stackenv.environments.module import IN_EVERY_VENV
from stackenv.environments.own_packages import (
    describe_requirement,
    has_installed_pip,
    list_channels,
    read_origin,
    read_own_packages,
    read_owners,
)
from stackenv.environments.packed import ENVIRONMENT, REQUIREMENTS
from stackenv.environments.stack import Stack
from stackenv.environments.venv_install import BUILD_TOOLS, install_packages
from stackenv.errors import InstallError, UnreachableError
from stackenv.lifecycle.conda_calls import read_answer, run_conda
from stackenv.output import format_count, print_message
from stackenv.plain_files import read_file_text
from stackenv.record import Package, Record

# The name of a metadata folder, which is known even if a purge has emptied it.
METADATA_FOLDER = re.compile(r"([A-Za-z0-9][\w.]*)-([^-]+?)(?:-py[\d.]+)?\.(?:dist|egg)-info")
# Files that an index offers; anything else came from a folder or a repository.
FILES_OF_INDEXES = (".whl", ".zip", ".tar.gz", ".tar.bz2", ".tgz")
# pip and conda take a word with such an ending for a file, if it exists in the current folder.
ARCHIVE = re.compile(r".*\.(whl|zip|egg|conda|tar|tgz|tbz2?|txz|tlz|tar\.\w+)", re.IGNORECASE)
CONDA_SPEC = re.compile(r"([A-Za-z0-9_][\w.-]*)=([\w.+!-]+)")
# A channel given by its name, as on anaconda.org; a URL could point anywhere.
CHANNEL = re.compile(r"[A-Za-z0-9][\w.-]*(/label/[\w.-]+)?")
# conda's exceptions for an unreachable channel (conda/exceptions.py, conda/gateways/connection/session.py).
UNREACHABLE = (
    "CondaHTTPError",
    "CondaSSLError",
    "ProxyError",
    "ConnectionError",
    "UnavailableInvalidChannel",
)
# Why a name with a version cannot be asked for.
NO_REQUIREMENT = "is not a package that pip can install"
# libmamba does not list missing packages; its message names them.
NOT_PROVIDED = re.compile(r"nothing provides (?:requested )?([A-Za-z0-9_][\w.-]*)")


@dataclass(frozen=True)
class PackageRequirement:
    """A package that an environment is to have.

    Parameters
    ----------
    name, version
        Its name and version before; the version is empty if unknown.
    arguments
        The arguments with which pip or conda installs exactly that.
    why
        Why it cannot be requested at all; empty if it can.
    """

    name: str
    version: str
    arguments: tuple[str, ...]
    why: str = ""

    @property
    def line(self) -> str:
        """Its line in a requirements file; an editable package is given by its folder."""
        if self.arguments[0] == "-e":
            return f"{self.name} @ {Path(self.arguments[1]).as_uri()}"
        return self.arguments[0]


@dataclass(frozen=True)
class Contents:
    """What an environment is to contain: packages from pip, packages from conda, and their channels."""

    pip: tuple[PackageRequirement, ...] = ()
    conda: tuple[PackageRequirement, ...] = ()
    channels: tuple[str, ...] = ()


def read_contents(record: Record) -> Contents:
    """Return what the environment of `record` contains now; what cannot be read is taken from `record`."""
    prefix = Path(record.path)
    if record.packed:
        return read_packed(record)
    if record.kind == "venv":
        installed = list_installed(prefix)
        found = [*installed, *list_lost(record, installed)]
        now = read_own_packages(record) or record.packages
        return Contents(pip=leave_out_usual(found, has_installed_pip(now, record.python)))
    packages = tuple(requirement_of_conda(p.name, p.version) for p in read_packages(prefix))
    installed = list_installed(prefix)
    if not packages:
        return Contents(leave_out_usual(installed or list_recorded(record)), list_recorded_of_conda(record))
    return Contents(leave_out_usual(installed), packages, tuple(list_channels(prefix)))


def requirement_of_conda(name: str, version: str) -> PackageRequirement:
    """Return a conda package by its version: builds are for one platform, and may be withdrawn."""
    return PackageRequirement(name, version, (f"{name}={version}",))


def leave_out_usual(
    found: Iterable[PackageRequirement], has_pip: bool = False
) -> tuple[PackageRequirement, ...]:
    """Return `found` without the packages of every new venv, but with pip if `has_pip`."""
    usual = IN_EVERY_VENV - {"pip"} if has_pip else IN_EVERY_VENV
    return tuple(w for w in found if canonicalize_name(w.name) not in usual)


def list_recorded_pip(record: Record) -> list[PackageRequirement]:
    """Return the pip that the user installed into the venv of `record`, if any."""
    if not has_installed_pip(record.packages, record.python):
        return []
    return [wanted for wanted in list_recorded(record) if wanted.name == "pip"]


def list_installed(prefix: Path) -> list[PackageRequirement]:
    """Return the packages that pip installed at `prefix`, including those whose metadata folder is empty.

    In a conda environment, these are the packages that conda did not install.
    """
    found: dict[str, PackageRequirement] = {}
    for path, distribution in read_owners(prefix).by_pip:
        named = METADATA_FOLDER.fullmatch(path.name)
        if distribution.is_named:
            wanted = requirement_of_distribution(distribution)
        elif named:
            wanted = exact_requirement(named[1].replace("_", "-"), named[2])
        else:
            continue
        found[str(canonicalize_name(wanted.name))] = wanted
    return sorted(found.values(), key=lambda wanted: wanted.name.casefold())


def requirement_of_distribution(distribution: PathDistribution) -> PackageRequirement:
    """Return the requirement that installs `distribution` from its origin."""
    name, version = str(distribution.metadata["Name"]), str(distribution.version)
    origin = read_origin(distribution.read_text("direct_url.json"))
    url = str(origin.get("url", ""))
    exactly = exact_requirement(name, version)
    if exactly.why or not url:
        return exactly
    if origin.get("dir_info", {}).get("editable") and url.startswith("file://"):
        return PackageRequirement(name, version, ("-e", unquote(urlsplit(url).path)))
    return PackageRequirement(name, version, (describe_requirement(distribution),))


def exact_requirement(name: str, version: str) -> PackageRequirement:
    """Return the requirement for a version from the index; `why` is set if pip cannot install it."""
    text = f"{name}=={version}"
    try:
        found = Requirement(text)
        # A name with a URL, an extra or a version in it would mean something else.
        plain = found.name == name and str(found) == text and not ARCHIVE.fullmatch(name)
    except InvalidRequirement:
        plain = False
    if not plain:
        return PackageRequirement(name, version, (), f"{name!r} {version!r} {NO_REQUIREMENT}")
    return PackageRequirement(name, version, (text,))


def list_recorded(record: Record) -> list[PackageRequirement]:
    """Return the packages from pip in `record`."""
    found = []
    for package in record.packages:
        if record.kind == "conda" and not package.installer:
            continue
        if package.source and not package.source.endswith(FILES_OF_INDEXES):
            # The index may have another package with this name.
            why = f"it came from {package.source}, and the record does not say where that is"
            found.append(PackageRequirement(package.name, package.version, (), why))
        else:
            found.append(exact_requirement(package.name, package.version))
    return found


def list_recorded_of_conda(record: Record) -> tuple[PackageRequirement, ...]:
    """Return the packages from conda in `record`."""
    return tuple(requirement_of_conda(p.name, p.version) for p in record.packages if not p.installer)


def list_lost(record: Record, installed: Sequence[PackageRequirement]) -> list[PackageRequirement]:
    """Return the packages in `record` that are not `installed`; if none are installed, all are wanted again.

    If only some are missing, it is unknown whether they were purged with their metadata or uninstalled.
    """
    there = {canonicalize_name(wanted.name) for wanted in installed}
    lost = [wanted for wanted in list_recorded(record) if canonicalize_name(wanted.name) not in there]
    if not installed:
        return lost
    why = "it was missing (uninstalled or purged); if you want it, load the module and run: pip install"
    return [replace(w, arguments=(), why=f"{why} {shlex.quote(f'{w.name}=={w.version}')}") for w in lost]


def read_packed(record: Record) -> Contents:
    """Return the contents of the packed environment of `record`, as listed when it was packed."""
    import yaml

    prefix = Path(record.path)
    try:
        if record.kind == "venv":
            lines = read_file_text(prefix / REQUIREMENTS).splitlines()
            listed = leave_out_usual(map(read_requirement, filter(is_requirement, lines)))
            return Contents(pip=(*listed, *list_recorded_pip(record)))
        data = yaml.safe_load(read_file_text(prefix / ENVIRONMENT))
        pip = [line for entry in data["dependencies"] if isinstance(entry, dict) for line in entry["pip"]]
        return Contents(
            leave_out_usual(map(read_requirement, map(str, pip))),
            list_recorded_of_conda(record),
            tuple(map(str, data["channels"])),
        )
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        if record.kind == "venv":
            return Contents(pip=(*leave_out_usual(list_recorded(record)), *list_recorded_pip(record)))
        return Contents(conda=list_recorded_of_conda(record))


def is_requirement(line: str) -> bool:
    """Return whether a line of a requirements file that stackenv wrote is more than a comment."""
    return bool(line.strip()) and not line.startswith("#")


def read_requirement(line: str, trusted: bool = True) -> PackageRequirement:
    """Return the package in a line of `stackenv export`; URLs are used only if the line is `trusted`."""
    try:
        found = Requirement(line)
    except InvalidRequirement:
        return PackageRequirement(line, "", (), f"this {NO_REQUIREMENT}")
    if ARCHIVE.fullmatch(found.name):
        return PackageRequirement(line, "", (), "this is the name of a file, not of a package")
    version = next((s.version for s in found.specifier if s.operator == "=="), "")
    if found.url and not trusted:
        typed = shlex.quote(f"{found.name} @ {found.url}")
        why = f"it came from a URL; if you trust that, load the module and run: pip install {typed}"
        return PackageRequirement(found.name, version, (), why)
    return PackageRequirement(found.name, version, (line,))


@dataclass
class InstallReport:
    """What became of the packages that were wanted.

    Parameters
    ----------
    left_to_stack
        Packages that the modules provide: name, version before, version and module now.
    kept
        Packages that are as before: name and version.
    changed
        Packages of which only another version is available: name, version before and now.
    missing
        Packages that were not installed: name, version before, and why.
    left_behind
        What belongs to no package in the old environment, and so cannot be installed again.
    """

    left_to_stack: list[tuple[str, str, str, str]] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    changed: list[tuple[str, str, str]] = field(default_factory=list)
    missing: list[tuple[str, str, str]] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)

    def note_missing(self, package: PackageRequirement, why: str) -> None:
        """Note that `package` could not be installed."""
        self.missing.append((package.name, package.version, why))

    def split_off_impossible(self, wanted: Iterable[PackageRequirement]) -> list[PackageRequirement]:
        """Note those of `wanted` that cannot be requested at all; return the others."""
        possible = []
        for package in wanted:
            if package.why:
                self.note_missing(package, package.why)
            else:
                possible.append(package)
        return possible

    def settle(
        self, wanted: Iterable[PackageRequirement], now: Iterable[Package], stack: Stack | None = None
    ) -> None:
        """Note what became of `wanted`, now that the environment has the packages `now`.

        A package that is neither in it nor missing is in the modules of `stack`, so that pip did not
        install it.
        """
        versions = {str(canonicalize_name(p.name)): p.version for p in now}
        of_stack = {str(canonicalize_name(p.name)): p for p in (stack.packages if stack else ())}
        gone = {name for name, _, _ in self.missing}
        for package in wanted:
            name = str(canonicalize_name(package.name))
            if package.name in gone:
                continue
            if name in versions and versions[name] == (package.version or versions[name]):
                self.kept.append((package.name, versions[name]))
            elif name in versions:
                self.changed.append((package.name, package.version, versions[name]))
            elif stack and name in of_stack:
                found = of_stack[name]
                self.left_to_stack.append(
                    (package.name, package.version, found.version, stack.module_of(found))
                )
            else:
                self.note_missing(package, "it was installed, but is missing")

    def require_some(self, wanted: Sequence[PackageRequirement], hint: str) -> None:
        """Raise InstallError with `hint` if none of `wanted` was installed: there is a common cause."""
        missing = [why for name, _, why in self.missing if name in {w.name for w in wanted}]
        if wanted and len(missing) == len(wanted):
            number = format_count(len(wanted), "package")
            raise InstallError(
                f"no package could be installed ({number} requested): {missing[0]}; nothing was changed",
                hint,
            )

    def sentences(self) -> list[str]:
        """Return a sentence for each difference."""
        return [
            *(f"{n} {was}: now {new} from {module}" for n, was, new, module in self.left_to_stack),
            *(f"{n} {was}: not available; {new} was installed" for n, was, new in self.changed),
            *(f"{n} {was}: not installed: {why}" for n, was, why in self.missing),
            *(f"{name}: not copied, because it belongs to no installed package" for name in self.left_behind),
        ]


def split_off_stack(
    wanted: Iterable[PackageRequirement], pinned: Sequence[tuple[str, str, str]], report: InstallReport
) -> list[PackageRequirement]:
    """Return those of `wanted` that are not `pinned` to the modules; note the others in `report`."""
    held: Mapping[str, tuple[str, str]] = {
        str(canonicalize_name(name)): (version, module) for name, version, module in pinned
    }
    own = []
    for package in wanted:
        name = str(canonicalize_name(package.name))
        if name in held:
            report.left_to_stack.append((package.name, package.version, *held[name]))
        else:
            own.append(package)
    return own


def install_with_pip(
    record: Record,
    wanted: Sequence[PackageRequirement],
    environ: Mapping[str, str],
    pip_reports: Path,
    report: InstallReport,
    isolated: bool = True,
) -> None:
    """Install `wanted` as exactly as possible: all at once, else one by one, else in any version.

    pip's reports are written into the folder `pip_reports`; what could not be installed is noted in `report`.

    Raises
    ------
    InstallError
        If nothing at all could be installed, or the index cannot be reached.
    """

    def install(*arguments: str) -> None:
        own = () if isolated else (NO_BUILD_ISOLATION, "--no-cache-dir")
        install_packages(record, ((*own, *arguments),), environ, pip_reports)

    possible = report.split_off_impossible(wanted)
    if possible and not isolated:
        install_packages(record, (BUILD_TOOLS,), environ, pip_reports)
    try:
        # A pip that replaces the running one is installed last, by itself.
        for alone in (False, True):
            words = [w for p in possible if (p.name == "pip") == alone for w in p.arguments]
            if words:
                install(*words)
        return
    except UnreachableError:
        raise
    except InstallError:
        print_message("some versions are no longer available; installing packages one by one")
    # A package may install newer versions of others: these are corrected when their turn comes.
    for package in possible:
        why = try_each(install, package)
        if why:
            report.note_missing(package, why)
    report.require_some(
        possible, "to check that this node reaches the package index: pip download --no-deps PACKAGE"
    )


def try_each(install: Callable[..., None], package: PackageRequirement) -> str:
    """Install `package`, else any version of it; return why that failed, or an empty text."""
    try:
        install(*package.arguments)
        return ""
    except UnreachableError:
        raise
    except InstallError as error:
        why = error.reason or error.message
    if package.arguments != (f"{package.name}=={package.version}",):
        return why
    try:
        install(package.name)
        return ""
    except InstallError:
        return why


def install_with_conda(
    call: Callable[..., None],
    find_unavailable: Callable[..., set[str] | None],
    wanted: Sequence[PackageRequirement],
    report: InstallReport,
) -> None:
    """Install conda's packages `wanted` in their versions or, if these are not available, in any version.

    Parameters
    ----------
    call
        Runs conda's `create` or `install` with specifications.
    find_unavailable
        Returns the names of those that conda cannot find; None if all of them can be installed together.

    Raises
    ------
    InstallError
        If nothing at all could be installed, the channels cannot be reached, or conda failed for another
        reason, such as a full disk or an interrupted download.
    """
    left = {package.name: package for package in wanted}
    specs = {package.name: package.arguments[0] for package in wanted}
    while True:
        try:
            call("create", *specs.values())
            break
        except InstallError:
            missing = find_unavailable(*specs.values())
            if missing is None:
                raise
            unavailable = missing & specs.keys()
        if not unavailable and all(spec == name for name, spec in specs.items()):
            install_each(call, [left[name] for name in specs], report)
            break
        for name in request_any_version(specs, unavailable):
            report.note_missing(left[name], "not available in any channel")
    report.require_some(wanted, "to check that this node reaches the channels: conda search PACKAGE")


def request_any_version(specs: dict[str, str], unavailable: set[str]) -> set[str]:
    """Let `specs` request any version of the `unavailable`; remove and return those that already did.

    If conda names none, all of them together cannot be installed.
    """
    gone = {name for name in unavailable if specs[name] == name}
    for name in gone:
        del specs[name]
    again = (unavailable or set(specs)) - gone
    print_message(
        f"some versions are not available; trying any version of: {', '.join(sorted(again)) or 'none'}"
    )
    specs.update({name: name for name in again})
    return gone


def install_each(
    call: Callable[..., None], wanted: Sequence[PackageRequirement], report: InstallReport
) -> None:
    """Install each of `wanted` by itself, in any version."""
    call("create")
    for package in wanted:
        try:
            call("install", package.name)
        except InstallError as error:
            report.note_missing(package, error.message.split(";")[0])


def ask_unavailable(conda: str, arguments: Sequence[str], environ: Mapping[str, str]) -> set[str] | None:
    """Return the names of the packages that `conda ARGUMENTS` does not find in any channel.

    None if it finds all of them, and they are compatible.

    Raises
    ------
    UnreachableError
        If it cannot reach any channel.
    """
    answer = read_answer(run_conda(conda, [*arguments, "--dry-run", "--json"], environ).stdout)
    words = str(answer.get("message") or answer.get("error") or "")
    if answer.get("exception_name") in UNREACHABLE:
        raise UnreachableError(
            f"conda cannot reach any channel: {words.splitlines()[0] if words else 'no answer'}; "
            "nothing was changed",
            "on many sites, only the login nodes reach the internet: run the same command there",
        )
    if answer.get("success"):
        return None
    named = [answer.get("packages") or (), *(answer.get("bad_deps") or ())]
    specs = [spec for specs in named if isinstance(specs, (list, tuple)) for spec in specs]
    names = {re.split(r"[\s=<>!~\[]", str(spec).rpartition("::")[2], maxsplit=1)[0] for spec in specs}
    return names | set(NOT_PROVIDED.findall(words))
