"""The packages that an environment holds now, read from their metadata; nothing of it is run."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stackenv.facts.conda_environment import read_packages
from stackenv.model.environment import Package, Record


def read_site_packages(prefix: Path) -> list[importlib.metadata.Distribution]:
    """Return the distributions in the site-packages of the environment at `prefix`, by name."""
    folders = [str(folder) for folder in prefix.glob("lib/python3*/site-packages")]
    named = {d.metadata["Name"]: d for d in importlib.metadata.distributions(path=folders)}
    return [named[name] for name in sorted(filter(None, named), key=str.casefold)]


def read_own_packages(record: Record) -> tuple[Package, ...]:
    """Return the packages of the environment of `record` as it is now, with what the record knows of them."""
    prefix = Path(record.path)
    if record.packed:
        return record.packages
    if record.kind == "conda":
        return read_packages(prefix)
    known = {(package.name, package.version): package for package in record.packages}
    return tuple(
        replace(
            known.get((d.metadata["Name"], d.version), Package(d.metadata["Name"], d.version)),
            location=str(Path(str(d.locate_file(""))).resolve()),
        )
        for d in read_site_packages(prefix)
    )


def list_requirements(prefix: Path, installers: frozenset[str] | None = None) -> list[tuple[str, str]]:
    """Return name and requirement of each package in the site-packages of `prefix`, as pip freeze has it.

    `installers` limits them to what these programs have installed (PEP 627, INSTALLER).
    """
    found = []
    for distribution in read_site_packages(prefix):
        installer = (distribution.read_text("INSTALLER") or "").strip()
        if installers is None or installer in installers:
            found.append((distribution.metadata["Name"], describe_requirement(distribution)))
    return found


def describe_requirement(distribution: importlib.metadata.Distribution) -> str:
    """Return what pip takes to install `distribution` again: its version, or its origin (PEP 610)."""
    name = distribution.metadata["Name"]
    origin = read_origin(distribution.read_text("direct_url.json"))
    if not origin.get("url"):
        return f"{name}=={distribution.version}"
    if "vcs_info" in origin:
        version = origin["vcs_info"]
        return f"{name} @ {version['vcs']}+{origin['url']}@{version['commit_id']}"
    return f"{name} @ {origin['url']}"


def read_origin(text: str | None) -> Mapping[str, Any]:
    """Return what direct_url.json says; empty when it is not there or says nothing that can be read."""
    try:
        data = json.loads(text or "{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def list_channels(prefix: Path) -> list[str]:
    """Return the channels that the packages of the conda environment at `prefix` came from.

    Those of the most packages first: conda takes each package from the first channel that has it.
    """
    counted: dict[str, int] = {}
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            channel = name_channel(data["channel"], data.get("subdir", ""))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
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
