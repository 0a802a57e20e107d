"""The site's decisions as frozen data; site-config/default.yaml explains each name.

They are named tuples because every start of a command creates these classes, and dataclasses take eight times
as long.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path

from stackenv.configuration.path_template import PathTemplate

InitAnswer = typing.Literal["refuse", "warn", "allow"]
UserSite = typing.Literal["hide", "show"]


class StoragePlace(typing.NamedTuple):
    """A pair of folders, for environments and for packages, with one parent.

    One parent means one file system. conda hard-links packages from the package cache into environments, and
    hard links cannot cross file systems: conda would then silently copy every file, and the environment would
    take its full size again.

    Parameters
    ----------
    parent
        The folder that must exist when the module is loaded.
    environments, packages
        Relative to the parent; neither is inside the other.
    """

    parent: PathTemplate
    environments: str
    packages: str


class ChannelSettings(typing.NamedTuple):
    """The channels that conda uses, and those that it refuses (configuration key ``conda.channels``)."""

    default: tuple[str, ...]
    replace_defaults: bool
    denied: tuple[str, ...]


class LoadTestSettings(typing.NamedTuple):
    """The shells in which a finished modulefile is loaded (configuration key ``conda.load_test``)."""

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
        The folder that users pass to ``module use``.
    use
        Whether stackenv's own module does ``module use`` of that folder.
    environments
        Folders for environments; the first is used whose variables are set and whose parent exists.
    carry
        Whether an environment's Python uses its modules even when they are not loaded.
    carry_variables
        Names of variables of the modules that it then sets, for its child processes too.
    carry_on_any_cpu
        Whether the modules run on all CPUs of the cluster, so that it uses them on any CPU.
    stubs
        Whether an environment contains the metadata of its modules' packages, so that uv treats them as
        installed.
    stubs_leave_out
        Names of packages whose metadata is left out; shell wildcards are allowed.
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
    """A folder for a tool's downloads, relative to a parent.

    Parameters
    ----------
    parent
        The folder that must exist when the module is loaded.
    folder
        The whole path, including the parent.
    """

    parent: PathTemplate
    folder: PathTemplate


class CacheSettings(typing.NamedTuple):
    """The section ``caches`` of a site configuration: the places for each tool, in order of preference.

    The first place is used whose variables are all set and whose parent exists; otherwise the tool's own.
    """

    pip: tuple[CachePlace, ...]
    uv: tuple[CachePlace, ...]
    conda: tuple[CachePlace, ...]
    huggingface: tuple[CachePlace, ...]
    torch: tuple[CachePlace, ...]
    jupyter: tuple[CachePlace, ...]


class PackSettings(typing.NamedTuple):
    """The section ``pack`` of a site configuration: environments packed into one file.

    Parameters
    ----------
    mounts
        A folder that each node has of its own, in which images are mounted.
    """

    mounts: str


class JobSettings(typing.NamedTuple):
    """The section ``jobs`` of a site configuration: the contents of the scripts of `stackenv job`.

    Parameters
    ----------
    partitions
        The partitions to request if the user names none; empty for Slurm's own choice.
    time
        The time limit in Slurm's format; None for the partition's default.
    account_hint
        A line for users who name no account; None for no line.
    header
        Lines below the ``#SBATCH`` lines.
    """

    partitions: tuple[str, ...]
    time: str | None
    account_hint: str | None
    header: tuple[str, ...]


class LimitSettings(typing.NamedTuple):
    """An entry of the section ``limits``: how much a folder of users may contain.

    Parameters
    ----------
    path
        The folder.
    bytes, files
        The limits; None if there is no limit, or only the command prints it.
    command
        The words of the command that prints use and limits; None if there is no command.
    """

    path: PathTemplate
    bytes: int | None
    files: int | None
    command: tuple[str, ...] | None


class SiteConfiguration(typing.NamedTuple):
    """A site configuration, merged with the shipped default and checked.

    Parameters
    ----------
    path
        The file that was loaded.
    version
        The version of the format, as stated in the file.
    conda
        The settings of the conda modules.
    personal
        The settings of the personal modules.
    caches
        The places of the tools' caches.
    pack
        The settings of packed environments.
    jobs
        The settings of job scripts.
    limits
        How much users' folders may contain.
    warnings
        One line for each setting that is valid but probably a mistake.
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
