"""Operations of a modulefile, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

from stackenv.configuration.path_template import PathTemplate
from stackenv.configuration.settings import CachePlace, StoragePlace
from stackenv.modulefile.personal_operations import PersonalOperation

# The priority on PATH of an environment's module, so that modules loaded later come after it.
ENVIRONMENT_PRIORITY = 100


@dataclass(frozen=True)
class Family:
    """Allow one loaded module of the family `name`; Lmod swaps it for a new one."""

    name: str


@dataclass(frozen=True)
class SupportedShells:
    """Fail with a message in shells that are not supported (Lmod's `myShellName`)."""

    unsupported: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class RequireInstalled:
    """Refuse to load in a shell, with `message`, while the file `path` of the installation is missing.

    The load works in Lmod's shell `python`, because EasyBuild loads the module before the hooks write the
    file.
    """

    path: str
    message: str


@dataclass(frozen=True)
class PrependPath:
    """Prepend `value` to the path variable `variable`; unload removes it.

    With a `priority`, it stays before entries of modules loaded later, unless theirs have a higher one.
    """

    variable: str
    value: str
    priority: int = 0


@dataclass(frozen=True)
class SetEnv:
    """Set `variable`; unload unsets it."""

    variable: str
    value: str


@dataclass(frozen=True)
class BasePath:
    """Keep the base's bin off PATH while another environment is active.

    With `on_path`, it is on PATH while no environment is active. If the base itself is active, also below a
    stacked environment, its bin keeps its place: since Lmod has just put it first, every stacked environment
    is moved in front of it again. `priority` is the priority of personal modules on PATH.
    """

    on_path: bool
    priority: int


@dataclass(frozen=True)
class DeactivateMissingConda:
    """Leave the environments at unload if the installation was deleted while the module was loaded.

    Without conda, they cannot be deactivated normally: PATH and conda's variables are cleaned up, but
    anything that the packages' scripts have set stays, and `message` says so.
    """

    message: str


@dataclass(frozen=True)
class StoragePlaces:
    """Send environments and packages to the first usable of `places`, decided at load.

    For environments, our folder is appended to CONDA_ENVS_PATH and remembered, so that unload removes only
    that. For packages, CONDA_PKGS_DIRS is set if the user has not set it, and unset only if it still has our
    value.
    """

    places: tuple[StoragePlace, ...]


@dataclass(frozen=True)
class SavePriorConda:
    """Remember, across reloads, which conda was in the shell before the first load.

    The value of STACKENV_CONDA_BEFORE is `clean`, or, separated by colons, the number of active environments
    (empty if unset), the other conda's CONDA_EXE, and its CONDA_DEFAULT_ENV. The unload code unsets it, not
    Lmod, for which a reload is an unload.
    """


@dataclass(frozen=True)
class ShellCommand:
    """Define the command `name`, conda or mamba: a function in sh-like shells and fish, an alias in csh.

    `values` are the unquoted values of the placeholders in the shell files. csh sources the installed file
    `csh_file`. With `export`, the child processes of a bash have the function too.
    """

    name: str
    values: Mapping[str, str]
    csh_file: str
    export: bool


@dataclass(frozen=True)
class MambaHook:
    """At the unload, undo what mamba's own hook has done to the shell, if it ran after the load.

    `values` are as in `ShellCommand`; csh sources the installed file `csh_file` at the unload.
    """

    values: Mapping[str, str]
    csh_file: str


@dataclass(frozen=True)
class UnloadCode:
    """Shell code that runs at the end of an unload, after Lmod has undone everything else.

    A reload is an unload and a load, so the code must check whether the module is loaded again. It also
    unsets what `SavePriorConda` has saved. `values` and `csh_file` are those of `ShellCommand`.
    """

    values: Mapping[str, str]
    csh_file: str


@dataclass(frozen=True)
class TerminalNotices:
    """At load, print a line on a terminal for each notice that applies; never in jobs, scp or EasyBuild.

    In each text, %s stands for what was found: the user's folder on PYTHONPATH, or the module that set it if
    there is no such folder; the other conda's environment; nothing. An empty text is never shown. csh
    evaluates the texts in a command substitution, so they contain no quotes and no characters of file name
    patterns.
    """

    root: str
    pythonpath: str
    modules_pythonpath: str
    other_conda: str
    no_place: str


@dataclass(frozen=True)
class ManPages:
    """Make `man` find the pages below `folder` in addition to those of the system."""

    folder: str


@dataclass(frozen=True)
class NotedDefault:
    """Set `variable` if the user has not set it, and record that for `UnsetNoted`.

    The records are in one variable, so a value has no colon and no control character.
    """

    variable: str
    value: str


@dataclass(frozen=True)
class UnsetNoted:
    """At unload, unset what `NotedDefault` and `CacheFolders` have set, unless the user has changed it."""


@dataclass(frozen=True)
class UseFolder:
    """Add `folder`, expanded at load, to MODULEPATH; it need not exist yet."""

    folder: PathTemplate


@dataclass(frozen=True)
class CacheFolders:
    """Send a tool's cache to the first usable of `places`, decided at load, as `NotedDefault` does.

    Parameters
    ----------
    variables
        By name, the folder that each variable names, relative to the cache; empty for the cache itself.
    yields_to
        Variables with which the user may already have set the cache.
    key, files
        The key with which the user may have set the cache, in one of these configuration files.
    places
        The possible places, in order of preference.
    """

    variables: Mapping[str, str]
    yields_to: tuple[str, ...]
    key: str
    files: tuple[PathTemplate, ...]
    places: tuple[CachePlace, ...]


@dataclass(frozen=True)
class Completions:
    """Make interactive shells (bash, zsh and fish) complete `stackenv` with the files in `folder`."""

    folder: str


Operation = Union[
    Family,
    SupportedShells,
    RequireInstalled,
    PrependPath,
    SetEnv,
    BasePath,
    DeactivateMissingConda,
    StoragePlaces,
    SavePriorConda,
    ShellCommand,
    MambaHook,
    UnloadCode,
    TerminalNotices,
    ManPages,
    NotedDefault,
    UnsetNoted,
    UseFolder,
    CacheFolders,
    Completions,
    PersonalOperation,
]
