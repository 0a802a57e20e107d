"""What a site decided, as frozen data; the shipped site-config/default.yaml explains each name.

Named tuples: each start of a command makes these classes, and those of dataclasses take eight times as long.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path

from stackenv.configuration.path_template import PathTemplate

InitAnswer = typing.Literal["refuse", "warn", "allow"]
UserSite = typing.Literal["hide", "show"]


class StoragePlace(typing.NamedTuple):
    """A pair of folders, for environments and for packages, below one parent.

    One parent means one file system. conda puts a package into an environment as hard links to
    the package cache, and a hard link cannot cross file systems: conda then copies each file
    instead, without a word, and the environment costs its full size again.

    Parameters
    ----------
    parent
        The folder that must exist when the module is loaded.
    environments, packages
        Relative to the parent; neither lies inside the other.
    """

    parent: PathTemplate
    environments: str
    packages: str


class ChannelSettings(typing.NamedTuple):
    """Which channels conda uses, and which it refuses (configuration key ``conda.channels``)."""

    default: tuple[str, ...]
    replace_defaults: bool
    denied: tuple[str, ...]


class LoadTestSettings(typing.NamedTuple):
    """In which shells a finished modulefile is loaded (configuration key ``conda.load_test``)."""

    shells: tuple[str, ...]
    timeout_s: int


class CondaSettings(typing.NamedTuple):
    """The section ``conda`` of a site configuration; the fields have the names of its keys."""

    names: tuple[str, ...]
    base_on_path: bool
    storage: tuple[StoragePlace, ...]
    purged_storage: tuple[PathTemplate, ...]
    channels: ChannelSettings
    condarc: Mapping[str, object]
    final: tuple[str, ...]
    init: InitAnswer
    user_site: UserSite
    hide_modules: bool
    native_activation: bool
    module_roots: tuple[str, ...]
    pythonpath_notice: bool
    export_function: bool
    empty_package_cache: bool
    freeze_base: bool
    load_test: LoadTestSettings
    templates: Path | None


class PersonalSettings(typing.NamedTuple):
    """The section ``personal`` of a site configuration: where users' modulefiles and environments go.

    Parameters
    ----------
    modules
        The folder that users give to ``module use``.
    use
        Whether the module of stackenv itself does ``module use`` of that folder.
    environments
        Folders for environments; the first whose variables are set and whose parent exists.
    carry
        Whether an environment's Python that is started without its modules brings them for itself.
    carry_variables
        Names of variables of the modules that it sets then, for its children too.
    carry_on_any_cpu
        Whether the modules are for all CPUs of the cluster, so that the CPU makes no difference then.
    stubs
        Whether an environment has the metadata of what its modules bring, so that uv takes it for installed.
    stubs_leave_out
        Names of packages that need none, with the wildcards of a shell.
    """

    modules: PathTemplate
    use: bool
    environments: tuple[PathTemplate, ...]
    carry: bool
    carry_variables: tuple[str, ...]
    carry_on_any_cpu: bool
    stubs: bool
    stubs_leave_out: tuple[str, ...]


class CachePlace(typing.NamedTuple):
    """A folder for what a tool has downloaded, below a parent.

    Parameters
    ----------
    parent
        The folder that must exist when the module is loaded.
    folder
        The whole path, that of the parent included.
    """

    parent: PathTemplate
    folder: PathTemplate


class CacheSettings(typing.NamedTuple):
    """The section ``caches`` of a site configuration: of each tool the places, the preferred first.

    The first is used whose variables are all set and whose parent exists; without one the tool's own.
    """

    pip: tuple[CachePlace, ...]
    uv: tuple[CachePlace, ...]
    conda: tuple[CachePlace, ...]
    huggingface: tuple[CachePlace, ...]
    torch: tuple[CachePlace, ...]
    jupyter: tuple[CachePlace, ...]


class PackSettings(typing.NamedTuple):
    """The section ``pack`` of a site configuration: environments in one file.

    Parameters
    ----------
    mounts
        A folder of each node's own, below which images are mounted.
    """

    mounts: str


class JobSettings(typing.NamedTuple):
    """The section ``jobs`` of a site configuration: what is written into the scripts of `stackenv job`.

    Parameters
    ----------
    partitions
        Asked for together where no others are; empty for Slurm's own choice.
    time
        In Slurm's notation; None for the partition's own.
    account_hint
        What people read who name no account; None for nothing.
    header
        Lines below the ``#SBATCH`` lines.
    """

    partitions: tuple[str, ...]
    time: str | None
    account_hint: str | None
    header: tuple[str, ...]


class LimitSettings(typing.NamedTuple):
    """A limit of the section ``limits``: how much a folder of users may hold.

    Parameters
    ----------
    path
        The folder.
    bytes, files
        How much, and how many; None where there is no limit, or only the command prints it.
    command
        The words of the command that prints how much is used and the limit; None where the numbers are all.
    """

    path: PathTemplate
    bytes: int | None
    files: int | None
    command: tuple[str, ...] | None


class SiteConfiguration(typing.NamedTuple):
    """A site configuration, laid over the shipped default and checked.

    Parameters
    ----------
    path
        The file that was loaded.
    version
        The version of the format that the file states.
    conda
        The section of the conda modules.
    personal
        The section of the personal modules.
    caches
        The section of the tools' caches.
    pack
        The section of packed environments.
    jobs
        The section of job scripts.
    limits
        How much users' folders may hold.
    warnings
        What is not wrong in itself, but hardly meant; a line each.
    """

    path: Path
    version: int
    conda: CondaSettings
    personal: PersonalSettings
    caches: CacheSettings
    pack: PackSettings
    jobs: JobSettings
    limits: tuple[LimitSettings, ...]
    warnings: tuple[str, ...] = ()
