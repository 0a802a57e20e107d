"""Storage: file systems that are purged or full, and packages and environments on different ones."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from stackenv.account.account import Account, find_variable_places
from stackenv.account.caches import list_caches, list_own_caches
from stackenv.conda.foreign_packages import find_foreign
from stackenv.conda.storage import find_device, list_chosen, list_conda_prefixes, list_package_caches
from stackenv.configuration.caches import CACHE_VARIABLES
from stackenv.disk.limits import Limit, probe_limits
from stackenv.disk.purged_storage import find_purged_folder
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding
from stackenv.output import format_bytes, format_count
from stackenv.user_paths import find_absolute, is_own


def find_purged_storage(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding when the environment is on storage that is purged of old files."""
    purged = find_purged_folder(environment.prefix, environment.environ, environment.configuration)
    if purged:
        name = environment.full_name
        yield Finding(
            "purged-storage",
            "warning",
            f"it is on storage where the site deletes files that were not read for some time: {purged}",
            str(environment.prefix),
            "rarely used files of packages disappear one by one, and imports fail",
            f"to move it to the site's folder for environments: stackenv rebuild {name}",
        )


UV, UV_CACHE_DIR = "uv", "UV_CACHE_DIR"
CONDA_FOLDERS = {"envs": "environments", "pkgs": "packages"}


def find_storage_purged(account: Account) -> Iterator[Finding]:
    """Yield a finding for each cache, conda environment and variable that points to purged storage.

    Environments with a module have findings of their own, and the rule `condarc-policy` checks condarc files.
    Only caches whose files become part of environments count: pip, Hugging Face and PyTorch download again
    what is lost.
    """
    environ, configuration = account.environ, account.configuration
    reported = set()
    for what, title in CONDA_FOLDERS.items():
        for path, named in list_chosen(what, environ, configuration):
            purged = find_purged_folder(path, environ, configuration)
            if purged and named.startswith("CONDA_") and path not in reported:
                reported.add(path)
                where = ", ".join([named, *find_variable_places(named, account)])
                hint = advise_unset(named, "the site's module then sets it correctly")
                yield report_purged(f"conda is configured to keep {title} in {path}", where, purged, hint)
    for path in list_package_caches(environ, configuration):
        purged = find_purged_folder(path, environ, configuration)
        if purged and path.is_dir() and path not in reported:
            reported.add(path)
            hint = f"conda will create another in the site's folder; {advise_removal(path)}"
            yield report_purged(f"conda's packages are in {path}", str(path), purged, hint)
    for cache in itertools.islice(list_caches(UV, environ, configuration), 1):
        purged = find_purged_folder(cache, environ, configuration)
        if purged and cache.is_dir():
            where = ", ".join([str(cache), *find_variable_places(UV_CACHE_DIR, account)])
            hint = advise_uv(account, account.home / ".cache/uv")
            yield report_purged(f"uv's packages are in {cache}", where, purged, hint)
    for prefix in list_conda_prefixes(environ, configuration):
        purged = find_purged_folder(prefix, environ, configuration)
        if purged and not (prefix / "stackenv").exists():
            typed = shlex.join(("conda", "create", "--clone", str(prefix), "--name", prefix.name))
            what = f"the conda environment {prefix.name} is in {prefix.parent}"
            yield report_purged(what, str(prefix), purged, f"to copy it to the site's folder: {typed}")


def advise_removal(path: Path) -> str:
    """Return how to delete the package cache `path`; only conda's files if the folder contains others."""
    has_more = not all(map(is_of_cache, path.iterdir())) or find_foreign([path])
    if is_own(path) and not path.is_symlink() and not has_more:
        return f"to delete this one: {shlex.join(('rm', '-r', str(path)))}"
    typed = shlex.join(("env", f"CONDA_PKGS_DIRS={path}", "stackenv", "clean"))
    return f"this one also holds other files; to delete only conda's: {typed}"


def is_of_cache(path: Path) -> bool:
    """Return whether conda puts files like `path` into a package cache."""
    if path.name in ("cache", "urls", "urls.txt") or path.name.endswith((".conda", ".tar.bz2")):
        return True
    return (path / "info/index.json").is_file()


def report_purged(what: str, where: str, purged: str, hint: str) -> Finding:
    """Return the finding that `what` is on the purged storage `purged`."""
    return Finding(
        "storage-purged",
        "warning",
        f"{what}, which is purged storage",
        where,
        f"the site deletes old files in {purged}; files of packages have old dates, so single ones go first",
        hint,
    )


class LinkedPlaces(NamedTuple):
    """Where `tool` puts environments, and the packages that it links into them, each with its source."""

    tool: str
    environments: tuple[Path, str]
    packages: tuple[Path, str]
    hint: str


def find_storage_split(account: Account) -> Iterator[Finding]:
    """Yield a finding for each tool whose packages and environments are on different file systems.

    If there are several folders, those that the tool uses first count.
    """
    for places in filter(None, (describe_conda_places(account), describe_uv_places(account))):
        if find_device(places.environments[0]) != find_device(places.packages[0]):
            yield report_split(places, account)


def describe_conda_places(account: Account) -> LinkedPlaces | None:
    """Return where conda puts new environments and packages; None if one of them is unknown."""
    environ, configuration = account.environ, account.configuration
    environments = next(iter(list_chosen("envs", environ, configuration)), None)
    packages = next(iter(list_chosen("pkgs", environ, configuration)), None)
    if not environments or not packages:
        return None
    variable = packages[1] if packages[1].startswith("CONDA_") else environments[1]
    if variable.startswith("CONDA_"):
        hint = advise_unset(variable, "the site's module then sets it correctly")
    else:
        hint = advise_export("CONDA_PKGS_DIRS", environments[0].parent / "pkgs")
    return LinkedPlaces("conda", environments, packages, hint)


def describe_uv_places(account: Account) -> LinkedPlaces | None:
    """Return where new venvs and uv's cache are; None if there is no cache yet, or uv copies files."""
    environ, configuration = account.environ, account.configuration
    cache = next(list_caches(UV, environ, configuration), None)
    folders = (find_absolute(f.expand(environ) or "") for f in configuration.personal.environments)
    environments = next((folder for folder in folders if folder and folder.parent.is_dir()), None)
    if not cache or not environments or not cache.is_dir() or environ.get("UV_LINK_MODE") == "copy":
        return None
    named = "uv's default" if UV_CACHE_DIR not in environ else UV_CACHE_DIR
    hint = advise_uv(account, environments.parent / ".cache/uv")
    return LinkedPlaces(UV, (environments, "the site configuration"), (cache, named), hint)


def advise_uv(account: Account, right: Path) -> str:
    """Return how to put uv's cache in the site's place, or else in `right`."""
    environ, places = account.environ, account.configuration.caches.uv
    of_site = any(os.path.isdir(place.parent.expand(environ) or "") for place in places)  # noqa: PTH112
    if of_site and UV_CACHE_DIR in environ:
        return advise_unset(UV_CACHE_DIR, "the module stackenv then sets it correctly")
    if not of_site or any(name in environ for name in CACHE_VARIABLES[UV].yields_to):
        return advise_export(UV_CACHE_DIR, right)
    return f"let the module set {UV_CACHE_DIR}: module load stackenv"


def advise_unset(variable: str, then: str) -> str:
    return f"unset {variable}, and delete it from the file that sets it: {then}"


def advise_export(variable: str, folder: Path) -> str:
    return f"put both on one file system, for example: export {variable}={shlex.quote(str(folder))}"


def report_split(places: LinkedPlaces, account: Account) -> Finding:
    """Return the finding that a tool keeps packages and environments on two file systems."""
    tool, environments, packages, hint = places
    named = {named: list(find_variable_places(named, account)) for _, named in (environments, packages)}
    where = "; ".join(f"{name} ({', '.join(found)})" if found else name for name, found in named.items())
    return Finding(
        "storage-split",
        "warning",
        f"{tool} keeps packages in {packages[0]} and environments in {environments[0]}, on two file systems",
        where,
        "hard links between the two are not possible, so each environment is a full, slower copy",
        hint,
    )


# On a shared file system a percentage says little, so both the share and the amount must be small.
FULL_SHARE, NEAR_SHARE = 0.005, 0.05
FULL = {"bytes": 100 * 10**6, "files": 1000}
NEAR = {"bytes": 10 * 10**9, "files": 100_000}
QUOTA_HINT = "to see what takes the space: stackenv usage; to delete what is no longer needed: stackenv clean"


def find_quota(account: Account) -> Iterator[Finding]:
    """Yield a finding for each file system of yours, and each of the site's limits, that is nearly full."""
    devices: dict[int, Path] = {}
    for path in filter(is_writable, list_written_folders(account)):
        devices.setdefault(find_device(path), path)
    for path in devices.values():
        yield from judge_file_system(path)
    # Limits without a command are only numbers: finding the usage would require reading every file.
    asked = tuple(limit for limit in account.configuration.limits if limit.command)
    for limit in probe_limits(asked, account.environ):
        yield from judge_limit(limit)


def list_written_folders(account: Account) -> Iterator[Path]:
    """Yield the folders to which the user's programs write."""
    environ, configuration = account.environ, account.configuration
    yield account.home
    for template in configuration.personal.environments:
        path = find_absolute(template.expand(environ) or "")
        if path:
            yield path
    for what in ("envs", "pkgs"):
        yield from (path for path, _ in list_chosen(what, environ, configuration))
    yield from list_package_caches(environ, configuration)
    for tool in CACHE_VARIABLES:
        yield from list_own_caches(tool, environ, configuration, whole=True)


def is_writable(path: Path) -> bool:
    """Return whether the user can write to `path` or create it; how full other places are does not matter."""
    while not path.exists():
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK) and not os.statvfs(path).f_flag & os.ST_RDONLY


def judge_file_system(path: Path) -> Iterator[Finding]:
    """Yield the findings about the file system of `path`, which may not exist yet."""
    while not path.exists():
        path = path.parent
    found = os.statvfs(path)
    # The number of files is 0 if the file system does not limit it.
    figures = {
        "bytes": (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize),
        "files": (found.f_favail, found.f_files),
    }
    for unit, (free, total) in figures.items():
        if total > 0:
            yield from judge_free(f"the file system of {path}", path, unit, free, total)


def judge_limit(limit: Limit) -> Iterator[Finding]:
    """Yield the findings about the user's quota, as the site's command reports it."""
    for unit, used, allowed in (
        ("bytes", limit.bytes_used, limit.bytes_limit),
        ("files", limit.files_used, limit.files_limit),
    ):
        if used is not None and allowed:
            yield from judge_free(
                f"your quota for {limit.path}", limit.path, unit, max(allowed - used, 0), allowed
            )
    if limit.problem:
        unknown = Finding(
            "quota", "unchecked", limit.problem, str(limit.path), "nothing warns you before it is full", ""
        )
        yield replace(unknown, hint="tell your site's support; to see what your folders take: stackenv usage")


def judge_free(what: str, path: Path, unit: str, free: int, total: int) -> Iterator[Finding]:
    """Yield a finding if little of `total` bytes or files is `free`."""
    amount = format_bytes(free) if unit == "bytes" else format_count(free, "file")
    allowed = format_bytes(total) if unit == "bytes" else format_count(total, "file")
    if free <= min(total * FULL_SHARE, FULL[unit]):
        yield Finding(
            "quota",
            "broken",
            f"{what} is full: {amount} of {allowed} free",
            str(path),
            "writing there fails or is cut off: installs, notebooks, your shell history",
            QUOTA_HINT,
        )
    elif free <= min(total * NEAR_SHARE, NEAR[unit]):
        yield Finding(
            "quota",
            "warning",
            f"{what} is nearly full: {amount} of {allowed} free",
            str(path),
            "one more environment takes a few GB and some 20,000 files",
            QUOTA_HINT,
        )
