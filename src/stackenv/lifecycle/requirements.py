"""The packages that an environment is to have again, and what became of them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PathDistribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from stackenv.conda.environments import read_packages
from stackenv.environments.own_packages import describe_requirement, list_channels, read_origin
from stackenv.environments.package_owners import read_owners
from stackenv.environments.packed import ENVIRONMENT, REQUIREMENTS
from stackenv.environments.personal_module import IN_EVERY_VENV
from stackenv.record import Record

# How a folder of metadata is named, also when a purge has left nothing in it.
METADATA_FOLDER = re.compile(r"([A-Za-z0-9][\w.]*)-([^-]+?)(?:-py[\d.]+)?\.(?:dist|egg)-info")
# What an index has; of anything else only a folder or a repository was the origin.
FILES_OF_INDEXES = (".whl", ".zip", ".tar.gz", ".tar.bz2", ".tgz")
# pip and conda take a word with such an end for a file, when the current folder has it.
ARCHIVE = re.compile(r".*\.(whl|zip|egg|conda|tar|tgz|tbz2?|txz|tlz|tar\.\w+)", re.IGNORECASE)
CONDA_SPEC = re.compile(r"([A-Za-z0-9_][\w.-]*)=([\w.+!-]+)")
# A channel by its name, as on anaconda.org; a URL leads anywhere.
CHANNEL = re.compile(r"[A-Za-z0-9][\w.-]*(/label/[\w.-]+)?")


@dataclass(frozen=True)
class Wanted:
    """A package.

    Parameters
    ----------
    name, version
        As there was; the version is empty when nobody knows it.
    arguments
        What pip, or conda, takes for exactly that.
    why
        Why it cannot even be asked for; empty when it can.
    """

    name: str
    version: str
    arguments: tuple[str, ...]
    why: str = ""

    @property
    def line(self) -> str:
        """What a file of requirements has for it; an editable one by the place that it is in."""
        if self.arguments[0] == "-e":
            return f"{self.name} @ {Path(self.arguments[1]).as_uri()}"
        return self.arguments[0]


@dataclass(frozen=True)
class Contents:
    """What an environment is to have again: packages of pip's, packages of conda's and where those are."""

    pip: tuple[Wanted, ...] = ()
    conda: tuple[Wanted, ...] = ()
    channels: tuple[str, ...] = ()


def read_contents(record: Record) -> Contents:
    """Return what the environment of `record` holds now; what cannot be read any more, by its record."""
    prefix = Path(record.path)
    if record.packed:
        return read_packed(record)
    if record.kind == "venv":
        installed = list_installed(prefix)
        return Contents(pip=leave_out_usual([*installed, *list_lost(record, installed)]))
    packages = tuple(want_of_conda(p.name, p.version) for p in read_packages(prefix))
    installed = list_installed(prefix)
    if not packages:
        return Contents(leave_out_usual(installed or list_recorded(record)), list_recorded_of_conda(record))
    return Contents(leave_out_usual(installed), packages, tuple(list_channels(prefix)))


def want_of_conda(name: str, version: str) -> Wanted:
    """Return conda's package, by its version: a build is for one platform, and is withdrawn at times."""
    return Wanted(name, version, (f"{name}={version}",))


def leave_out_usual(found: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """Return `found` without what each venv gets by itself."""
    return tuple(w for w in found if canonicalize_name(w.name) not in IN_EVERY_VENV)


def list_installed(prefix: Path) -> list[Wanted]:
    """Return the packages of pip's at `prefix`; those of which only an empty folder is left, too.

    In a conda environment what conda itself has not installed there.
    """
    found: dict[str, Wanted] = {}
    for path, distribution in read_owners(prefix).by_pip:
        named = METADATA_FOLDER.fullmatch(path.name)
        if distribution.is_named:
            wanted = want_distribution(distribution)
        elif named:
            wanted = want_exactly(named[1].replace("_", "-"), named[2])
        else:
            continue
        found[str(canonicalize_name(wanted.name))] = wanted
    return sorted(found.values(), key=lambda wanted: wanted.name.casefold())


def want_distribution(distribution: PathDistribution) -> Wanted:
    """Return the installed package `distribution`, from where it came."""
    name, version = str(distribution.metadata["Name"]), str(distribution.version)
    origin = read_origin(distribution.read_text("direct_url.json"))
    url = str(origin.get("url", ""))
    exactly = want_exactly(name, version)
    if exactly.why or not url:
        return exactly
    if origin.get("dir_info", {}).get("editable") and url.startswith("file://"):
        return Wanted(name, version, ("-e", unquote(urlsplit(url).path)))
    return Wanted(name, version, (describe_requirement(distribution),))


def want_exactly(name: str, version: str) -> Wanted:
    """Return the package of the index; one that pip could not be asked for says why."""
    text = f"{name}=={version}"
    try:
        found = Requirement(text)
        # A name that brings a URL with it, an extra or a version of its own would be taken for more.
        plain = found.name == name and str(found) == text and not ARCHIVE.fullmatch(name)
    except InvalidRequirement:
        plain = False
    if not plain:
        return Wanted(name, version, (), f"{name!r} {version!r} is nothing that pip could be asked for")
    return Wanted(name, version, (text,))


def list_recorded(record: Record) -> list[Wanted]:
    """Return the packages of pip's that `record` has."""
    found = []
    for package in record.packages:
        if record.kind == "conda" and not package.installer:
            continue
        if package.source and not package.source.endswith(FILES_OF_INDEXES):
            # The index may have another package of that name.
            why = f"it came from {package.source}, of which the record does not have the place"
            found.append(Wanted(package.name, package.version, (), why))
        else:
            found.append(want_exactly(package.name, package.version))
    return found


def list_recorded_of_conda(record: Record) -> tuple[Wanted, ...]:
    """Return the packages of conda's that `record` has."""
    return tuple(want_of_conda(p.name, p.version) for p in record.packages if not p.installer)


def list_lost(record: Record, installed: Sequence[Wanted]) -> list[Wanted]:
    """Return what `record` has and is not among `installed`; that, when none is, is wanted again.

    Of a few nobody knows whether they were purged with their metadata, or uninstalled.
    """
    there = {canonicalize_name(wanted.name) for wanted in installed}
    lost = [wanted for wanted in list_recorded(record) if canonicalize_name(wanted.name) not in there]
    if not installed:
        return lost
    why = (
        "it was not there any more: uninstalled, or purged; if you want it, load the module and: pip install"
    )
    return [replace(w, arguments=(), why=f"{why} {shlex.quote(f'{w.name}=={w.version}')}") for w in lost]


def read_packed(record: Record) -> Contents:
    """Return what the packed environment of `record` holds, by what was written down when it was packed."""
    import yaml

    prefix = Path(record.path)
    try:
        if record.kind == "venv":
            lines = (prefix / REQUIREMENTS).read_text(encoding="utf-8").splitlines()
            return Contents(pip=leave_out_usual(map(want_line, filter(is_requirement, lines))))
        data = yaml.safe_load((prefix / ENVIRONMENT).read_text(encoding="utf-8"))
        pip = [line for entry in data["dependencies"] if isinstance(entry, dict) for line in entry["pip"]]
        return Contents(
            leave_out_usual(map(want_line, map(str, pip))),
            list_recorded_of_conda(record),
            tuple(map(str, data["channels"])),
        )
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        if record.kind == "venv":
            return Contents(pip=leave_out_usual(list_recorded(record)))
        return Contents(conda=list_recorded_of_conda(record))


def is_requirement(line: str) -> bool:
    """Tell whether a line of a requirements file of stackenv's is more than a comment."""
    return bool(line.strip()) and not line.startswith("#")


def want_line(line: str, believed: bool = True) -> Wanted:
    """Return the package of a line as `stackenv export` writes it; unless `believed` no URL is followed."""
    try:
        found = Requirement(line)
    except InvalidRequirement:
        return Wanted(line, "", (), "that is nothing that pip could be asked for")
    if ARCHIVE.fullmatch(found.name):
        return Wanted(line, "", (), "that is the name of a file, and no package")
    version = next((s.version for s in found.specifier if s.operator == "=="), "")
    if found.url and not believed:
        typed = shlex.quote(f"{found.name} @ {found.url}")
        why = f"it came from a place of its own; if you trust that, load the module and: pip install {typed}"
        return Wanted(found.name, version, (), why)
    return Wanted(found.name, version, (line,))
