"""The packages that an environment holds now, read from their metadata; nothing of it is run."""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from stackenv.conda.environments import read_notes


class InstalledDistribution(importlib.metadata.PathDistribution):
    """What is installed, read whatever its bytes: a setup.py of old wrote its author's name in Latin-1."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.place = path

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """Return the text of one file of the metadata; None when there is no such file."""
        try:
            return (self.place / filename).read_text(encoding="utf-8", errors="replace")
        except OSError:
            # "" is the metadata itself where that is a file: without it there is none, and nothing raised.
            return None if filename else ""

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
        lines = link.read_text(encoding="utf-8", errors="surrogateescape").splitlines() or [""]
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
    """Return what is in the site-packages at `prefix`, with its metadata, or with the link to its sources."""
    links = (p for p in sorted(prefix.glob("lib/python3*/site-packages/*.egg-link")) if is_link_to_sources(p))
    return [
        *((path, InstalledDistribution(path)) for path in list_metadata(prefix)),
        *((path, LinkedDistribution(path)) for path in links),
    ]


def is_link_to_sources(path: Path) -> bool:
    """Tell whether the egg-link `path` can be read, and names a folder from the root."""
    try:
        return path.read_bytes().startswith(b"/")
    except OSError:
        return False


def read_site_packages(prefix: Path) -> list[importlib.metadata.Distribution]:
    """Return the distributions in the site-packages of the environment at `prefix`, by name.

    Not those whose metadata are lost, or say no name or version.
    """
    return sort_named(distribution for _, distribution in read_distributions(prefix))


def sort_named(
    distributions: Iterable[InstalledDistribution],
) -> list[importlib.metadata.Distribution]:
    """Return those of `distributions` that say their name and version, by name, and of a name the last."""
    named = {d.metadata["Name"]: d for d in distributions if d.is_named}
    return [named[name] for name in sorted(named, key=str.casefold)]


def list_metadata(prefix: Path) -> list[Path]:
    """Return where the packages in the site-packages at `prefix` have their metadata.

    Not what begins with ~: so pip renames what it is about to take away, and leaves it when it is killed.
    """
    kinds = ("*.dist-info", "*.egg-info", "*.egg/EGG-INFO")
    found = (path for kind in kinds for path in prefix.glob(f"lib/python3*/site-packages/{kind}"))
    return sorted(path for path in found if "/site-packages/~" not in str(path))


def describe_requirement(distribution: importlib.metadata.Distribution) -> str:
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


def name_channel(text: str, subdir: str) -> str:
    """Return the channel as it is typed: conda-meta has it with the platform's folder behind, as a URL."""
    channel = text.rstrip("/")
    for folder in filter(None, (subdir, "noarch")):
        if channel.endswith(f"/{folder}"):
            channel = channel[: -len(folder) - 1]
            break
    prefix = "https://conda.anaconda.org/"
    return channel[len(prefix) :] if channel.startswith(prefix) else channel
