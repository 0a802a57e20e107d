"""An environment as it is known: what it stands on, what it holds, how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """An installed package, as its metadata names it, and where it came from.

    `location` is the folder that it is imported from; `sha256` that of the wheel, where pip has told
    it; `source` the file name of what was installed (a wheel, an sdist), where known; `installer` is
    `pip` for what pip, or a tool like it, has put beside conda's packages, and empty for all others.
    """

    name: str
    version: str
    location: str = ""
    source: str = ""
    sha256: str = ""
    installer: str = ""


@dataclass(frozen=True)
class Platform:
    """The machine an environment was made on.

    `os` is the ID of /etc/os-release with the major version (rocky 9), empty where there is none;
    `cpu` archspec's name of the microarchitecture.
    """

    machine: str
    os: str
    cpu: str


@dataclass(frozen=True)
class Python:
    """An interpreter: its version, the real path of its executable, and the module it belongs to."""

    version: str
    executable: str
    module: str = ""

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True)
class PackedImage:
    """The one file that an environment is packed into.

    Parameters
    ----------
    identity
        Of this packing; a file in the image has it in its name.
    size_bytes, sha256
        Of the image.
    entries
        How many files, links and folders are in it.
    tree_sha256
        Of all their names, modes, sizes and contents (`stackenv.packing.tree`).
    way
        `session`, a mount of a job or login at a place of its own, or `namespace`, one at the
        environment's own path, which only the commands of the job or session see.
    mounts
        The folder on each node below which the first kind are made.
    """

    identity: str
    size_bytes: int
    sha256: str
    entries: int
    tree_sha256: str
    way: str
    mounts: str


@dataclass(frozen=True)
class Record:
    """What is known of one environment and its module: enough to build it again.

    Parameters
    ----------
    name, version
        Of the personal module.
    kind
        `venv` or `conda`.
    path
        The prefix of the environment.
    module_folder
        What users give to `module use` to find the module.
    modules
        The modules it stands on, by full name, in the order of their loading: those asked for.
    stack
        Every module loaded with them.
    modulepath
        The MODULEPATH under which they were found.
    python
        None for a conda environment without Python.
    packages
        The environment's own.
    pinned
        What the modules bring and the constraints file holds: name, version, and the module.
    allow_shadow
        Names of packages of the stack that may be replaced in the environment.
    cpu_features
        What packages compiled here for this very CPU need of one; empty for plain wheels.
    owned
        True when stackenv made the folder, and may delete it.
    made_by
        The command's words, as typed.
    packed
        The image that the environment is in; None while it is a folder of files.
    replaces
        The prefix of the environment in whose place it was made anew; empty when there was none.
    layers
        Whether files of stackenv in site-packages put the packages in order; not after `--no-pth`.
    sees_modules
        Who has a conda environment's Python import what modules bring: `user` or `site`; empty: hidden.
    module_roots
        The folders of the site's software that its configuration names (a conda environment).
    """

    name: str
    version: str
    kind: str
    path: str
    module_folder: str
    modules: tuple[str, ...]
    stack: tuple[str, ...]
    modulepath: str
    python: Python | None
    platform: Platform
    packages: tuple[Package, ...] = ()
    pinned: tuple[tuple[str, str, str], ...] = ()
    allow_shadow: tuple[str, ...] = ()
    cpu_features: tuple[str, ...] = ()
    user_site: bool = False
    owned: bool = True
    description: str = ""
    made_by: tuple[str, ...] = ()
    activation: Mapping[str, object] | None = None
    packed: PackedImage | None = None
    replaces: str = ""
    layers: bool = True
    sees_modules: str = ""
    module_roots: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """What users type behind `module load`."""
        return f"{self.name}/{self.version}"
