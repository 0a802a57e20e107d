"""conda's packages or environments are where the site deletes old files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from stackenv.account.account import Account
from stackenv.account.conda_storage import list_chosen
from stackenv.account.storage_places import is_own, list_conda_prefixes, list_package_caches
from stackenv.account.variable_places import find_variable_places
from stackenv.disk.purged_storage import find_purged_storage
from stackenv.health.finding import Finding

KINDS = {"envs": "environments", "pkgs": "packages"}


def find(account: Account) -> Iterator[Finding]:
    """Yield a finding for each variable, each package cache and each environment that leads there.

    Of environments those without a module: the others are told with their own findings. What a condarc
    says, another rule tells.
    """
    environ, configuration = account.environ, account.configuration
    told = set()
    for what, title in KINDS.items():
        for path, named in list_chosen(what, environ, configuration):
            purged = find_purged_storage(path, environ, configuration)
            if purged and named.startswith("CONDA_") and path not in told:
                told.add(path)
                where = ", ".join([named, *find_variable_places(named, account)])
                hint = f"unset {named}, and take it out of where it is set; the site's module sets it right"
                yield report(f"conda is to keep {title} in {path}", where, purged, hint)
    for path in list_package_caches(environ, configuration):
        purged = find_purged_storage(path, environ, configuration)
        if purged and path.is_dir() and path not in told:
            told.add(path)
            hint = f"conda makes another where the site wants it; {say_how_it_goes(path)}"
            yield report(f"conda's packages are in {path}", str(path), purged, hint)
    for prefix in list_conda_prefixes(environ, configuration):
        purged = find_purged_storage(prefix, environ, configuration)
        if purged and not (prefix / "stackenv").exists():
            typed = shlex.join(("conda", "create", "--clone", str(prefix), "--name", prefix.name))
            what = f"the conda environment {prefix.name} is in {prefix.parent}"
            yield report(what, str(prefix), purged, f"make it anew where the site wants it: {typed}")


def say_how_it_goes(path: Path) -> str:
    """Return what takes the package cache `path` away: of a folder that holds more, what is conda's alone."""
    if is_own(path) and not path.is_symlink() and all(map(is_of_cache, path.iterdir())):
        return f"this one can go: {shlex.join(('rm', '-r', str(path)))}"
    typed = shlex.join(("env", f"CONDA_PKGS_DIRS={path}", "conda", "clean", "--all"))
    return f"in it lies more than that; to take conda's files out: {typed}"


def is_of_cache(path: Path) -> bool:
    """Tell whether `path` is something that conda puts into a package cache."""
    if path.name in ("cache", "urls", "urls.txt") or path.name.endswith((".conda", ".tar.bz2")):
        return True
    return (path / "info/index.json").is_file()


def report(what: str, where: str, purged: str, hint: str) -> Finding:
    """Return the finding that something is on the storage `purged`."""
    return Finding(
        "storage-purged",
        "warning",
        f"{what}, which is purged storage",
        where,
        f"the site deletes old files in {purged}: packages keep old time stamps, single files go first",
        hint,
    )
