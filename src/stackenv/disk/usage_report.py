"""How much space environments and caches use, and how much of the site's limits that is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stackenv.account.storage_places import Place, list_places, list_project_places
from stackenv.configuration.settings import SiteConfiguration
from stackenv.disk.limits import Limit, probe_limits
from stackenv.disk.usage import TreeUsage, measure_trees
from stackenv.output import showing_count


@dataclass(frozen=True)
class Measured:
    """A place, and how much it uses."""

    place: Place
    usage: TreeUsage


@dataclass(frozen=True)
class Share:
    """The bytes, or the files, of one limit: the use of the listed places, the use in all, and the limit.

    None means unknown, or no limit.
    """

    listed: int
    used: int | None
    limit: int | None


@dataclass(frozen=True)
class UsageReport:
    """How much the places use, the largest first, and the limits with their shares of bytes and of files."""

    measured: tuple[Measured, ...]
    limits: tuple[Limit, ...]
    shares: tuple[tuple[Share, Share], ...]


def report_usage(
    modules: Sequence[tuple[str, str]],
    shared: Path | None,
    environ: Mapping[str, str],
    configuration: SiteConfiguration,
    by_files: bool,
) -> UsageReport:
    """Return how much the account, or the project `shared`, uses; show the progress on a terminal.

    Parameters
    ----------
    modules
        Full names and environments of the personal modules.
    by_files
        Sort by the number of files, not by size.
    """
    places = list_project_places(shared, modules) if shared else list_places(environ, configuration, modules)
    measured = measure(places)
    limits = probe_limits(configuration.limits, environ)
    shares = share_limits(limits, measured)
    measured.sort(key=lambda m: m.usage.all_inodes if by_files else m.usage.all_bytes, reverse=True)
    return UsageReport(tuple(measured), limits, shares)


def measure(places: Sequence[Place]) -> list[Measured]:
    """Return how much each of `places` uses; show the progress on a terminal."""
    with showing_count("counting", "files") as advance:
        found = measure_trees({str(place.path): place.path for place in places}, on_progress=advance)
    return [Measured(place, found[str(place.path)]) for place in places]


def share_limits(limits: Sequence[Limit], measured: Sequence[Measured]) -> tuple[tuple[Share, Share], ...]:
    """Return the shares of bytes and files of each limit; a place counts for the nearest limit above it."""
    folders = [os.path.realpath(limit.path) for limit in limits]
    listed = [[0, 0] for _ in limits]
    for found in measured:
        real = os.path.realpath(found.place.path)
        above = [n for n, folder in enumerate(folders) if f"{real}/".startswith(f"{folder.rstrip('/')}/")]
        if above:
            sums = listed[max(above, key=lambda n: len(folders[n]))]
            sums[0] += found.usage.counted_bytes
            sums[1] += found.usage.counted_inodes
    return tuple(
        (
            Share(size, limit.bytes_used, limit.bytes_limit),
            Share(files, limit.files_used, limit.files_limit),
        )
        for limit, (size, files) in zip(limits, listed)
    )
