"""What is known of an environment, its record: a small JSON file in it, which `export` shows as YAML.

stackenv        the UUID by which stackenv knows its own
record_version  1; a later stackenv reads older versions, never the other way round
name, version, kind (venv or conda), path, module_folder, description, owned, made_by
modules, stack, modulepath
python          version, executable (real path), module; null without a Python
platform        machine, os, cpu
packages        name, version, location, source, sha256, each empty when unknown; installer, which is pip
                for what is in a conda environment and is not conda's
pinned          name, version, module of what the constraints file holds
allow_shadow, user_site
cpu_features    what packages compiled here need of the CPU, by the names of /proc/cpuinfo
activation      what a conda environment's own activation does, captured; null for a venv
packed          identity, size_bytes, sha256, entries, tree_sha256, way and mounts of the image that the
                environment is packed into; null, or absent, while it is a folder of files
replaces        the prefix of the environment that this one was rebuilt from; empty, or absent, without one
replaced_by     the prefix of the environment that this one was rebuilt as; empty, or absent, without one
layers          false after `adopt --no-pth`; when it is absent, made_by tells
sees_modules    `user` or `site` where a conda environment imports what modules bring; else empty, or absent
module_roots    folders of the site's software, from its configuration; empty, or absent, if none
with_pip        true after `create --with-pip`; false, or absent, where the pip of the modules is enough
carried         what a venv's Python that is started without the modules brings of them by itself; null, or
                absent, where it brings nothing
carry_off       `user` after --no-carry, `site` where the configuration has it off; else empty, or absent
stubs           name, version, source (the module's own metadata) of what uv is shown of the modules; empty,
                or absent, where there is nothing
muted           rule and reason of each rule whose warnings are not wanted here; empty, or absent, for none
stubs_off       `user` after --no-stubs, `site` where the configuration has it off; else empty, or absent

The modulefile repeats what neither the environment nor its modules tell, in its third line: from that, and
from what is installed, a record that was lost is written again. Not `owned`: somebody else can have written
the modulefile, and what is owned is deleted.
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
# By these files, which venv and conda write, a folder is an environment.
TOOLS_MARKS = ("pyvenv.cfg", "conda-meta/history")
# Before what the modulefile repeats.
CHOICES_TITLE = "choices: "
CHOICES = (
    *("kind", "modules", "modulepath", "allow_shadow", "user_site", "description", "platform"),
    *("cpu_features", "packed", "replaces", "layers", "sees_modules", "module_roots", "with_pip"),
    *("carry_off", "stubs_off", "muted"),
)
# Of the fields of the record and of what is in it, by their annotations.
TYPES = {"str": str, "int": int, "bool": bool}
# A URL's user and password are all before the last @ in front of its path (RFC 3986, 3.2).
URL_USER = r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@"
# How conda has the token in a channel's URL.
URL_TOKEN = r"([A-Za-z][A-Za-z0-9+.-]*://[^?#\s]*?/t/)[^/?#\s]+"
URL_QUERY = r"([A-Za-z][A-Za-z0-9+.-]*://[^?#\s]*)\?[^#\s]*"


@dataclass(frozen=True)
class Package:
    """An installed package, as its metadata names it, and where it came from.

    `location` is the folder that it is imported from; `sha256` that of the wheel, where pip reports
    it; `source` the file name of what was installed (a wheel, an sdist), where known; `installer` is
    `pip` for what pip, or a tool like it, has put beside conda's packages, `ensurepip` for the pip that was
    copied into a venv when it was made, and empty for all others.
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

    `os` is the ID of /etc/os-release with the major version (rocky 9), empty where that does not exist;
    `cpu` archspec's name of the microarchitecture.
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
        As 3.11.2.
    executable
        No link itself, in the folder that the module puts on PATH. That may lead to another software tree on
        each kind of node.
    module
        The full name of the module that it belongs to; empty if none does.
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
    """A modulefile as it was when it was loaded: by its size and time it is known, else by its contents."""

    path: str
    size_bytes: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True)
class Carried:
    """What a Python of a venv that is started without the modules brings of them, for itself alone.

    Parameters
    ----------
    modulefiles
        Of the modules that the user named: what was read.
    python_path, prefixes
        What they put into PYTHONPATH and EBPYTHONPREFIXES.
    libraries, preload
        What they put into LD_LIBRARY_PATH, if a library is found by that alone, and into LD_PRELOAD.
    variables
        Names and values of those that the site wants children to have (`personal.carry_variables`).
    cpu
        archspec's name of the CPU that the modules were loaded on.
    cpu_features
        What another CPU must have, by the names of /proc/cpuinfo; empty: the modules are for any.
    cpu_alias
        What the kernel calls that CPU, all its features in one word; a CPU of the same word has them.
    starts_bare
        Whether the Python starts without the modules' libraries.
    launchers
        Where it does not: the names in bin at which a script starts it with them, each with what the link
        that was there led to. Without any, nothing can be carried.
    sources
        Of `python_path` what is in no installation of EasyBuild: in a home it goes first, as a user's own.
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
        """Whether the Python starts where the modules are not loaded."""
        return self.starts_bare or bool(self.launchers)


@dataclass(frozen=True)
class Stub:
    """A package of the modules that the environment shows to uv, by its metadata alone.

    `source` is where the module has these: NAME-VERSION.dist-info, an .egg-info, or the EGG-INFO of an egg.
    """

    name: str
    version: str
    source: str


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
        Its base modules, by full name, in the order of their loading: those asked for.
    stack
        Every module loaded with them.
    modulepath
        The MODULEPATH under which they were found.
    python
        Its interpreter; None for a conda environment without Python.
    platform
        The machine that it was made on.
    packages
        The environment's own.
    pinned
        What the modules bring and the constraints file holds: name, version, and the module.
    allow_shadow
        Names of packages of the stack that may be replaced in the environment.
    cpu_features
        What packages compiled here for this very CPU need of one; empty for plain wheels.
    user_site
        Whether it imports from ~/.local too.
    owned
        True when stackenv made the folder, and may delete it.
    description
        What `module spider` and `stackenv list` say of it.
    made_by
        The command's words, as typed.
    activation
        What a conda environment's own activation does, captured; None for a venv.
    packed
        The image that the environment is in; None while it is a folder of files.
    replaces
        The prefix of the environment that it was rebuilt from; empty when there was none.
    replaced_by
        The prefix of the environment that it was rebuilt as, to which its module leads now; empty: none.
    layers
        Whether files of stackenv in site-packages put the packages in order; not after `--no-pth`.
    sees_modules
        Who has a conda environment's Python import what modules bring: `user` or `site`; empty: hidden.
    module_roots
        The folders of the site's software that its configuration names (a conda environment).
    with_pip
        Whether a copy of pip was asked for, beside that of the modules.
    carried
        What its Python brings of the modules where they are not loaded; None for nothing.
    carry_off
        Who turned that off: `user` or `site`; empty if it is on.
    stubs
        What of `pinned` has its metadata in the environment, so that uv takes it for installed.
    stubs_off
        Who turned these off: `user` or `site`; empty if they are on.
    muted
        Rules whose warnings are not wanted, each with the user's reason.
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
        """What users type behind `module load`."""
        return f"{self.name}/{self.version}"


def describe_record(record: Record) -> dict[str, Any]:
    """Return `record` as plain data, of mappings, lists and texts."""
    return {"stackenv": STACKENV_UUID, "record_version": RECORD_VERSION, **asdict(record)}


def write_record_text(record: Record) -> str:
    """Return the text of the record's file."""
    return json.dumps(describe_record(record), indent=1, ensure_ascii=False) + "\n"


def parse_record(text: str, origin: str, contents: bool = True) -> Record:
    """Return the record in `text`, which came from `origin`.

    Without `contents` its packages and pins are left out: there can be hundreds.

    Raises
    ------
    LostRecordError
        When it is no record.
    StackenvError
        When it is of a version that this stackenv does not know.
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
    """Return what the modulefile repeats of `record`, in one line of ASCII."""
    described = asdict(record)
    return json.dumps({name: described[name] for name in CHOICES})


def parse_choices(text: str, known: Mapping[str, Any]) -> Record | None:
    """Return the record of what is `known`, and of what `write_choices` wrote; None when `text` is not that.

    Without Python, packages and what follows from them.
    """
    empty: dict[str, Any] = {"stack": [], "python": None, "packages": []}
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return build_record({**empty, "pinned": [], "made_by": [], **json.loads(text), **known})
    return None


def build_record(data: Mapping[str, Any]) -> Record:
    """Return the record that `data` describes; raise as a mapping and its values do."""
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
    """Return what `data` says is carried; raise as a mapping and its values do."""
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
    """Raise ValueError when `value`, or what is in it, has a field that is not of its annotation's type.

    Others can have written the record: what is a number where a text is meant must not surprise later.
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
    """Return the fields of `kind`, each with the type that it must have; None where it is none of `TYPES`."""
    return tuple((field.name, TYPES.get(str(field.type))) for field in fields(kind))


def require_texts(name: str, item: Any) -> None:
    """Raise ValueError when `item`, of the field `name`, is no text, nor made of texts."""
    texts = item if isinstance(item, tuple) else (item,)
    if is_dataclass(item):
        require_types(item)
    elif not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise ValueError(f"`{name}` has {json.dumps(item, default=str)}")


def read_command_words() -> tuple[str, ...]:
    """Return the command as it was typed, but for what is secret in its URLs: others may read it."""
    return ("stackenv", *map(hide_credentials, sys.argv[1:]))


def hide_credentials(text: str) -> str:
    """Return `text` with `***` for user and password, token and query of each URL in it."""
    for secret, instead in ((URL_USER, r"\1***@"), (URL_TOKEN, r"\1***"), (URL_QUERY, r"\1?***")):
        text = re.sub(secret, instead, text)
    return text
