"""The keys of a site configuration, their allowed values, and the settings that they become."""

from __future__ import annotations

import re
from functools import partial
from types import MappingProxyType
from typing import Any, Callable

from voluptuous import All, Invalid, MultipleInvalid, Schema
from voluptuous import Optional as Maybe

from stackenv.configuration.condarc import OWN_KEY_OF_CONDARC_KEY
from stackenv.configuration.document import NEVER_FINAL
from stackenv.configuration.path_template import PathTemplate, parse_path_template, parse_relative_folder
from stackenv.configuration.rules import check_cache_place, check_channels, check_limit, check_pair
from stackenv.configuration.settings import (
    CachePlace,
    CacheSettings,
    ChannelSettings,
    CondaSettings,
    JobSettings,
    LimitSettings,
    LoadTestSettings,
    PackSettings,
    PersonalSettings,
    StoragePlace,
)
from stackenv.configuration.values import (
    Validator,
    check_boolean,
    check_existing_folder,
    check_mapping,
    check_module_root,
    check_node_folder,
    check_program,
    list_of,
    or_null,
    parsed,
    quantity,
    text,
    whole_number,
    word,
)

CONFIGURATION_VERSION = 1
# Installed by easybuild-easyblocks, easybuild/easyblocks/a/anaconda.py.
CONDA_DISTRIBUTIONS = ("Anaconda3", "Miniconda3", "Miniforge3", "Mambaforge")
SHELLS = ("bash", "zsh", "ksh", "mksh", "dash", "tcsh", "fish")
# If child processes got these from modules that are not loaded, they would mix them with what they load.
NEVER_CARRIED = (
    *("PATH", "EBPYTHONPREFIXES", "LOADEDMODULES", "MODULEPATH", "_LMFILES_", "GCONV_PATH"),
    # These identify the user, or run something in each shell that a child process starts.
    *("HOME", "SHELL", "USER", "LOGNAME", "IFS", "ENV", "BASH_ENV"),
    # A shell, Lmod or a job has set newer values.
    *("PWD", "OLDPWD", "SHLVL", "_", "TMPDIR", "FPATH", "MANPATH", "MODULESHOME"),
)
NEVER_CARRIED_BEGIN = ("LD_", "LMOD_", "_ModuleTable", "__LMOD", "STACKENV_", "PYTHON", "BASH_FUNC_")
RESERVED_SECTIONS = ("python", "kernels")

# Longer keys would be written in YAML's "? key" form, which has no place for #!final.
_CONDARC_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")


class UnknownKey(Invalid):
    """A key that its section does not have."""


def _unknown(_value: Any) -> Any:
    raise UnknownKey("unknown key")


def _section(fields: dict[Any, Any], build: Callable[..., Any], *checks: Validator) -> Any:
    def construct(values: dict[str, Any]) -> Any:
        return build(**values)

    return All(check_mapping, Schema({**fields, Maybe(str): _unknown}, required=True), *checks, construct)


def _reserved(value: Any) -> Any:
    if value is not None and value != {}:
        raise Invalid("reserved for a later version of stackenv; allowed: null or {}")
    return value


def _not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise Invalid("found []; allowed: at least one folder")
    return value


def _final_key(value: Any) -> Any:
    name = text("a key of the written condarc")(value)
    if name in NEVER_FINAL:
        raise Invalid(f"{name!r} cannot be final: {NEVER_FINAL[name]}; allowed: other keys")
    return name


def _carried_variable(value: Any) -> Any:
    name = text("a variable's name, such as PROJ_DATA", r"[A-Za-z_][A-Za-z0-9_]*")(value)
    if name in NEVER_CARRIED or name.startswith(NEVER_CARRIED_BEGIN):
        whose = "the dynamic loader, Lmod, Python, a shell, a job or the user"
        raise Invalid(f"{name!r} cannot be carried: it belongs to {whose}; allowed: other variables")
    return name


def _cache_place(parent: PathTemplate, folder: str) -> CachePlace:
    return CachePlace(parent, parse_path_template(f"{parent.text}/{folder}"))


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    faults = [
        Invalid(f"{name!r} is given twice; allowed: once", [position])
        for position, name in enumerate(names)
        if name in names[:position]
    ]
    if faults:
        raise MultipleInvalid(faults)
    return names


def _bash_is_tested(shells: tuple[str, ...]) -> tuple[str, ...]:
    if "bash" not in shells:
        raise Invalid("bash is missing; allowed: a list with bash, the shell of batch scripts")
    return shells


def _condarc(value: Any) -> Any:
    faults = []
    for key in check_mapping(value):
        if key in OWN_KEY_OF_CONDARC_KEY:
            instead = OWN_KEY_OF_CONDARC_KEY[key]
            faults.append(Invalid(f"not allowed in conda.condarc; allowed: {instead}", [key]))
        elif not _CONDARC_KEY.fullmatch(key):
            allowed = "letters, digits, _ and -, at most 100"
            faults.append(Invalid(f"not a conda key; allowed: {allowed}", [key]))
    if faults:
        raise MultipleInvalid(faults)
    return MappingProxyType(value)


_parent = parsed(parse_path_template, "a folder such as ${WORKSPACE} or /scratch/${USER}")
_below = "a path below the parent, such as conda/envs"
_channels = list_of(text("a channel's name or URL"), "channels")
_version = whole_number(1, 1, f"{CONFIGURATION_VERSION}, the version that this stackenv reads")

PLACE_FIELDS: dict[Any, Any] = {
    "parent": _parent,
    "environments": parsed(partial(parse_relative_folder, separators=":,"), _below),
    "packages": parsed(partial(parse_relative_folder, separators=","), _below),
}
CHANNEL_FIELDS: dict[Any, Any] = {
    "default": _channels,
    "replace_defaults": check_boolean,
    "denied": _channels,
}
LOAD_TEST_FIELDS: dict[Any, Any] = {
    "shells": All(list_of(word(SHELLS), "shells"), _bash_is_tested),
    "timeout_s": whole_number(1, 3600, "whole seconds from 1 to 3600"),
}
CONDA_FIELDS: dict[Any, Any] = {
    "names": list_of(word(CONDA_DISTRIBUTIONS), "names"),
    "base_on_path": check_boolean,
    "storage": list_of(_section(PLACE_FIELDS, StoragePlace, check_pair), "mappings (or [])"),
    "purged_storage": list_of(_parent, "folders"),
    "channels": _section(CHANNEL_FIELDS, ChannelSettings, check_channels),
    "condarc": _condarc,
    "final": list_of(_final_key, "keys"),
    "init": word(("refuse", "warn", "allow")),
    "user_site": word(("hide", "show")),
    "hide_modules": check_boolean,
    "native_activation": check_boolean,
    "module_roots": list_of(check_module_root, "folders"),
    "pythonpath_notice": check_boolean,
    "export_function": check_boolean,
    "empty_package_cache": check_boolean,
    "freeze_base": check_boolean,
    "load_test": _section(LOAD_TEST_FIELDS, LoadTestSettings),
    "templates": or_null(check_existing_folder),
}
PERSONAL_FIELDS: dict[Any, Any] = {
    "modules": parsed(parse_path_template, "a folder such as ${HOME}/modules"),
    "use": check_boolean,
    "environments": All(list_of(_parent, "folders"), _not_empty),
    "carry": check_boolean,
    "carry_variables": All(list_of(_carried_variable, "names"), _each_once),
    "carry_on_any_cpu": check_boolean,
    "stubs": check_boolean,
    "stubs_leave_out": list_of(text("a package's name, * and ? allowed", r"[A-Za-z0-9*?._-]+"), "names"),
}
CACHE_PLACE_FIELDS: dict[Any, Any] = {
    "parent": _parent,
    "folder": parsed(
        partial(parse_relative_folder, separators=":,", variables=True),
        "a path below the parent, such as .cache-${USER}/pip",
    ),
}
CACHES_FIELDS: dict[Any, Any] = {
    tool: list_of(_section(CACHE_PLACE_FIELDS, _cache_place, check_cache_place), "mappings (or [])")
    for tool in CacheSettings._fields
}
PACK_FIELDS: dict[Any, Any] = {
    "mounts": check_node_folder,
}
# slurm.conf(5), PartitionName; sbatch(1), --time.
JOBS_FIELDS: dict[Any, Any] = {
    "partitions": list_of(
        text("a partition's name: letters, digits and _ . + -", r"[A-Za-z0-9_.+-]+"), "partitions"
    ),
    "time": or_null(text('null, or a time in quotes: "2:00:00"', r"(?:\d+-)?\d+(?::\d{1,2}){0,2}|UNLIMITED")),
    "account_hint": or_null(text("null, or one line of text")),
    "header": list_of(text("one line of the script"), "lines"),
}
LIMIT_FIELDS: dict[Any, Any] = {
    "path": parsed(parse_path_template, "a folder such as ${HOME}"),
    Maybe("bytes", default=None): or_null(
        quantity('null, or a number with a unit: "1 TB" (1000 GB), "500 GiB"', is_bytes=True)
    ),
    Maybe("files", default=None): or_null(quantity('null, or a number, also with a unit: 1000000, "1 M"')),
    Maybe("command", default=None): or_null(
        Schema(All(list_of(text("a word of the command"), "words"), check_program))
    ),
}
CONFIGURATION_FIELDS: dict[Any, Any] = {
    "version": _version,
    "conda": _section(CONDA_FIELDS, CondaSettings),
    "personal": _section(PERSONAL_FIELDS, PersonalSettings),
    "caches": _section(CACHES_FIELDS, CacheSettings),
    "pack": _section(PACK_FIELDS, PackSettings),
    "jobs": _section(JOBS_FIELDS, JobSettings),
    "limits": list_of(_section(LIMIT_FIELDS, LimitSettings, check_limit), "mappings (or [])"),
    **{Maybe(name): _reserved for name in RESERVED_SECTIONS},
}
CONFIGURATION_SCHEMA = Schema(_section(CONFIGURATION_FIELDS, dict))

# The section of each key, for errors about misspelled keys and keys in the wrong section.
KEYS_OF_SECTION = {
    section: tuple(str(key) for key in fields)
    for section, fields in (
        ("", CONFIGURATION_FIELDS),
        ("conda", CONDA_FIELDS),
        ("conda.storage", PLACE_FIELDS),
        ("conda.channels", CHANNEL_FIELDS),
        ("conda.load_test", LOAD_TEST_FIELDS),
        ("personal", PERSONAL_FIELDS),
        ("caches", CACHES_FIELDS),
        *((f"caches.{tool}", CACHE_PLACE_FIELDS) for tool in CACHES_FIELDS),
        ("pack", PACK_FIELDS),
        ("jobs", JOBS_FIELDS),
        ("limits", LIMIT_FIELDS),
    )
}
