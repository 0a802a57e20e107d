"""The packages in an environment, read from their metadata, and who installed each: conda or pip."""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from stackenv.conda.packages import describe_package, list_files, read_notes
from stackenv.configuration.channels import name_channel
from stackenv.environments.package_folders import find_in_packages
from stackenv.errors import StackenvError
from stackenv.plain_files import read_file_bytes, read_file_text, read_plain
from stackenv.record import RECORD_FILE, Package, Python, Record, Stub, parse_record

if TYPE_CHECKING:
    from importlib.metadata import PackageMetadata

# The recorded installer of the pip that is copied into a new venv.
ENSUREPIP = "ensurepip"
# The INSTALLER of a stub, which shows uv a package of the modules and has no code (environments/stubs.py).
STUB_INSTALLER = "stackenv\n"
# All files that the folder of a stub can contain.
STUB_FILES = frozenset({"METADATA", "WHEEL", "top_level.txt", "entry_points.txt", "INSTALLER", "RECORD"})
# Metadata files that lists of installed files contain; without any of them, Python ignores a distribution.
METADATA = ("METADATA", "RECORD", "PKG-INFO")
# Finds the name in the path of a distribution's metadata.
METADATA_PATH = re.compile(
    r"(?:.*/)?site-packages/([^/-]+)[^/]*\.(?:dist-info|egg-info|egg|egg-link)(?:/.*)?"
)


class InstalledDistribution(PathDistribution):
    """An installed distribution; its metadata may contain bytes that are not UTF-8.

    Some old packages have an author's name in Latin-1.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.place = path

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """Return the text of one file of the metadata; None if the file does not exist."""
        found = read_plain(self.place / filename)
        if found is None:
            # "" means the metadata as a single file; an empty text keeps `metadata` from raising an error.
            return None if filename else ""
        return found.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")

    @functools.cached_property
    def metadata(self) -> PackageMetadata:
        """The fields of METADATA or PKG-INFO, read only once: the file may contain a whole README."""
        return super().metadata

    @property
    def is_named(self) -> bool:
        """Whether its metadata contain a name and a version."""
        return all(key in self.metadata and self.metadata[key] for key in ("Name", "Version"))


class LinkedDistribution(InstalledDistribution):
    """A distribution that `setup.py develop` installed: NAME.egg-link contains the folder of its sources.

    With --editable, pip before 25 installs projects that have only a setup.py in this way, and every pip
    does with a setuptools before 64. This class returns the metadata that pip would store for an editable
    package today (PEP 610).

    Parameters
    ----------
    link
        The path of the egg-link.
    """

    def __init__(self, link: Path) -> None:
        lines = read_file_text(link, errors="surrogateescape").splitlines() or [""]
        self.name_of_link, self.sources = link.stem, Path(lines[0].strip())
        # The second line is the relative path from there to the setup.py, which is not beside sources in src.
        self.project = Path(os.path.normpath(self.sources / (lines[1].strip() if len(lines) > 1 else "")))
        name = canonicalize_name(link.stem)
        found = (p for p in self.sources.glob("*.egg-info") if canonicalize_name(p.stem) == name)
        super().__init__(next(found, self.sources / f"{link.stem}.egg-info"))

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """Return the text of one file of the metadata; None if the file does not exist."""
        if filename == "INSTALLER":
            return "pip"
        if filename == "direct_url.json":
            return json.dumps({"url": self.project.as_uri(), "dir_info": {"editable": True}})
        text = super().read_text(filename)
        if text is None and filename == "PKG-INFO":
            # The sources are gone, but the egg-link still shows that the package was installed.
            return f"Metadata-Version: 1.0\nName: {self.name_of_link}\nVersion: 0+unknown\n"
        return text


def read_distributions(prefix: Path) -> list[tuple[Path, InstalledDistribution]]:
    """Return the distributions in the site-packages at `prefix`, each with its metadata folder or egg-link.

    Stubs of packages of the modules, and links to such stubs elsewhere, are left out.
    """
    links = (path for path in sorted(find_in_packages(prefix, "*.egg-link")) if is_link_to_sources(path))
    return [
        *(
            (path, InstalledDistribution(path))
            for path in list_metadata(prefix)
            if not is_stub_metadata(path)
        ),
        *((path, LinkedDistribution(path)) for path in links),
    ]


def is_stub(path: Path) -> bool:
    """Return whether `path` is a stub, and not a link to one, which may belong to another environment."""
    return is_stub_metadata(path) and not path.is_symlink()


def is_stub_metadata(path: Path) -> bool:
    """Return whether the metadata at `path` are a stub of a package of the modules.

    INSTALLER says so. If a purge of old files has deleted it, RECORD still has its name and hash. If RECORD
    is gone, too (only METADATA is read often), the record of the environment has the name of the stub.
    """
    installer = read_plain(path / "INSTALLER")
    if installer is not None:
        return installer == STUB_INSTALLER.encode()
    listed = read_plain(path / "RECORD")
    if listed is not None:
        return f"/INSTALLER,{hash_text(STUB_INSTALLER)},".encode() in listed
    return path.suffix == ".dist-info" and is_rest_of_stub(path)


def is_rest_of_stub(folder: Path) -> bool:
    """Return whether `folder` contains only files of a stub that is in the environment's record."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 (names are enough)
        text = read_file_text(folder.parents[3] / RECORD_FILE, errors="surrogateescape")
        record = parse_record(text, "")
    except (OSError, StackenvError):
        return False
    return STUB_FILES.issuperset(names) and folder.name in map(name_stub_folder, record.stubs)


def name_stub_folder(stub: Stub) -> str:
    """Return the name of the folder of `stub`: the name that pip would give to the package's metadata."""
    name, version = re.sub(r"[^\w.]+", "_", stub.name), stub.version.replace("-", "_")
    return f"{name}-{version}.dist-info"


def hash_text(text: str) -> str:
    """Return the hash of `text` in the form that RECORD uses (PEP 376)."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def is_link_to_sources(path: Path) -> bool:
    """Return whether the egg-link `path` can be read and contains an absolute path."""
    return (read_plain(path) or b"").startswith(b"/")


def read_site_packages(prefix: Path) -> list[InstalledDistribution]:
    """Return the distributions in the site-packages of the environment at `prefix`, by name.

    Distributions whose metadata are missing, or contain no name or no version, are left out.
    """
    return sort_named(distribution for _, distribution in read_distributions(prefix))


def sort_named(distributions: Iterable[InstalledDistribution]) -> list[InstalledDistribution]:
    """Return `distributions` sorted by name, without unnamed ones; for each name, only the last."""
    named = {d.metadata["Name"]: d for d in distributions if d.is_named}
    return [named[name] for name in sorted(named, key=str.casefold)]


def list_metadata(prefix: Path) -> list[Path]:
    """Return the paths of the metadata of the packages in the site-packages at `prefix`.

    Names that begin with ~ are left out: pip renames folders so before it removes them, and they remain if
    it is killed.
    """
    kinds = ("*.dist-info", "*.egg-info", "*.egg/EGG-INFO")
    found = (path for kind in kinds for path in find_in_packages(prefix, kind))
    return sorted(path for path in found if "/site-packages/~" not in str(path))


def read_record_rows(distribution: Distribution) -> list[list[str]]:
    """Return the lines of RECORD (PEP 376): path, hash and size of each file; none without a RECORD.

    `Distribution.files` is not used: since Python 3.12, it checks each file and leaves out missing ones.
    """
    return list(csv.reader((distribution.read_text("RECORD") or "").splitlines()))


def describe_requirement(distribution: Distribution) -> str:
    """Return what pip needs to install `distribution` again: its version or its origin (PEP 610)."""
    name = distribution.metadata["Name"]
    origin = read_origin(distribution.read_text("direct_url.json"))
    if not origin.get("url"):
        return f"{name}=={distribution.version}"
    inside = f"#subdirectory={origin['subdirectory']}" if origin.get("subdirectory") else ""
    version = origin.get("vcs_info", {})
    if version.get("vcs") and version.get("commit_id"):
        return f"{name} @ {version['vcs']}+{origin['url']}@{version['commit_id']}{inside}"
    return f"{name} @ {origin['url']}{inside}"


def read_origin(text: str | None) -> Mapping[str, Any]:
    """Return the contents of direct_url.json (PEP 610); empty if it is missing or malformed."""
    try:
        data = json.loads(text or "{}")
        urlsplit(data.get("url", ""))
        texts = (data.get("url", ""), data.get("subdirectory", ""))
        mappings = (data.get("dir_info", {}), data.get("vcs_info", {}))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return {}
    right = all(isinstance(text, str) for text in texts) and all(isinstance(m, dict) for m in mappings)
    return data if right else {}


def read_sources(prefix: Path) -> dict[tuple[str, str], Package]:
    """Return the packages at `prefix` that came from a URL or a path, with its last part (PEP 610)."""
    found = {}
    for distribution in read_site_packages(prefix):
        url = str(read_origin(distribution.read_text("direct_url.json")).get("url", ""))
        if url:
            name, version = distribution.metadata["Name"], distribution.version
            source = urlsplit(url).path.rstrip("/").rpartition("/")[2]
            found[(name.lower(), version)] = Package(name, version, source=source)
    return found


def list_channels(prefix: Path) -> list[str]:
    """Return the channels that the packages of the conda environment at `prefix` came from.

    The channel with the most packages comes first: conda takes each package from the first that has it.
    """
    counted: dict[str, int] = {}
    for note in read_notes(prefix):
        if isinstance(note.get("channel"), str):
            channel = name_channel(note["channel"], str(note.get("subdir") or ""))
            counted[channel] = counted.get(channel, 0) + 1
    return sorted(counted, key=lambda channel: (-counted[channel], channel))


@dataclass(frozen=True)
class Owners:
    """The packages of an environment by the tool that installed them.

    Parameters
    ----------
    by_conda
        The notes in conda-meta of conda's packages, without those that pip has replaced.
    by_pip
        All other packages: the path of the metadata or the egg-link, and the distribution.
    """

    by_conda: tuple[Mapping[str, Any], ...]
    by_pip: tuple[tuple[Path, InstalledDistribution], ...]

    @property
    def distributions(self) -> list[InstalledDistribution]:
        """The distributions that pip, or a tool like it, installed, sorted by name."""
        return sort_named(distribution for _, distribution in self.by_pip)

    def find_requirement(self, distribution: Distribution, prefix: Path) -> str:
        """Return the requirement that installs `distribution` again: conda's NAME=VERSION, or pip's."""
        place = getattr(distribution, "place", None)
        if place is not None and place not in [path for path, _ in self.by_pip]:
            for note in self.by_conda:
                if name_metadata_files(place, prefix) & list_files(note).keys():
                    return f"{note['name']}={note['version']}"
        return describe_requirement(distribution)


def read_owners(prefix: Path) -> Owners:
    """Return which tool installed each package at `prefix`; without conda-meta, all are pip's."""
    notes = tuple(read_notes(prefix))
    noted = {name: sha256 for note in notes for name, sha256 in list_files(note).items()}
    by_pip = tuple((p, d) for p, d in read_distributions(prefix) if not is_of_conda(d, p, prefix, noted))
    taken = {str(canonicalize_name(d.metadata["Name"])) for _, d in by_pip if d.is_named}
    taken |= {name_distribution(str(path)) for path, _ in by_pip}
    return Owners(tuple(note for note in notes if not is_replaced(note, taken)), by_pip)


def read_own_packages(record: Record) -> tuple[Package, ...]:
    """Return the packages that the environment of `record` has now, with the details that the record has."""
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


def has_installed_pip(packages: Sequence[Package], python: Python | None) -> bool:
    """Return whether `packages`, those of a venv of `python`, include a pip that the user installed.

    The copy that venv makes does not count. stackenv 0.2 and later record it; older ones do not, and its
    version shows it.
    """
    pip = next((package for package in packages if package.name == "pip"), None)
    if pip is None or pip.installer == ENSUREPIP:
        return False
    return python is None or not has_bundled_pip(Path(python.executable), pip.version)


def has_bundled_pip(executable: Path, version: str) -> bool:
    """Return whether the ensurepip of the Python `executable` has the wheel of pip `version`."""
    wheels = executable.parents[1].glob(f"lib*/python3*/ensurepip/_bundled/pip-{version}-*.whl")
    return any(wheels)


def count_by_installer(packages: Sequence[Package]) -> str:
    """Return the number of packages of a conda environment in words: in all, from conda and from pip."""
    count = f"{len(packages)} package{'' if len(packages) == 1 else 's'}"
    of_pip = sum(package.installer == "pip" for package in packages)
    return f"{count} ({len(packages) - of_pip} from conda, {of_pip} from pip)" if of_pip else count


def list_requirements(prefix: Path) -> list[tuple[str, str]]:
    """Return the name and the requirement of each package of pip at `prefix`, as `pip freeze` prints it."""
    return [(d.metadata["Name"], describe_requirement(d)) for d in read_owners(prefix).distributions]


def is_of_conda(
    distribution: InstalledDistribution, path: Path, prefix: Path, noted: Mapping[str, str]
) -> bool:
    """Return whether `distribution`, with its metadata at `path`, is still the one that conda installed.

    It is if conda-meta lists its files (`noted`, relative to `prefix`), unless INSTALLER differs from the one
    that conda installed: then pip, uv or poetry has replaced it by the same version.
    """
    installer = (distribution.read_text("INSTALLER") or "").strip()
    if installer == "conda":
        return True
    if not name_metadata_files(path, prefix) & noted.keys():
        return False
    if not installer:
        return True
    file = path / "INSTALLER"
    expected = noted.get(str(file.relative_to(prefix)))
    if expected is None:
        return False
    # conda before 4.4 stored no hashes.
    return not expected or expected == hashlib.sha256(read_file_bytes(file)).hexdigest()


def name_metadata_files(path: Path, prefix: Path) -> set[str]:
    """Return the paths by which a list of files can contain the metadata at `path`, relative to `prefix`."""
    if not path.is_relative_to(prefix):
        return set()
    name = str(path.relative_to(prefix))
    return {name, *(f"{name}/{file}" for file in METADATA)}


def is_replaced(note: Mapping[str, Any], taken: Collection[str]) -> bool:
    """Return whether another tool than conda has replaced the package of `note`.

    `taken` are the names of the distributions that other tools installed. A conda package and its
    distribution can have different names: pytorch contains torch.
    """
    files = list_files(note)
    names = {name_distribution(file) for file in files} - {""}
    if not names and any("/site-packages/" in file for file in files):
        names = {str(canonicalize_name(note["name"]))}
    return bool(names) and names <= {*taken}


def name_distribution(path: str) -> str:
    """Return the name of the distribution to whose metadata `path` belongs; empty if to none."""
    # The pattern is slow, and an environment can have hundreds of thousands of files.
    found = METADATA_PATH.fullmatch(path) if "-info" in path or ".egg" in path else None
    return str(canonicalize_name(found[1])) if found else ""
