"""Operations of a modulefile, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

from stackenv.configuration.path_template import PathTemplate
from stackenv.configuration.settings import CachePlace, StoragePlace
from stackenv.modulefile.personal_operations import PersonalOperation

# Of an environment's module on PATH: modules that are loaded later stay behind it.
ENVIRONMENT_PRIORITY = 100


@dataclass(frozen=True)
class Family:
    """At most one loaded module of the family `name`; Lmod swaps."""

    name: str


@dataclass(frozen=True)
class SupportedShells:
    """Refuse, loudly, the shells for which there is no command (Lmod's `myShellName`)."""

    unsupported: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class RequireInstalled:
    """Refuse to load in a shell, with `message`, while the file `path` of the installation is missing.

    EasyBuild loads the module, as Lmod's shell python, before the hooks have written it.
    """

    path: str
    message: str


@dataclass(frozen=True)
class PrependPath:
    """Put `value` in front of the path variable `variable`; unload takes it away.

    With a `priority` it stays in front of what is loaded later, unless that has a higher one.
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
    """Keep the bin of the base off PATH while another environment is active.

    With `on_path` it is there while none is. Where the base itself is active, also under a stacked
    environment, it keeps its place: every stacked environment goes back in front of it, since Lmod
    has just put it first. `priority` is what personal modules have on PATH.
    """

    on_path: bool
    priority: int


@dataclass(frozen=True)
class DeactivateMissingConda:
    """Leave the environments at unload when the installation is gone from under the shell.

    Nobody is left to ask for their deactivation: PATH and conda's variables are cleaned, what the
    packages' scripts have set stays, and `message` says so.
    """

    message: str


@dataclass(frozen=True)
class StoragePlaces:
    """Send environments and packages to the first usable of `places`, decided at load.

    Environments: our folder is appended to CONDA_ENVS_PATH, and what was appended is remembered, so that
    unload removes just that. Packages: CONDA_PKGS_DIRS is set when the user has not set it, and undone
    only while it is still ours.
    """

    places: tuple[StoragePlace, ...]


@dataclass(frozen=True)
class SavePriorConda:
    """Remember, across reloads, which conda was in the shell before the first load.

    The value of STACKENV_CONDA_BEFORE is `clean`, or, with colons between, the number of active
    environments (empty when unset), the other conda's CONDA_EXE, and its CONDA_DEFAULT_ENV. Not Lmod but
    the unload code forgets it, since a reload is an unload to Lmod.
    """


@dataclass(frozen=True)
class ShellCommand:
    """Define the command `name`, conda or mamba: a function in sh-like shells and fish, an alias in csh.

    `values` are what the placeholders of the shell files stand for, unquoted. csh sources the installed
    file `csh_file`. With `export` the children of a bash have the function too.
    """

    name: str
    values: Mapping[str, str]
    csh_file: str
    export: bool


@dataclass(frozen=True)
class MambaHook:
    """Undo at the unload what mamba's own hook has done to the shell after the load, and not before it.

    `values` are as in `ShellCommand`; csh sources the installed file `csh_file` at the unload.
    """

    values: Mapping[str, str]
    csh_file: str


@dataclass(frozen=True)
class UnloadCode:
    """Shell code that runs at the end of an unload, after Lmod has undone everything else.

    It must ask the shell whether the module is back, for a reload is an unload and a load, and it
    forgets what `SavePriorConda` remembers. `values` and `csh_file` are those of `ShellCommand`.
    """

    values: Mapping[str, str]
    csh_file: str


@dataclass(frozen=True)
class TerminalNotices:
    """One line on a terminal at load, never in jobs, scp or EasyBuild, for each that applies.

    In each text %s stands for what was found: the user's folder on PYTHONPATH, or, where there is none,
    the module that set it; the other conda's environment; nothing. An empty text is never shown. csh
    evaluates the texts in a command substitution: they hold no quotes and no characters of file name
    patterns.
    """

    root: str
    pythonpath: str
    modules_pythonpath: str
    other_conda: str
    no_place: str


@dataclass(frozen=True)
class ManPages:
    """Have `man` find the pages below `folder`, and still those of the system."""

    folder: str


@dataclass(frozen=True)
class NotedDefault:
    """Set `variable` where the user has not set it, and note that for `UnsetNoted`.

    A value has no colon and no control character: the notes are in one variable.
    """

    variable: str
    value: str


@dataclass(frozen=True)
class UnsetNoted:
    """Unset at unload what `NotedDefault` and `CacheFolders` have set, but not what the user has changed."""


@dataclass(frozen=True)
class UseFolder:
    """Have Lmod look for modules in `folder`, decided at load; it need not be there yet."""

    folder: PathTemplate


@dataclass(frozen=True)
class CacheFolders:
    """Send a tool's cache to the first usable of `places`, decided at load, as `NotedDefault` does.

    Parameters
    ----------
    variables
        By name, the folder that each names, relative to the cache; empty for the cache itself.
    yields_to
        Variables by which the user has told the tool already.
    key, files
        The key by which the user has told it in one of these files.
    places
        The preferred first.
    """

    variables: Mapping[str, str]
    yields_to: tuple[str, ...]
    key: str
    files: tuple[PathTemplate, ...]
    places: tuple[CachePlace, ...]


@dataclass(frozen=True)
class Completions:
    """Have bash, zsh and fish complete `stackenv` by the files in `folder`, where they are interactive."""

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
