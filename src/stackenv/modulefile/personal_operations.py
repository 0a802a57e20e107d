"""Operations of a personal module's modulefile, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union


@dataclass(frozen=True)
class Whatis:
    """Add a line to `module whatis`, which `module keyword` and spider search too."""

    key: str
    value: str


@dataclass(frozen=True)
class Extensions:
    """List packages, as NAME/VERSION, by which `module spider` finds the module."""

    packages: tuple[str, ...]


@dataclass(frozen=True)
class RequirePath:
    """Refuse to load, with `message`, if the file or folder `path` is missing."""

    path: str
    message: str


@dataclass(frozen=True)
class RequireModule:
    """Refuse to load, with `message`, if the module `name` is not available."""

    name: str
    message: str


@dataclass(frozen=True)
class RequirePlatform:
    """Refuse to load on another kind of machine, or another operating system or major version of it.

    `machine` is the output of `uname -m`, `os` is as in `Platform`; an empty value is not checked.
    """

    machine: str
    os: str
    message: str


@dataclass(frozen=True)
class RequireCpuFeatures:
    """Refuse to load if the CPU lacks one of `features`; %s in `message` stands for the missing ones."""

    features: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class MountImage:
    """Mount the image of a packed environment with its script `entrance`; on failure, show its message.

    If the file `mark` exists, the environment is already at its own path. Unload tries to unmount the image.
    """

    entrance: str
    mark: str


@dataclass(frozen=True)
class DependsOn:
    """Make Lmod load the module `name`, and unload it again once no other module needs it."""

    name: str


@dataclass(frozen=True)
class RemovePath:
    """At load, remove `value` from PATH if an activate script has put it there.

    Lmod counts entries: the unload would leave an entry that was there before, even if the script's
    `deactivate` has removed it since.
    """

    value: str


@dataclass(frozen=True)
class PushEnv:
    """Set `variable`, or unset it (`value` None), while the module is loaded.

    The user's own value comes back at unload, unless the user has changed it meanwhile.
    """

    variable: str
    value: str | None


@dataclass(frozen=True)
class ForgetWords:
    """At unload, remove from `variables` the words that stackenv 0.1 put before the user's own."""

    variables: tuple[str, ...]


@dataclass(frozen=True)
class SaveEnv:
    """Set `target` to the value that `source` has before the load, if any."""

    source: str
    target: str


@dataclass(frozen=True)
class CondaEnvironment:
    """Activate the conda environment at `prefix`, called `name`, without asking conda.

    PATH, CONDA_PREFIX, CONDA_DEFAULT_ENV and CONDA_SHLVL are as after `conda activate`, and
    STACKENV_CONDA_ENV tells the module of conda which environment this is. `shim` is a folder that comes
    after the environment's own bin. STACKENV_CONDA_BASE is set if the base's bin was removed from PATH. Both
    folders have `priority` on PATH, so a Python module loaded later comes after them. The load fails with
    `message` if an environment is already active. At unload, `ShellCode` leaves stacked environments and
    restores the base's bin.
    """

    prefix: str
    name: str
    shim: str
    message: str
    priority: int


@dataclass(frozen=True)
class SetDefault:
    """Set `variable` if the user has not set it; only then does unload unset it."""

    variable: str
    value: str


@dataclass(frozen=True)
class ExtendPath:
    """Add `value` to the path variable `variable`, at its end if `last`; unload removes it.

    If `own`, it is in the environment itself, and unload removes it however often activations have added it.
    """

    variable: str
    value: str
    last: bool
    own: bool


@dataclass(frozen=True)
class ShellCode:
    """Make the shell run the code of files in `folder`, after a load and after an unload.

    The files are load.DIALECT and unload.DIALECT; if they are missing at an unload, it runs the code that the
    load has kept. With `unload`, the start of file names in the templates' folder shell/, the module itself
    holds the unload code for sh and fish, with `values`: a shell that has not run the load needs that code
    too if the folder is gone.
    """

    folder: str
    unload: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


PersonalOperation = Union[
    Whatis,
    Extensions,
    RequirePath,
    RequireModule,
    RequirePlatform,
    RequireCpuFeatures,
    MountImage,
    DependsOn,
    RemovePath,
    ForgetWords,
    PushEnv,
    SaveEnv,
    CondaEnvironment,
    SetDefault,
    ExtendPath,
    ShellCode,
]
