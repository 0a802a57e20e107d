"""Operations that personal modules have beyond those of the conda module, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union


@dataclass(frozen=True)
class Whatis:
    """A line of `module whatis`, also found by `module keyword` and spider."""

    key: str
    value: str


@dataclass(frozen=True)
class Extensions:
    """Packages, as NAME/VERSION, by which `module spider` finds the module."""

    packages: tuple[str, ...]


@dataclass(frozen=True)
class RequirePath:
    """Refuse to load, with `message`, when the file or folder `path` is gone."""

    path: str
    message: str


@dataclass(frozen=True)
class RequireModule:
    """Refuse to load when the module `name` is not available."""

    name: str
    message: str


@dataclass(frozen=True)
class RequirePlatform:
    """Refuse to load on another kind of machine, or another operating system or major version of it.

    `machine` is as `uname -m` says it, `os` as in `Platform`; what is empty is not asked.
    """

    machine: str
    os: str
    message: str


@dataclass(frozen=True)
class RequireCpuFeatures:
    """Refuse to load where the CPU lacks one of `features`; %s in `message` is what it lacks."""

    features: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class MountImage:
    """Have the image of a packed environment mounted by its script `entrance`; refuse in its words.

    Where the file `mark` exists the environment is at its own path already. Unload tries the unmount.
    """

    entrance: str
    mark: str


@dataclass(frozen=True)
class DependsOn:
    """Have Lmod load the module `name`, and unload it again when nobody else needs it."""

    name: str


@dataclass(frozen=True)
class RemovePath:
    """Take `value` out of PATH at load, where an activate script has put it.

    Lmod counts: an entry that was there before would be left by the unload, also when the script's
    `deactivate` has taken it away meanwhile.
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
    """At unload, take out of `variables` what stackenv 0.1 put in front of the user's own words."""

    variables: tuple[str, ...]


@dataclass(frozen=True)
class SaveEnv:
    """Set `target` to the value that `source` has before the load, when it has one."""

    source: str
    target: str


@dataclass(frozen=True)
class CondaEnvironment:
    """Have the conda environment at `prefix`, called `name`, active, without asking conda.

    PATH, CONDA_PREFIX, CONDA_DEFAULT_ENV and CONDA_SHLVL are as after `conda activate`, and
    STACKENV_CONDA_ENV tells the module of conda which environment this is. `shim` is a folder behind the
    environment's own bin; STACKENV_CONDA_BASE is set when the base's bin was taken from PATH. Both folders
    have `priority` on PATH: a Python module that is loaded later stays behind them. Refuses, with
    `message`, over an environment that is active already. At unload `ShellCode` leaves what is stacked
    on top, and puts the base's bin back.
    """

    prefix: str
    name: str
    shim: str
    message: str
    priority: int


@dataclass(frozen=True)
class SetDefault:
    """Set `variable` where the user has not set it; unload unsets it only then."""

    variable: str
    value: str


@dataclass(frozen=True)
class ExtendPath:
    """Put `value` into the path variable `variable`, at its end if `last`; unload takes it away.

    If `own`, it lies in the environment itself, and goes however often activations have added it.
    """

    variable: str
    value: str
    last: bool
    own: bool


@dataclass(frozen=True)
class ShellCode:
    """Have the shell run the code of files in `folder`, after a load and after an unload.

    They are load.DIALECT and unload.DIALECT; an unload without them runs what the load has kept. With
    `unload`, the beginning of names in the templates' folder shell/, the module itself holds the code of the
    unload for sh and fish, with `values`: a shell that has not run the load needs it, too, where the folder
    has gone.
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
