"""Who has installed the packages of an environment: conda, or pip and what is like it. Each has one owner."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from stackenv.conda.environments import describe_package, list_files, read_notes
from stackenv.environments.own_packages import (
    InstalledDistribution,
    describe_requirement,
    read_distributions,
    read_site_packages,
    sort_named,
)
from stackenv.record import Package, Record

# What of a distribution is in a list of files; without one of them Python does not know it.
METADATA = ("METADATA", "RECORD", "PKG-INFO")
# The name in the path of a distribution's metadata.
METADATA_PATH = re.compile(
    r"(?:.*/)?site-packages/([^/-]+)[^/]*\.(?:dist-info|egg-info|egg|egg-link)(?:/.*)?"
)


@dataclass(frozen=True)
class Owners:
    """The packages of an environment by who has installed them.

    Parameters
    ----------
    by_conda
        What conda-meta has of each package that is conda's still: pip can have replaced it.
    by_pip
        Where each other package has its metadata, or the link to its sources, and these.
    """

    by_conda: tuple[Mapping[str, Any], ...]
    by_pip: tuple[tuple[Path, InstalledDistribution], ...]

    @property
    def distributions(self) -> list[Distribution]:
        """What pip, or a tool like it, has installed, by name."""
        return sort_named(distribution for _, distribution in self.by_pip)

    def find_requirement(self, distribution: Distribution, prefix: Path) -> str:
        """Return what installs `distribution` again: conda's NAME=VERSION, or what pip takes for it."""
        place = getattr(distribution, "place", None)
        if place is not None and place not in [path for path, _ in self.by_pip]:
            for note in self.by_conda:
                if list_metadata(place, prefix) & list_files(note).keys():
                    return f"{note['name']}={note['version']}"
        return describe_requirement(distribution)


def read_owners(prefix: Path) -> Owners:
    """Return who has installed what at `prefix`: all is pip's where there is no conda-meta."""
    notes = tuple(read_notes(prefix))
    noted = {name: sha256 for note in notes for name, sha256 in list_files(note).items()}
    by_pip = tuple((p, d) for p, d in read_distributions(prefix) if not is_of_conda(d, p, prefix, noted))
    taken = {str(canonicalize_name(d.metadata["Name"])) for _, d in by_pip if d.is_named}
    taken |= {name_of(str(path)) for path, _ in by_pip}
    return Owners(tuple(note for note in notes if not is_replaced(note, taken)), by_pip)


def read_own_packages(record: Record) -> tuple[Package, ...]:
    """Return the packages of the environment of `record` as it is now, with what the record knows of them."""
    prefix = Path(record.path)
    if record.packed:
        return record.packages
    if record.kind == "conda":
        owners = read_owners(prefix)
        by_pip = ((str(d.metadata["Name"]), str(d.version)) for d in owners.distributions)
        return (
            *map(describe_package, owners.by_conda),
            *(Package(name, version, installer="pip") for name, version in by_pip),
        )
    known = {(package.name, package.version): package for package in record.packages}
    return tuple(
        replace(
            known.get((d.metadata["Name"], d.version), Package(d.metadata["Name"], d.version)),
            location=str(Path(str(d.locate_file(""))).resolve()),
        )
        for d in read_site_packages(prefix)
    )


def count_by_installer(packages: Sequence[Package]) -> str:
    """Return how many packages of a conda environment there are, in words: in all, of conda and of pip."""
    count = f"{len(packages)} package{'' if len(packages) == 1 else 's'}"
    of_pip = sum(package.installer == "pip" for package in packages)
    return f"{count} ({len(packages) - of_pip} from conda, {of_pip} from pip)" if of_pip else count


def list_requirements(prefix: Path) -> list[tuple[str, str]]:
    """Return name and requirement of each package of pip's at `prefix`, as pip freeze has it."""
    return [(d.metadata["Name"], describe_requirement(d)) for d in read_owners(prefix).distributions]


def is_of_conda(
    distribution: InstalledDistribution, path: Path, prefix: Path, noted: Mapping[str, str]
) -> bool:
    """Tell whether conda has installed `distribution`, with its metadata at `path`, and has it still.

    conda-meta, with the files `noted` at `prefix`, decides, unless INSTALLER says that pip, uv or poetry has
    put the same version in its place since: theirs is another file than conda's.
    """
    installer = (distribution.read_text("INSTALLER") or "").strip()
    if installer == "conda":
        return True
    if not list_metadata(path, prefix) & noted.keys():
        return False
    if not installer:
        return True
    file = path / "INSTALLER"
    expected = noted.get(str(file.relative_to(prefix)))
    if expected is None:
        return False
    # Of packages from before conda 4.4 no hashes are noted.
    return not expected or expected == hashlib.sha256(file.read_bytes()).hexdigest()


def list_metadata(path: Path, prefix: Path) -> set[str]:
    """Return what of the metadata at `path` a list of files can have, relative to `prefix`."""
    if not path.is_relative_to(prefix):
        return set()
    name = str(path.relative_to(prefix))
    return {name, *(f"{name}/{file}" for file in METADATA)}


def is_replaced(note: Mapping[str, Any], taken: Collection[str]) -> bool:
    """Tell whether others have put theirs in the place of the package of `note`, and told conda nothing.

    `taken` are the names of what others have installed. conda's own name can be another: pytorch is torch.
    """
    files = list_files(note)
    names = {name_of(file) for file in files} - {""}
    if not names and any("/site-packages/" in file for file in files):
        names = {str(canonicalize_name(note["name"]))}
    return bool(names) and names <= {*taken}


def name_of(path: str) -> str:
    """Return the name of the distribution whose metadata the file or folder `path` is; empty if of none."""
    # Of the hundreds of thousands of files of an environment few are worth the pattern.
    found = METADATA_PATH.fullmatch(path) if "-info" in path or ".egg" in path else None
    return str(canonicalize_name(found[1])) if found else ""
