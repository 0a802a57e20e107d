"""A file system, or the user's share of it, is full or nearly: in bytes, or in number of files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stackenv.account.account import Account
from stackenv.account.conda_storage import find_device, list_chosen
from stackenv.account.storage_places import find_absolute, list_package_caches
from stackenv.disk.limits import Limit, probe_limits
from stackenv.health.finding import Finding
from stackenv.output import format_bytes, format_count

# Of a file system that all share a part says little: both must be small.
FULL_SHARE, NEAR_SHARE = 0.005, 0.05
FULL = {"bytes": 100 * 10**6, "files": 1000}
NEAR = {"bytes": 10 * 10**9, "files": 100_000}
HINT = "stackenv usage shows what takes it; stackenv clean removes what nobody needs any more"


def find(account: Account) -> Iterator[Finding]:
    """Yield the findings of the file systems of home, environments and caches, and of the site's limits."""
    devices: dict[int, Path] = {}
    for path in filter(is_writable, list_folders(account)):
        devices.setdefault(find_device(path), path)
    for path in devices.values():
        yield from judge_file_system(path)
    # The others are numbers alone: what is used of them takes a look at each file.
    asked = tuple(limit for limit in account.configuration.limits if limit.command)
    for limit in probe_limits(asked, account.environ):
        yield from judge_limit(limit)


def list_folders(account: Account) -> Iterator[Path]:
    """Yield the folders into which something is written for the account."""
    environ, configuration = account.environ, account.configuration
    yield account.home
    for template in configuration.personal.environments:
        path = find_absolute(template.expand(environ) or "")
        if path:
            yield path
    for what in ("envs", "pkgs"):
        yield from (path for path, _ in list_chosen(what, environ, configuration))
    yield from list_package_caches(environ, configuration)


def is_writable(path: Path) -> bool:
    """Tell whether the user can write at `path`, or make it: of other places it is no matter how full."""
    while not path.exists():
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK) and not os.statvfs(path).f_flag & os.ST_RDONLY


def judge_file_system(path: Path) -> Iterator[Finding]:
    """Yield what is wrong with the file system that `path` is on, or will be on."""
    while not path.exists():
        path = path.parent
    found = os.statvfs(path)
    # Where the file system does not limit the number of files, that is 0.
    figures = {
        "bytes": (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize),
        "files": (found.f_favail, found.f_files),
    }
    for unit, (free, total) in figures.items():
        if total > 0:
            yield from judge(f"the file system of {path}", path, unit, free, total)


def judge_limit(limit: Limit) -> Iterator[Finding]:
    """Yield what is wrong with the user's share, as the site's command tells it."""
    for unit, used, allowed in (
        ("bytes", limit.bytes_used, limit.bytes_limit),
        ("files", limit.files_used, limit.files_limit),
    ):
        if used is not None and allowed:
            yield from judge(f"your limit of {limit.path}", limit.path, unit, max(allowed - used, 0), allowed)
    if limit.problem:
        unknown = Finding(
            "quota", "unchecked", limit.problem, str(limit.path), "how full it is, is not known", ""
        )
        yield replace(unknown, hint="tell the site; stackenv usage shows what your own folders take")


def judge(what: str, path: Path, unit: str, free: int, total: int) -> Iterator[Finding]:
    """Yield the finding when of `total` bytes, or files, no more than a little is `free`."""
    amount = format_bytes(free) if unit == "bytes" else format_count(free, "file")
    allowed = format_bytes(total) if unit == "bytes" else format_count(total, "file")
    if free <= min(total * FULL_SHARE, FULL[unit]):
        yield Finding(
            "quota",
            "broken",
            f"{what} is full: {amount} of {allowed} are free",
            str(path),
            "what is written there fails or is cut off: installs, notebooks, the history of your shell",
            HINT,
        )
    elif free <= min(total * NEAR_SHARE, NEAR[unit]):
        yield Finding(
            "quota",
            "warning",
            f"{what} is nearly full: {amount} of {allowed} are free",
            str(path),
            "one more environment takes a few GB and some 20,000 files",
            HINT,
        )
