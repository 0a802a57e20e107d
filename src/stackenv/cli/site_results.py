"""The results that `--json` prints for `stackenv site`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckedConfiguration:
    """The site configuration, which is valid.

    Parameters
    ----------
    path
        Its file.
    warnings
        What may be wrong in it, one sentence each.
    """

    path: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class SiteModule:
    """The module of an installation.

    Parameters
    ----------
    module, modulefile
        Its full name, and its modulefile.
    root
        The prefix of its installation.
    """

    module: str
    modulefile: str
    root: str


@dataclass(frozen=True)
class InstalledModule(SiteModule):
    """The module that was installed.

    Parameters
    ----------
    tested_shells, missing_shells
        The shells in which the module was loaded, and those that this host does not have.
    warnings
        What may not work, one sentence each.
    """

    tested_shells: tuple[str, ...]
    missing_shells: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class UninstalledModule(SiteModule):
    """The module that was uninstalled.

    Parameters
    ----------
    removed_paths
        The files and folders that were removed, without folders that were left empty.
    other_modulefiles
        The modulefiles that still use the installation; if there are any, stackenv's files in it were kept.
    """

    removed_paths: tuple[str, ...]
    other_modulefiles: tuple[str, ...]


@dataclass(frozen=True)
class FoundDependent:
    """A personal module that depends on one of the modules.

    Parameters
    ----------
    owner
        The user who owns the modulefile, or the user ID if it no longer has a name.
    module, modulefile, environment
        Its full name, its file, and the folder of its environment.
    depends_on
        The modules of the report that it is based on.
    indirect
        The modules of the report that its base modules load.
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
    """How much was searched and found.

    Parameters
    ----------
    folders, modules
        The number of modules folders, and of personal modules, that were searched.
    found, owners
        The number of modules that depend on those of the report, and of their owners.
    unread
        The number of files and folders that could not be read.
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
    """The personal modules that depend on certain modules.

    Parameters
    ----------
    patterns
        The modules of the report, as they were typed.
    found
        The personal modules that depend on one of them.
    counts
        How much was searched and found.
    unread
        The files and folders that could not be read.
    unknown_variables
        Variables in the site configuration whose values for other users are unknown. Because of them, the
        modules folders of other users were not searched.
    """

    patterns: tuple[str, ...]
    found: tuple[FoundDependent, ...]
    counts: ReportCounts
    unread: tuple[UnreadPath, ...]
    unknown_variables: tuple[str, ...]
