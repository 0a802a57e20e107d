"""The results that `--json` prints, where a command works with something else.

docs/reference/json.md is written from these docstrings. A key means the same in each result: `module` is the
full name of a personal module, `modulefile` its file, `environment` the folder of its environment, `modules`
what it is based on. `problem` says what is wrong, and `hint` what to type; both are empty when nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True)
class PackageVersion:
    """A package in the environment.

    Parameters
    ----------
    name, version
        Its name and version.
    """

    name: str
    version: str


@dataclass(frozen=True)
class ChangedPackage:
    """A package of which another version was installed.

    Parameters
    ----------
    name
        Its name.
    old_version, new_version
        Before and now; empty when it was not there, or is not any more.
    """

    name: str
    old_version: str
    new_version: str


@dataclass(frozen=True)
class ProvidedPackage:
    """A package that was not installed, because a module has it.

    Parameters
    ----------
    name
        Its name.
    old_version, new_version
        In the old environment, and in the module.
    module
        The module that has it.
    """

    name: str
    old_version: str
    new_version: str
    module: str


@dataclass(frozen=True)
class MissingPackage:
    """A package that could not be installed.

    Parameters
    ----------
    name, old_version
        Its name, and its version in the old environment.
    problem
        Why it could not be installed.
    """

    name: str
    old_version: str
    problem: str


@dataclass(frozen=True)
class PackageReport:
    """The packages of an environment that was made again, compared with the old one.

    Parameters
    ----------
    kept
        Those of which the same version was installed.
    changed
        Those of which only another version is available.
    provided_by_modules
        Those that the modules have, and that were not installed again.
    missing
        Those that could not be installed.
    not_copied
        Files and folders of the old environment that belong to no package.
    """

    kept: tuple[PackageVersion, ...]
    changed: tuple[ChangedPackage, ...]
    provided_by_modules: tuple[ProvidedPackage, ...]
    missing: tuple[MissingPackage, ...]
    not_copied: tuple[str, ...]


@dataclass(frozen=True)
class AdoptedEnvironment:
    """The environment that has a module now.

    Parameters
    ----------
    module, modulefile, environment
        Its module's full name, its modulefile, and its folder.
    modules
        The modules that it is based on.
    packages
        The packages in it.
    load_command
        What to type to load the module.
    """

    module: str
    modulefile: str
    environment: str
    modules: tuple[str, ...]
    packages: tuple[PackageVersion, ...]
    load_command: str


@dataclass(frozen=True)
class CreatedEnvironment(AdoptedEnvironment):
    """The environment that was created.

    Parameters
    ----------
    package_report
        With `--from`, the packages compared with those in the file; else null.
    """

    package_report: PackageReport | None


@dataclass(frozen=True)
class RebuiltEnvironment:
    """The environment that was rebuilt.

    Parameters
    ----------
    module, modulefile, environment
        Its module's full name, its modulefile, and its new folder.
    old_environment
        The folder of the old environment, which stays until `stackenv clean`.
    modules
        The modules that it is based on now.
    package_report
        Its packages, compared with those of the old environment.
    """

    module: str
    modulefile: str
    environment: str
    old_environment: str
    modules: tuple[str, ...]
    package_report: PackageReport


@dataclass(frozen=True)
class ReportedProblem:
    """A problem that the check has found.

    Parameters
    ----------
    module
        The full name of the module whose environment has it; empty when it is in your account.
    rule
        The rule that has found it, one of those below.
    level
        `broken`, `insecure`, `warning`, or `unchecked` when the rule could not look.
    what
        The problem, in a sentence.
    where
        The file (with `:line` when one line is at fault), folder, variable or module that has it.
    why
        What it does to you.
    hint
        What to type or to do.
    fix_steps
        What `stackenv check --fix` does about it, a sentence for each step; empty when only you can decide.
    muted_reason
        Why you have muted it with `stackenv edit --mute`; empty when you have not.
    """

    module: str
    rule: str
    level: str
    what: str
    where: str
    why: str
    hint: str
    fix_steps: tuple[str, ...]
    muted_reason: str


@dataclass(frozen=True)
class RemovableItem:
    """Something that is no longer needed, as far as this node can tell.

    Parameters
    ----------
    category
        What it belongs to, such as `pip-cache`.
    what
        What it is, in a few words.
    paths
        The files and folders that go.
    size_bytes, file_count
        The space and the number of files that the file system gets back; a file with further hard links
        counts for nothing.
    kept_reason
        Why it stays nevertheless; empty when it can go.
    steps
        How it is removed, a sentence for each step.
    """

    category: str
    what: str
    paths: tuple[str, ...]
    size_bytes: int
    file_count: int
    kept_reason: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class UpdatedEnvironment:
    """What the update does to one environment, or has done.

    Parameters
    ----------
    module
        The module's full name; empty for a conda environment without a module.
    environment, kind
        The environment's folder; `venv` or `conda`.
    old_version, new_version
        The version of the package before and after; empty when it is unknown.
    pinned_by
        The module that has the package and keeps it at this version; empty for none.
    state
        `due`: it would be updated; `current`: there is nothing newer; `held`: a module has the package;
        `refused`: it is left alone; `updated`; `failed`.
    other_changes
        The other packages that change with it.
    problem, hint
        Why it is left alone or has failed, and what to type.
    """

    module: str
    environment: str
    kind: str
    old_version: str
    new_version: str
    pinned_by: str
    state: str
    other_changes: tuple[ChangedPackage, ...]
    problem: str
    hint: str


@dataclass(frozen=True)
class MeasuredPlace:
    """An environment or a cache, and the space that it takes.

    Parameters
    ----------
    category
        What it is, such as `environment` or `pip-cache`.
    name
        The name by which you know it: a module, or a path.
    path
        Its folder.
    size_bytes, file_count
        What it takes: allocated bytes as `du` counts, and files and folders.
    shared_bytes, shared_file_count
        The part of it that other places have too, as hard links.
    freed_bytes, freed_file_count
        What there would be more room for if this place alone were deleted.
    last_used
        When a file that only this place has was read last, in ISO 8601; null when the file system does not
        record it.
    unreadable_count
        How many files and folders could not be read and are not counted.
    """

    category: str
    name: str
    path: str
    size_bytes: int
    file_count: int
    shared_bytes: int
    shared_file_count: int
    freed_bytes: int
    freed_file_count: int
    last_used: str | None
    unreadable_count: int


@dataclass(frozen=True)
class TotalUsage:
    """What all places take together; a file with several hard links counts once.

    Parameters
    ----------
    size_bytes, file_count
        The sums.
    """

    size_bytes: int
    file_count: int


@dataclass(frozen=True)
class LimitShare:
    """How much of a limit is used.

    Parameters
    ----------
    listed
        What the places take that are in the limit's folder.
    used
        What everything in that folder takes; None when it is unknown.
    limit
        The limit; None when there is none, or it is unknown.
    """

    listed: int
    used: int | None
    limit: int | None


@dataclass(frozen=True)
class LimitUsage:
    """A limit of the site configuration.

    Parameters
    ----------
    path
        The folder that it is for.
    size_bytes, file_count
        How much of the space, and of the number of files, is used.
    problem
        Why the usage is unknown; empty when it is known.
    """

    path: str
    size_bytes: LimitShare
    file_count: LimitShare
    problem: str


@dataclass(frozen=True)
class UsageResult:
    """What takes space.

    Parameters
    ----------
    places
        The environments and caches, the largest first.
    total
        Their sum.
    limits
        The limits of the site configuration.
    """

    places: tuple[MeasuredPlace, ...]
    total: TotalUsage
    limits: tuple[LimitUsage, ...]


@dataclass(frozen=True)
class FoundDependent:
    """A personal module that depends on one of the modules.

    Parameters
    ----------
    owner
        The user who owns the modulefile; the number when the user has no name any more.
    module, modulefile, environment
        Its full name, its file, and the folder of its environment.
    depends_on
        The modules asked for that it is based on.
    indirect
        The modules asked for that those load.
    record_written
        When the record of its environment was last written, in ISO 8601.
    """

    owner: str
    module: str
    modulefile: str
    environment: str
    depends_on: tuple[str, ...]
    indirect: tuple[str, ...]
    record_written: str


@dataclass(frozen=True)
class ReportCounts:
    """How much was looked at and found.

    Parameters
    ----------
    folders, modules
        How many folders of modules, and personal modules, were looked at.
    found, owners
        How many of the modules depend on those asked for, and how many users own them.
    unread
        How many files and folders could not be read.
    """

    folders: int
    modules: int
    found: int
    owners: int
    unread: int


@dataclass(frozen=True)
class UnreadPath:
    """A file or folder that could not be read.

    Parameters
    ----------
    path
        Its path.
    problem
        Why it could not be read.
    """

    path: str
    problem: str


@dataclass(frozen=True)
class SiteReport:
    """Whose personal modules depend on the modules asked for.

    Parameters
    ----------
    patterns
        The modules asked for, as they were typed.
    found
        The personal modules that depend on one of them.
    counts
        How much was looked at and found.
    unread
        What could not be read.
    unknown_variables
        The variables in the site configuration that only each user knows: the folders of other users were
        not looked at because of them.
    """

    patterns: tuple[str, ...]
    found: tuple[FoundDependent, ...]
    counts: ReportCounts
    unread: tuple[UnreadPath, ...]
    unknown_variables: tuple[str, ...]


def format_time(seconds: float) -> str:
    """Return the time `seconds` after 1970 in ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
