"""Environments, modules and caches that other users can change, and so run code as their users."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from stackenv.account.account import Account
from stackenv.account.caches import list_own_caches
from stackenv.conda.storage import list_package_caches
from stackenv.configuration.caches import CACHE_VARIABLES
from stackenv.environments.package_folders import list_package_folders
from stackenv.environments.places import RUN_FIRST
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding, RunCommand
from stackenv.transactions.writers import list_writers, name_user
from stackenv.user_paths import is_own


def find_open_to_others(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding for what other users can write or replace, and one for what they own."""
    prefix, modulefile = environment.prefix, environment.modulefile
    own = [modulefile, modulefile.parent, modulefile.parent.parent, *(prefix / name for name in RUN_FIRST)]
    own += list_package_folders(prefix)
    present = [path for path in own if path.exists()]
    open_paths = {path: who for path in present if (who := who_writes(path, environment))}
    if open_paths:
        yield report_open(environment, open_paths)
    above = sorted({folder for path in (prefix, modulefile.parent) for folder in path.resolve().parents})
    open_above = {
        path: who for path in above if not is_sticky(path) and (who := who_writes(path, environment))
    }
    if open_above:
        yield report_above(environment, open_above)
    foreign = [path for path in present if path.stat().st_uid not in (os.geteuid(), 0)]
    if foreign and not environment.shared:
        owner = name_user(foreign[0].stat().st_uid)
        yield Finding(
            "open-to-others",
            "insecure",
            f"{foreign[0]} belongs to {owner}",
            str(foreign[0]),
            f"{owner} can run any code as you when you load {environment.full_name}",
            f"to create a copy of your own: stackenv export {environment.full_name} > FILE; stackenv create "
            "NAME --from FILE",
        )


def who_writes(path: Path, environment: CheckedEnvironment) -> str:
    """Return who else can write `path`; for an environment of a project, its group may."""
    writers = list(list_writers(path, path.stat()))
    return ", ".join(who for who in writers if not environment.shared or who == "everybody")


def is_sticky(path: Path) -> bool:
    """Return whether users cannot change each other's files in the folder `path`, as in /tmp."""
    return bool(path.stat().st_mode & stat.S_ISVTX)


def report_open(environment: CheckedEnvironment, paths: Mapping[Path, str]) -> Finding:
    """Return the finding about `paths` of the environment, which others can write."""
    first, who = next(iter(paths.items()))
    mine = [path for path in paths if path.stat().st_uid == os.geteuid()]
    mode = "o-w" if environment.shared else "go-w"
    fix = RunCommand(("chmod", mode, *map(str, mine)))
    theirs = RunCommand(("chmod", mode, str(first))).sentence
    return Finding(
        "open-to-others",
        "insecure",
        f"{who} can write {describe_paths(paths)}",
        str(first),
        f"anyone who can write there can run any code as you when you load {environment.full_name}",
        fix.sentence if mine else f"ask {name_user(first.stat().st_uid)} to run: {theirs}",
        (fix,) if mine else (),
    )


def report_above(environment: CheckedEnvironment, paths: Mapping[Path, str]) -> Finding:
    """Return the finding about `paths`, folders above the environment or its module."""
    first, who = next(iter(paths.items()))
    owner = first.stat().st_uid
    command = RunCommand(("chmod", "go-w", str(first))).sentence
    close = command if owner == os.geteuid() else f"ask {name_user(owner)} to run: {command}"
    return Finding(
        "open-to-others",
        "insecure",
        f"{who} can replace what is in {describe_paths(paths)}",
        str(first),
        f"a replaced folder can run any code as you when you load {environment.full_name}",
        f"{close}; or create it in a folder of your own: stackenv create NAME --path FOLDER",
    )


def describe_paths(paths: Mapping[Path, str]) -> str:
    """Return the first of `paths`, and how many more there are."""
    names = [str(path) for path in paths]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def find_open_caches(account: Account) -> Iterator[Finding]:
    """Yield a finding for the package caches that other users can write.

    Folders above a cache are not checked, because in a group's folder they belong to the group; but a cache
    is safe if a folder above lets no other user through.
    """
    environ, configuration = account.environ, account.configuration
    caches = [
        cache
        for tool in CACHE_VARIABLES
        for cache in list_own_caches(tool, environ, configuration, whole=True)
    ]
    caches += filter(is_own, list_package_caches(environ, configuration))
    reachable = filter(is_reachable, dict.fromkeys(map(Path.resolve, caches)))
    writers = {path: ", ".join(list_writers(path, path.stat())) for path in reachable}
    open_paths = {path: who for path, who in writers.items() if who}
    if open_paths:
        first, who = next(iter(open_paths.items()))
        typed = RunCommand(("chmod", "go-rwx", *map(str, open_paths))).sentence
        yield Finding(
            "open-caches",
            "insecure",
            f"{who} can write {describe_paths(open_paths)}",
            str(first),
            "anyone who can write there decides what you install or load from it, and that code runs as you",
            f"{typed}; if a group shares it on purpose, each member must trust all others",
        )


def is_reachable(path: Path) -> bool:
    """Return whether other users than the owner can reach `path`: each folder above lets them through.

    For a folder with an access control list, the group bits are the maximum that anyone has (acl(5)).
    """
    return all(folder.stat().st_mode & 0o011 for folder in path.resolve().parents)
