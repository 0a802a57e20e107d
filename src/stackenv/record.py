"""The record of an environment: a small JSON file in the environment, which `export` shows as YAML.

The docstrings of the classes below describe its fields. Beside those of `Record` it has:

stackenv        the UUID by which stackenv recognises its own files
record_version  1; a later stackenv reads older versions, but not the other way round

These may be missing, as in records of older versions: packed, replaces, replaced_by, layers (made_by shows
it then), sees_modules, module_roots, with_pip, carried, carry_off, stubs, stubs_off, muted. null in JSON is
None here.

The third line of the modulefile repeats the fields that can be found neither in the environment nor in its
modules. A lost record is restored from that line and from the installed files. `owned` is not restored,
because another user may have written the modulefile, and stackenv deletes environments that it owns.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from typing import Any

from stackenv import FOLDER as FOLDER
from stackenv import RECORD_FILE as RECORD_FILE
from stackenv import STACKENV_UUID
from stackenv.errors import LostRecordError, StackenvError, explain

RECORD_VERSION = 1
# Files of venv and conda that mark a folder as an environment.
TOOLS_MARKS = ("pyvenv.cfg", "conda-meta/history")
# Precedes what the modulefile repeats.
CHOICES_TITLE = "choices: "
CHOICES = (
    *("kind", "modules", "modulepath", "allow_shadow", "user_site", "description", "platform"),
    *("cpu_features", "packed", "replaces", "layers", "sees_modules", "module_roots", "with_pip"),
    *("carry_off", "stubs_off", "muted"),
)
# The types of fields, by their annotations.
TYPES = {"str": str, "int": int, "bool": bool}
# User and password of a URL: everything before the last @ in front of the path (RFC 3986, 3.2).
URL_USER = r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@"
# The token in the URL of a conda channel.
URL_TOKEN = r"([A-Za-z][A-Za-z0-9+.-]*://[^?#\s]*?/t/)[^/?#\s]+"
URL_QUERY = r"([A-Za-z][A-Za-z0-9+.-]*://[^?#\s]*)\?[^#\s]*"


@dataclass(frozen=True)
class Package:
    """An installed package, by the name in its metadata, and its origin. Unknown values are empty.

    `location` is the folder from which it is imported, `sha256` the hash of its wheel if pip reports it, and
    `source` the file name of the wheel or sdist that was installed. `installer` is `pip` for what pip, or a
    similar tool, installed into a conda environment, `ensurepip` for the pip that was copied into a new venv,
    and empty for all others.
    """

    name: str
    version: str
    location: str = ""
    source: str = ""
    sha256: str = ""
    installer: str = ""


@dataclass(frozen=True)
class Platform:
    """The machine on which an environment was created.

    Parameters
    ----------
    machine
        As `uname -m` says.
    os
        The ID of /etc/os-release with the major version, such as `rocky 9`; empty if there is no such file.
    cpu
        archspec's name of the microarchitecture.
    """

    machine: str
    os: str
    cpu: str


@dataclass(frozen=True)
class Python:
    """An interpreter.

    Parameters
    ----------
    version
        Its version, for example 3.11.2.
    executable
        The path of the program, which is not a link, in the folder that the module adds to PATH. That folder
        may point to another software tree on each kind of node.
    module
        The full name of its module; empty if it belongs to none.
    """

    version: str
    executable: str
    module: str = ""

    @property
    def real(self) -> str:
        """The real path of the executable, on this node."""
        return os.path.realpath(self.executable)

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True)
class Modulefile:
    """A modulefile as it was when it was loaded; compared by size and time first, then by contents."""

    path: str
    size_bytes: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True)
class Carried:
    """What the Python of a venv sets up of its modules, for itself alone, when they are not loaded.

    Parameters
    ----------
    modulefiles
        The modulefiles of the modules that the user named.
    python_path, prefixes
        What the modules add to PYTHONPATH and EBPYTHONPREFIXES.
    libraries, preload
        What they add to LD_LIBRARY_PATH, if a library is found only by that, and to LD_PRELOAD.
    variables
        Names and values of the variables that child processes are to inherit (`personal.carry_variables`).
    cpu
        archspec's name of the CPU on which the modules were loaded.
    cpu_features
        Features that another CPU must have, by the names in /proc/cpuinfo; empty if any CPU will do.
    cpu_alias
        The kernel's name for that CPU, which contains all its features; a CPU with the same name has them.
    starts_bare
        Whether the Python starts without the libraries of the modules.
    launchers
        If it does not: the names in bin at which a script starts it with them, each with the target of the
        link that was there. Without any, nothing can be carried.
    sources
        The part of `python_path` that is in no installation of EasyBuild: in a home it comes first, as a
        user's own.
    """

    modulefiles: tuple[Modulefile, ...]
    python_path: tuple[str, ...]
    prefixes: tuple[str, ...]
    libraries: tuple[str, ...]
    preload: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    cpu: str
    cpu_features: tuple[str, ...]
    cpu_alias: str = ""
    starts_bare: bool = True
    launchers: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def is_startable(self) -> bool:
        """Whether the Python starts while the modules are not loaded."""
        return self.starts_bare or bool(self.launchers)


@dataclass(frozen=True)
class Stub:
    """A package of the modules that is visible to uv in the environment, as metadata without code.

    `source` is the metadata in the module: NAME-VERSION.dist-info, an .egg-info, or the EGG-INFO of an egg.
    """

    name: str
    version: str
    source: str


@dataclass(frozen=True)
class PackedImage:
    """The image file into which an environment is packed.

    Parameters
    ----------
    identity
        Identifies this packing; a file in the image has it in its name.
    size_bytes, sha256
        Size and hash of the image.
    entries
        Number of files, links and folders in it.
    tree_sha256
        Hash of all their names, modes, sizes and contents (`stackenv.packing.tree`).
    way
        `session`: each job or login mounts the image in a folder of its own. `namespace`: it is mounted at
        the environment's own path, visible only to the commands of the job or session.
    mounts
        The folder on each node that holds the mounts of the first kind.
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
    """What is stored about one environment and its module: enough to rebuild it.

    Parameters
    ----------
    name
        The name of the personal module.
    version
        Its version.
    kind
        `venv` or `conda`.
    path
        The prefix of the environment.
    module_folder
        The folder that users give to `module use` to find the module.
    modules
        Full names of its base modules, in loading order, without the modules that these load.
    stack
        All modules that were loaded with them.
    modulepath
        The MODULEPATH in which they were found.
    python
        Its interpreter; None for a conda environment without Python.
    platform
        The machine on which it was created.
    packages
        The packages that are installed in the environment itself.
    pinned
        Packages of the modules that the constraints file pins: name, version and module.
    allow_shadow
        Names of packages of the modules that may be replaced in the environment.
    cpu_features
        CPU features that packages compiled on this machine need; empty if there are only plain wheels.
    user_site
        Whether it also imports from ~/.local.
    owned
        Whether stackenv created the folder, and so may delete it.
    description
        The description in `module spider` and `stackenv list`.
    made_by
        The words of the command that created it, as typed.
    activation
        What the activation of a conda environment does, as captured; None for a venv.
    packed
        The image into which the environment is packed; None while it is a folder of files.
    replaces
        The prefix of the environment from which it was rebuilt; empty if it was created or adopted.
    replaced_by
        The prefix of the environment that replaced it and that its module uses now; empty if it is in use.
    layers
        Whether files of stackenv in site-packages set the import order; false after `--no-pth`.
    sees_modules
        Who lets a conda environment import packages of modules: `user` or `site`; empty if they are hidden.
    module_roots
        The folders of the site's software in the site configuration (only for conda environments).
    with_pip
        Whether the user asked for a copy of pip; otherwise the pip of the modules is used.
    carried
        What its Python sets up by itself when its modules are not loaded; None for nothing.
    carry_off
        Who turned that off: `user` or `site`; empty if it is on.
    stubs
        The packages in `pinned` whose metadata is in the environment, so that uv sees them as installed.
    stubs_off
        Who turned the stubs off: `user` or `site`; empty if they are on.
    muted
        Rules whose warnings are muted, each with the user's reason.
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
    replaced_by: str = ""
    layers: bool = True
    sees_modules: str = ""
    module_roots: tuple[str, ...] = ()
    with_pip: bool = False
    carried: Carried | None = None
    carry_off: str = ""
    stubs: tuple[Stub, ...] = ()
    stubs_off: str = ""
    muted: tuple[tuple[str, str], ...] = ()

    @property
    def full_name(self) -> str:
        """What users type after `module load`."""
        return f"{self.name}/{self.version}"


def describe_record(record: Record) -> dict[str, Any]:
    """Return `record` as plain data: mappings, lists and texts."""
    return {"stackenv": STACKENV_UUID, "record_version": RECORD_VERSION, **asdict(record)}


def write_record_text(record: Record) -> str:
    """Return the text of the record file."""
    return json.dumps(describe_record(record), indent=1, ensure_ascii=False) + "\n"


def parse_record(text: str, origin: str, contents: bool = True) -> Record:
    """Return the record in `text`, which was read from `origin`.

    Without `contents`, packages and pins are left out: there can be hundreds.

    Raises
    ------
    LostRecordError
        If it is not a record.
    StackenvError
        If this stackenv does not know its version.
    """
    says, hint = f"{origin} is not a usable record: ", "to restore it: stackenv adopt PATH NAME"
    try:
        data = json.loads(text)
        if data["stackenv"] != STACKENV_UUID:
            raise ValueError("not written by stackenv")
        version = data["record_version"]
        if type(version) is int and version > RECORD_VERSION:
            raise StackenvError(
                f"{says}it has version {version}, and this stackenv reads version {RECORD_VERSION}",
                "use the stackenv that wrote it, or a newer one",
            )
        if version != RECORD_VERSION:
            raise ValueError(f"it has version {json.dumps(version)}")
        return build_record(data if contents else {**data, "packages": [], "pinned": [], "stubs": []})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LostRecordError(f"{says}{explain(error)}", hint) from error


def write_choices(record: Record) -> str:
    """Return the part of `record` that the modulefile repeats, as one line of ASCII."""
    described = asdict(record)
    return json.dumps({name: described[name] for name in CHOICES})


def parse_choices(text: str, known: Mapping[str, Any]) -> Record | None:
    """Return the record of what is `known` and what `write_choices` wrote; None if `text` is something else.

    It has no Python, no packages, and nothing that follows from them.
    """
    empty: dict[str, Any] = {"stack": [], "python": None, "packages": []}
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return build_record({**empty, "pinned": [], "made_by": [], **json.loads(text), **known})
    return None


def build_record(data: Mapping[str, Any]) -> Record:
    """Return the record that `data` describes; raise the exceptions of a mapping and its values."""
    values = {name: data[name] for name, _ in list_types(Record) if name in data}
    lists = ("modules", "stack", "allow_shadow", "cpu_features", "made_by", "packages", "pinned")
    for name in (*lists, *(name for name in ("module_roots", "stubs", "muted") if name in data)):
        if not isinstance(data[name], list):
            raise ValueError(f"`{name}` is not a list")
        values[name] = tuple(data[name])
    values["python"] = Python(**data["python"]) if data["python"] else None
    values["platform"] = Platform(**data["platform"])
    values["packages"] = tuple(Package(**package) for package in data["packages"])
    values["stubs"] = tuple(Stub(**stub) for stub in values.get("stubs", ()))
    values["muted"] = tuple(map(tuple, values.get("muted", ())))
    if any(len(mute) != 2 for mute in values["muted"]):
        raise ValueError("`muted` is not a list of rules and reasons")
    values["pinned"] = tuple(map(tuple, data["pinned"]))
    if any(len(pin) != 3 for pin in values["pinned"]):
        raise ValueError("`pinned` is not a list of names, versions and modules")
    values["packed"] = PackedImage(**data["packed"]) if data.get("packed") else None
    values["carried"] = None if data.get("carried") is None else build_carried(data["carried"])
    values["replaces"] = str(data.get("replaces") or "")
    values.setdefault("layers", "--no-pth" not in data["made_by"])
    record = Record(**values)
    require_types(record)
    return record


def build_carried(data: Mapping[str, Any]) -> Carried:
    """Return what `data` says is carried; raise the exceptions of a mapping and its values."""
    values = {name: data[name] for name, _ in list_types(Carried)}
    for name, wanted in list_types(Carried):
        if wanted is None:
            if not isinstance(values[name], list):
                raise ValueError(f"`{name}` is not a list")
            values[name] = tuple(values[name])
    values["modulefiles"] = tuple(Modulefile(**file) for file in values["modulefiles"])
    for name in ("variables", "launchers"):
        values[name] = tuple(map(tuple, values[name]))
        if any(len(pair) != 2 for pair in values[name]):
            raise ValueError(f"`{name}` is not a list of pairs")
    return Carried(**values)


def require_types(value: Any) -> None:
    """Raise ValueError if a field of `value`, or of what is in it, does not have the type of its annotation.

    Others may have written the record: a number in the place of a text must not cause errors later.
    """
    for name, wanted in list_types(value.__class__):
        found = getattr(value, name)
        if wanted:
            if type(found) is not wanted or (isinstance(found, str) and "\0" in found):
                raise ValueError(f"`{name}` is {json.dumps(found, default=str)}")
        elif isinstance(found, tuple):
            for item in found:
                require_texts(name, item)
        elif is_dataclass(found):
            require_types(found)


@cache
def list_types(kind: Any) -> tuple[tuple[str, type | None], ...]:
    """Return the fields of `kind`, each with the type that it must have; None if that is not in `TYPES`."""
    return tuple((field.name, TYPES.get(str(field.type))) for field in fields(kind))


def require_texts(name: str, item: Any) -> None:
    """Raise ValueError if `item`, of the field `name`, is neither a text nor made of texts."""
    texts = item if isinstance(item, tuple) else (item,)
    if is_dataclass(item):
        require_types(item)
    elif not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise ValueError(f"`{name}` has {json.dumps(item, default=str)}")


def read_command_words() -> tuple[str, ...]:
    """Return the command as it was typed, without the secrets in its URLs: others may read it."""
    return ("stackenv", *map(hide_credentials, sys.argv[1:]))


def hide_credentials(text: str) -> str:
    """Return `text` with `***` for the user, password, token and query of each URL in it."""
    for secret, instead in ((URL_USER, r"\1***@"), (URL_TOKEN, r"\1***"), (URL_QUERY, r"\1?***")):
        text = re.sub(secret, instead, text)
    return text
