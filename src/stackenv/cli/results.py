"""The results that `--json` prints, for commands whose own data have another form.

docs/reference/json.md is generated from these docstrings. A key means the same in each result: `module` is
the full name of a module, `modulefile` its file, `environment` the folder of its environment, and
`modules` its base modules. `problem` says what is wrong, and `hint` what to type; both are empty if nothing
is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackenv.environments.store import StoredModule


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
    """A package that was installed in another version.

    Parameters
    ----------
    name
        Its name.
    old_version, new_version
        Its version before and now; empty if it was or is not installed.
    """

    name: str
    old_version: str
    new_version: str


@dataclass(frozen=True)
class ProvidedPackage:
    """A package that was not installed, because a module provides it.

    Parameters
    ----------
    name
        Its name.
    old_version, new_version
        Its version in the old environment, and in the module.
    module
        The module that provides it.
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
    """The packages of a rebuilt environment, compared with those of the old one.

    Parameters
    ----------
    kept
        Packages that were installed in the same version.
    changed
        Packages that are available only in another version.
    provided_by_modules
        Packages that were not installed, because the modules provide them.
    missing
        Packages that could not be installed.
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
    """The environment that was adopted.

    Parameters
    ----------
    module, modulefile, environment
        The full name of its module, its modulefile, and its folder.
    modules
        Its base modules.
    packages
        The packages in it.
    load_command
        The command that loads the module.
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
        With `--from`, its packages compared with those in the file; otherwise null.
    """

    package_report: PackageReport | None


@dataclass(frozen=True)
class RebuiltEnvironment:
    """The environment that was rebuilt.

    Parameters
    ----------
    module, modulefile, environment
        The full name of its module, its modulefile, and its new folder.
    old_environment
        The folder of the old environment, which is kept until `stackenv clean`.
    modules
        Its new base modules.
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
class ChangedModule:
    """The module that was changed.

    Parameters
    ----------
    module, modulefile, environment
        Its full name, its modulefile, and the folder of its environment.
    """

    module: str
    modulefile: str
    environment: str


@dataclass(frozen=True)
class EditedModule(ChangedModule):
    """A module that was changed, or would be changed, or could not be changed.

    Parameters
    ----------
    modules
        Its base modules now.
    steps
        What was done, or with `--dry-run` would be done, one sentence per step.
    problem, hint
        Why it could not be changed, and what to type.
    """

    modules: tuple[str, ...]
    steps: tuple[str, ...]
    problem: str
    hint: str


@dataclass(frozen=True)
class RenamedModule(ChangedModule):
    """The module under its new name.

    Parameters
    ----------
    old_module
        The full name that it had before.
    """

    old_module: str


@dataclass(frozen=True)
class RemovedModule(ChangedModule):
    """A module that was removed, or would be removed.

    Parameters
    ----------
    environment_kept
        Whether its environment is kept; `steps` says why.
    steps
        What was done, or with `--dry-run` would be done, one sentence per step.
    """

    environment_kept: bool
    steps: tuple[str, ...]


@dataclass(frozen=True)
class PackedEnvironment(ChangedModule):
    """The environment that was packed.

    Parameters
    ----------
    image
        The file with its image.
    size_bytes, file_count
        The size of the image, and the number of files, links and folders in it.
    """

    image: str
    size_bytes: int
    file_count: int


@dataclass(frozen=True)
class UnpackedEnvironment(ChangedModule):
    """The environment that was unpacked.

    Parameters
    ----------
    folder
        The folder with its files: the environment itself, or with `--to` a folder in the one that was given.
    """

    folder: str


@dataclass(frozen=True)
class RemovedKernel:
    """The kernel that was removed.

    Parameters
    ----------
    name, display_name
        Its name, as `jupyter kernelspec list` showed it, and its name in Jupyter.
    module, environment
        The full name of its module, and the folder of its environment, which was not changed.
    path
        The folder of its kernelspec, which no longer exists.
    """

    name: str
    display_name: str
    module: str
    environment: str
    path: str


@dataclass(frozen=True)
class ReportedProblem:
    """A problem that the check found.

    Parameters
    ----------
    module
        The full name of the module whose environment has the problem; empty if your account has it.
    rule
        The rule that found it, one of those listed below.
    level
        `broken`, `insecure`, `warning`, or `unchecked` if the rule could not be applied.
    what
        The problem, in a sentence.
    where
        The file (with `:line` if it is in one line), folder, variable or module that has it.
    why
        How it affects you.
    hint
        What to type or to do.
    fix_steps
        What `stackenv check --fix` does, one sentence per step; empty if only you can decide.
    muted_reason
        Why you muted it with `stackenv edit --mute`; empty if you did not.
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
        The files and folders that would be removed.
    size_bytes, file_count
        The space and the number of files that this frees; a file with other hard links frees nothing.
    kept_reason
        Why it is kept; empty if it can be removed.
    steps
        How it is removed, one sentence per step.
    removed
        Whether it was removed, which only `--yes` does.
    problem, hint
        Why it could not be removed, and what to type; empty if it was removed, or if that was not tried.
    """

    category: str
    what: str
    paths: tuple[str, ...]
    size_bytes: int
    file_count: int
    kept_reason: str
    steps: tuple[str, ...]
    removed: bool
    problem: str
    hint: str


@dataclass(frozen=True)
class UpdatedEnvironment:
    """What the update changes in one environment.

    Parameters
    ----------
    module
        The full name of its module; empty for a conda environment without a module.
    environment, kind
        Its folder; `venv` or `conda`.
    old_version, new_version
        The version of the package before and after the update; empty if it is unknown.
    pinned_by
        The module that provides the package and pins its version; empty if no module does.
    state
        `due`: it can be updated; `current`: there is no newer version; `held`: a module provides the package;
        `refused`: it is skipped; `updated`; `failed`.
    other_changes
        The other packages that change with it.
    problem, hint
        Why it was skipped or failed, and what to type.
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
    """An environment or a cache, and the space that it uses.

    Parameters
    ----------
    category
        What it is, such as `environment` or `pip-cache`.
    name
        The name of its module, or its path.
    path
        Its folder.
    size_bytes, file_count
        The space that it uses (allocated bytes, as `du` counts them), and its number of files and folders.
    shared_bytes, shared_file_count
        The part of it that other places share, as hard links.
    freed_bytes, freed_file_count
        The space and the number of files that deleting only this place would free.
    last_used
        When a file that is not shared was last read, in ISO 8601; null if the file system does not record it.
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
    """The space that all places use together; a file with several hard links counts once.

    Parameters
    ----------
    size_bytes, file_count
        The sum of the space, and of the files and folders.
    """

    size_bytes: int
    file_count: int


@dataclass(frozen=True)
class LimitShare:
    """How much of a limit is used.

    Parameters
    ----------
    listed
        The part that the listed places in the limit's folder use.
    used
        The part that everything in that folder uses; None if it is unknown.
    limit
        The limit; None if it is unlimited or unknown.
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
        The folder that it applies to.
    size_bytes, file_count
        How much of the space, and of the number of files, is used.
    problem
        Why the usage is unknown; empty if it is known.
    """

    path: str
    size_bytes: LimitShare
    file_count: LimitShare
    problem: str


@dataclass(frozen=True)
class UsageResult:
    """What uses space.

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


def identify(module: StoredModule) -> tuple[str, str, str]:
    """Return `module`, `modulefile` and `environment` of a personal module."""
    return module.full_name, str(module.path), module.prefix


def format_time(seconds: float) -> str:
    """Return the time `seconds` after 1970 in ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
