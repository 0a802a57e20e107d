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

# Who has installed the pip that is copied into a venv when it is made.
ENSUREPIP = "ensurepip"
# Whose installer this is has no code: it is what the modules bring, shown to uv (environments/stubs.py).
STUB_INSTALLER = "stackenv\n"
# All that there is in the folder of a stub.
STUB_FILES = frozenset({"METADATA", "WHEEL", "top_level.txt", "entry_points.txt", "INSTALLER", "RECORD"})
# What of a distribution is in a list of files; without one of them Python does not know it.
METADATA = ("METADATA", "RECORD", "PKG-INFO")
# The name in the path of a distribution's metadata.
METADATA_PATH = re.compile(
    r"(?:.*/)?site-packages/([^/-]+)[^/]*\.(?:dist-info|egg-info|egg|egg-link)(?:/.*)?"
)


class InstalledDistribution(PathDistribution):
    """What is installed, read whatever its bytes: a setup.py of old wrote its author's name in Latin-1."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.place = path

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """Return the text of one file of the metadata; None when there is no such file."""
        found = read_plain(self.place / filename)
        if found is None:
            # "" is the metadata itself where that is a file: without it there is none, and nothing raised.
            return None if filename else ""
        return found.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")

    @functools.cached_property
    def metadata(self) -> PackageMetadata:
        """What METADATA or PKG-INFO says, read once: it holds the whole of a README."""
        return super().metadata

    @property
    def is_named(self) -> bool:
        """Whether it says its name and its version."""
        return all(key in self.metadata and self.metadata[key] for key in ("Name", "Version"))


class LinkedDistribution(InstalledDistribution):
    """What `setup.py develop` has installed: a line in `link`, NAME.egg-link, leads to the sources.

    pip before 25 installs a project that has only a setup.py so, when told --editable, and so does any pip
    with a setuptools before 64. It tells of itself what PEP 610 has pip note of editable packages today.

    Parameters
    ----------
    link
        The file.
    """

    def __init__(self, link: Path) -> None:
        lines = read_file_text(link, errors="surrogateescape").splitlines() or [""]
        self.name_of_link, self.sources = link.stem, Path(lines[0].strip())
        # The second line leads from there to the setup.py, which is elsewhere when the sources are in src.
        self.project = Path(os.path.normpath(self.sources / (lines[1].strip() if len(lines) > 1 else "")))
        name = canonicalize_name(link.stem)
        found = (p for p in self.sources.glob("*.egg-info") if canonicalize_name(p.stem) == name)
        super().__init__(next(found, self.sources / f"{link.stem}.egg-info"))

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """Return the text of one file of the metadata; None when there is no such file."""
        if filename == "INSTALLER":
            return "pip"
        if filename == "direct_url.json":
            return json.dumps({"url": self.project.as_uri(), "dir_info": {"editable": True}})
        text = super().read_text(filename)
        if text is None and filename == "PKG-INFO":
            # The sources are gone: that it was installed is known still.
            return f"Metadata-Version: 1.0\nName: {self.name_of_link}\nVersion: 0+unknown\n"
        return text


def read_distributions(prefix: Path) -> list[tuple[Path, InstalledDistribution]]:
    """Return what is in the site-packages at `prefix`, with its metadata, or with the link to its sources.

    Not the stubs of what its modules bring, which are not in it, nor links to stubs elsewhere.
    """
    links = (path for path in sorted(find_in_packages(prefix, "*.egg-link")) if is_link_to_sources(path))
    return [
        *((path, InstalledDistribution(path)) for path in list_metadata(prefix) if not says_stub(path)),
        *((path, LinkedDistribution(path)) for path in links),
    ]


def is_stub(path: Path) -> bool:
    """Return whether `path` is a stub: what is behind a link is of somebody else, who may need it."""
    return says_stub(path) and not path.is_symlink()


def says_stub(path: Path) -> bool:
    """Return whether the metadata at `path` are stackenv's, of a package that the modules bring.

    A purge of old files can have taken the file that says so: then RECORD has its name and hash still, and
    where that is gone too, as nothing but METADATA is read often, the record of the environment has its name.
    """
    installer = read_plain(path / "INSTALLER")
    if installer is not None:
        return installer == STUB_INSTALLER.encode()
    listed = read_plain(path / "RECORD")
    if listed is not None:
        return f"/INSTALLER,{hash_text(STUB_INSTALLER)},".encode() in listed
    return path.suffix == ".dist-info" and is_rest_of_stub(path)


def is_rest_of_stub(folder: Path) -> bool:
    """Return whether `folder` holds only files of a stub that the environment records."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 (names are enough)
        text = read_file_text(folder.parents[3] / RECORD_FILE, errors="surrogateescape")
        record = parse_record(text, "")
    except (OSError, StackenvError):
        return False
    return STUB_FILES.issuperset(names) and folder.name in map(name_stub_folder, record.stubs)


def name_stub_folder(stub: Stub) -> str:
    """Return what the folder of `stub` is called: as pip would call that of its package's metadata."""
    name, version = re.sub(r"[^\w.]+", "_", stub.name), stub.version.replace("-", "_")
    return f"{name}-{version}.dist-info"


def hash_text(text: str) -> str:
    """Return the hash of `text` as RECORD has it (PEP 376)."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def is_link_to_sources(path: Path) -> bool:
    """Return whether the egg-link `path` can be read, and names a folder from the root."""
    return (read_plain(path) or b"").startswith(b"/")


def read_site_packages(prefix: Path) -> list[InstalledDistribution]:
    """Return the distributions in the site-packages of the environment at `prefix`, by name.

    Not those whose metadata are lost, or say no name or version.
    """
    return sort_named(distribution for _, distribution in read_distributions(prefix))


def sort_named(distributions: Iterable[InstalledDistribution]) -> list[InstalledDistribution]:
    """Return those of `distributions` that say their name and version, by name, and of a name the last."""
    named = {d.metadata["Name"]: d for d in distributions if d.is_named}
    return [named[name] for name in sorted(named, key=str.casefold)]


def list_metadata(prefix: Path) -> list[Path]:
    """Return where the packages in the site-packages at `prefix` have their metadata.

    Not what begins with ~: so pip renames what it is about to take away, and leaves it when it is killed.
    """
    kinds = ("*.dist-info", "*.egg-info", "*.egg/EGG-INFO")
    found = (path for kind in kinds for path in find_in_packages(prefix, kind))
    return sorted(path for path in found if "/site-packages/~" not in str(path))


def read_record_rows(distribution: Distribution) -> list[list[str]]:
    """Return the lines of RECORD (PEP 376): path, hash and size of each file; none without one.

    Not by `Distribution.files`, which leaves out files that are gone, and looks for each (Python 3.12 and
    later).
    """
    return list(csv.reader((distribution.read_text("RECORD") or "").splitlines()))


def describe_requirement(distribution: Distribution) -> str:
    """Return what pip takes to install `distribution` again: its version, or its origin (PEP 610)."""
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
    """Return what direct_url.json (PEP 610) says; empty when it is not there, or is not of that form."""
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
    """Return the packages at `prefix` that came from a URL or a path, with the last word of it (PEP 610)."""
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

    Those of the most packages first: conda takes each package from the first channel that has it.
    """
    counted: dict[str, int] = {}
    for note in read_notes(prefix):
        if isinstance(note.get("channel"), str):
            channel = name_channel(note["channel"], str(note.get("subdir") or ""))
            counted[channel] = counted.get(channel, 0) + 1
    return sorted(counted, key=lambda channel: (-counted[channel], channel))


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
    def distributions(self) -> list[InstalledDistribution]:
        """What pip, or a tool like it, has installed, by name."""
        return sort_named(distribution for _, distribution in self.by_pip)

    def find_requirement(self, distribution: Distribution, prefix: Path) -> str:
        """Return what installs `distribution` again: conda's NAME=VERSION, or what pip takes for it."""
        place = getattr(distribution, "place", None)
        if place is not None and place not in [path for path, _ in self.by_pip]:
            for note in self.by_conda:
                if name_metadata_files(place, prefix) & list_files(note).keys():
                    return f"{note['name']}={note['version']}"
        return describe_requirement(distribution)


def read_owners(prefix: Path) -> Owners:
    """Return who has installed what at `prefix`: all is pip's where there is no conda-meta."""
    notes = tuple(read_notes(prefix))
    noted = {name: sha256 for note in notes for name, sha256 in list_files(note).items()}
    by_pip = tuple((p, d) for p, d in read_distributions(prefix) if not is_of_conda(d, p, prefix, noted))
    taken = {str(canonicalize_name(d.metadata["Name"])) for _, d in by_pip if d.is_named}
    taken |= {name_distribution(str(path)) for path, _ in by_pip}
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


def has_installed_pip(packages: Sequence[Package], python: Python | None) -> bool:
    """Return whether one of `packages`, a venv's on `python`, is a pip that somebody has installed there.

    The copy that venv makes is none: it is noted since stackenv 0.2, and before that known by its version.
    """
    pip = next((package for package in packages if package.name == "pip"), None)
    if pip is None or pip.installer == ENSUREPIP:
        return False
    return python is None or not has_bundled_pip(Path(python.executable), pip.version)


def has_bundled_pip(executable: Path, version: str) -> bool:
    """Return whether the ensurepip of the Python `executable` copies pip `version`: it has its wheel."""
    wheels = executable.parents[1].glob(f"lib*/python3*/ensurepip/_bundled/pip-{version}-*.whl")
    return any(wheels)


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
    """Return whether conda has installed `distribution`, with its metadata at `path`, and has it still.

    conda-meta, with the files `noted` at `prefix`, decides, unless INSTALLER says that pip, uv or poetry has
    put the same version in its place since: theirs is another file than conda's.
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
    # Of packages from before conda 4.4 no hashes are noted.
    return not expected or expected == hashlib.sha256(read_file_bytes(file)).hexdigest()


def name_metadata_files(path: Path, prefix: Path) -> set[str]:
    """Return what of the metadata at `path` a list of files can have, relative to `prefix`."""
    if not path.is_relative_to(prefix):
        return set()
    name = str(path.relative_to(prefix))
    return {name, *(f"{name}/{file}" for file in METADATA)}


def is_replaced(note: Mapping[str, Any], taken: Collection[str]) -> bool:
    """Return whether others have put theirs in the place of the package of `note`, without conda.

    `taken` are the names of what others have installed. conda's own name can be another: pytorch is torch.
    """
    files = list_files(note)
    names = {name_distribution(file) for file in files} - {""}
    if not names and any("/site-packages/" in file for file in files):
        names = {str(canonicalize_name(note["name"]))}
    return bool(names) and names <= {*taken}


def name_distribution(path: str) -> str:
    """Return the name of the distribution whose metadata the file or folder `path` is; empty if of none."""
    # Of the hundreds of thousands of files of an environment few are worth the pattern.
    found = METADATA_PATH.fullmatch(path) if "-info" in path or ".egg" in path else None
    return str(canonicalize_name(found[1])) if found else ""
