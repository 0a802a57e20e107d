"""What makes a venv in its folder, and what is known of it when it is complete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from stackenv.environments.compiled import list_needed_features
from stackenv.environments.package_owners import read_own_packages
from stackenv.environments.stack import Stack
from stackenv.environments.venv_install import make_folder, make_venv, write_files
from stackenv.environments.venv_module import describe_venv_files
from stackenv.output import format_count
from stackenv.record import Package, Record
from stackenv.transactions.plan import RemoveTree, Step


def making_steps(
    record: Record, stack: Stack, proof: str, system_site_packages: bool = True
) -> tuple[Step, ...]:
    """Return the steps that make the venv of `record`, without packages of its own."""
    assert record.python is not None
    python, path = record.python, Path(record.path)
    below = f" of the module {python.module}" if python.module else ""
    return (
        Step(
            f"make the folder {path}",
            lambda: make_folder(path, Path(proof)),
            (RemoveTree(str(path), proof),),
        ),
        Step(
            f"make a venv with Python {python.version}{below}",
            lambda: make_venv(path, python, record.name, system_site_packages, stack.environ),
        ),
        Step(
            f"put the packages in order, and hold {format_count(len(record.pinned), 'package')} of the stack",
            lambda: write_files(describe_venv_files(record)),
        ),
    )


def complete_record(
    record: Record, environ: Mapping[str, str], told: Mapping[tuple[str, str], Package]
) -> Record:
    """Return `record` with the packages that are there now, and what pip has `told` of them."""
    packages = tuple(
        replace(told.get((p.name.lower(), p.version), p), name=p.name, version=p.version, location=p.location)
        for p in read_own_packages(replace(record, packages=()))
    )
    features = list_needed_features(packages, Path(record.path), environ)
    return replace(record, packages=packages, cpu_features=features)


def read_report(path: Path) -> dict[tuple[str, str], Package]:
    """Return what pip's report (its `--report`, format 1) tells of each package it installed."""
    if not path.is_file():
        return {}
    found = {}
    for item in json.loads(path.read_text(encoding="utf-8")).get("install", []):
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        download = item.get("download_info", {})
        hashes = download.get("archive_info", {}).get("hashes", {})
        source = urlsplit(download.get("url", "")).path.rpartition("/")[2]
        found[(name.lower(), version)] = Package(name, version, "", source, hashes.get("sha256", ""))
    return found
