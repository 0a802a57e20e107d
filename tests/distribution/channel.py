"""A conda channel in a folder: packages and the index of each platform, by the standard library alone."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# conda replaces it by the prefix in the files that hold it.
PLACEHOLDER = "/stackenv_test_distribution_placeholder_of_the_prefix"
SUBDIRS = ("noarch", "linux-64")


@dataclass(frozen=True)
class Package:
    """What the index says of a package; noarch is None, "generic" or "python"."""

    name: str
    version: str
    depends: tuple[str, ...] = ()
    noarch: str | None = None

    @property
    def subdir(self) -> str:
        return "noarch" if self.noarch else "linux-64"

    @property
    def filename(self) -> str:
        return f"{self.name}-{self.version}-0.tar.bz2"

    def index(self) -> dict[str, Any]:
        """Return the contents of info/index.json."""
        platform = {"noarch": self.noarch} if self.noarch else {"arch": "x86_64", "platform": "linux"}
        return {
            "name": self.name,
            "version": self.version,
            "build": "0",
            "build_number": 0,
            "depends": list(self.depends),
            "license": "none",
            "subdir": self.subdir,
            **platform,
        }


def write_package(
    package: Package, tree: Path, channel: Path, entry_points: Iterable[str] = ()
) -> dict[str, Any]:
    """Pack the files under `tree` as `package` into `channel`.

    Returns
    -------
    dict
        The package's entry for the index of its platform.
    """
    files = sorted(path for path in tree.rglob("*") if path.is_symlink() or path.is_file())
    paths = [describe_path(path, tree) for path in files]
    write_metadata(package, tree, paths, entry_points)
    archive = channel / package.subdir / package.filename
    archive.parent.mkdir(parents=True, exist_ok=True)
    # conda reads info to check a package: first, so that it need not unpack the rest.
    with tarfile.open(archive, "w:bz2", compresslevel=1) as tar:
        for path in [*sorted((tree / "info").iterdir()), *files]:
            tar.add(path, arcname=str(path.relative_to(tree)), filter=without_owner)
    content = archive.read_bytes()
    return {
        **package.index(),
        "md5": hashlib.md5(content).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


def describe_path(path: Path, tree: Path) -> dict[str, Any]:
    """Return the entry of a file in info/paths.json."""
    entry: dict[str, Any] = {"_path": str(path.relative_to(tree))}
    if path.is_symlink():
        return {**entry, "path_type": "softlink"}
    content = path.read_bytes()
    entry |= {
        "path_type": "hardlink",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_in_bytes": len(content),
    }
    if PLACEHOLDER.encode() in content:
        entry |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "text"}
    return entry


def write_metadata(
    package: Package, tree: Path, paths: list[dict[str, Any]], entry_points: Iterable[str]
) -> None:
    """Write the info folder of a package."""
    documents: dict[str, Any] = {
        "index.json": package.index(),
        "paths.json": {"paths": paths, "paths_version": 1},
    }
    if package.noarch == "python":
        noarch = {"type": "python", "entry_points": list(entry_points)}
        documents["link.json"] = {"noarch": noarch, "package_metadata_version": 1}
    info = tree / "info"
    info.mkdir()
    for name, document in documents.items():
        (info / name).write_text(json.dumps(document, indent=2))
    (info / "files").write_text("".join(f"{entry['_path']}\n" for entry in paths))


def without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return `member` as root's, whoever builds."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def write_index(channel: Path, records: Mapping[Package, Mapping[str, Any]]) -> None:
    """Write the index of each platform of `channel`."""
    for subdir in SUBDIRS:
        packages = {p.filename: record for p, record in records.items() if p.subdir == subdir}
        index = {
            "info": {"subdir": subdir},
            "packages": packages,
            "packages.conda": {},
            "removed": [],
            "repodata_version": 1,
        }
        (channel / subdir).mkdir(parents=True, exist_ok=True)
        for name in ("repodata.json", "current_repodata.json"):
            (channel / subdir / name).write_text(json.dumps(index, indent=2))
