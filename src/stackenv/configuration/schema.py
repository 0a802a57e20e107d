"""The keys of a site configuration, what each may hold, and the settings that they become."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable

from voluptuous import All, Invalid, MultipleInvalid, Required, Schema
from voluptuous import Optional as Maybe

from stackenv.configuration.channels import check_channels
from stackenv.configuration.condarc import OWN_KEY_OF_CONDARC_KEY
from stackenv.configuration.document import NEVER_FINAL
from stackenv.configuration.faults import not_allowed
from stackenv.configuration.limits import LIMIT_FIELDS, check_limit
from stackenv.configuration.path_template import parse_path_template, parse_relative_folder
from stackenv.configuration.settings import (
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
    check_mapping,
    check_not_empty,
    check_or_null,
    check_parsed,
    check_pattern,
    check_text,
    check_word,
    list_of,
)

CONFIGURATION_VERSION = 1
# easybuild-easyblocks, easybuild/easyblocks/a/anaconda.py: the block that installs these.
CONDA_DISTRIBUTIONS = (
    "Anaconda3",
    "Miniconda3",
    "Miniforge3",
    "Mambaforge",
)
SHELLS = ("bash", "zsh", "ksh", "mksh", "dash", "tcsh", "fish")
RESERVED_SECTIONS = ("python", "kernels")
_TIMEOUT_LIMIT_S = 3600

_NODE_FOLDER = re.compile(r"/[A-Za-z0-9._+/-]*")
# slurm.conf(5), PartitionName; sbatch(1), --time.
_PARTITION = re.compile(r"[A-Za-z0-9_.+-]+")
_TIME = re.compile(r"(?:\d+-)?\d+(?::\d{1,2}){0,2}|UNLIMITED")
# Longer keys would be written in YAML's "? key" form, which has no line for #!final.
_CONDARC_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")


class UnknownKey(Invalid):
    """A key that its section does not have."""


def _unknown(_value: Any) -> Any:
    raise UnknownKey("unknown key")


def _timeout(value: Any) -> Any:
    # bool is an int to Python, so `timeout_s: yes` would be one second.
    if type(value) is not int or not 1 <= value <= _TIMEOUT_LIMIT_S:
        raise Invalid(not_allowed(value, f"whole seconds from 1 to {_TIMEOUT_LIMIT_S}"))
    return value


def _version(value: Any) -> Any:
    if type(value) is not int or value != CONFIGURATION_VERSION:
        raise Invalid(not_allowed(value, f"{CONFIGURATION_VERSION}, which is what this stackenv reads"))
    return value


def _reserved(value: Any) -> Any:
    if value is not None and value != {}:
        raise Invalid("reserved for a later version of stackenv; allowed: null or {}")
    return value


def _node_folder(value: Any) -> Any:
    # Below it sh makes folders, and looks for them in /proc/mounts, where a space is an octal number.
    if not isinstance(value, str) or not _NODE_FOLDER.fullmatch(value) or ".." in Path(value).parts:
        raise Invalid(not_allowed(value, "an absolute path of letters, digits and . _ + - /"))
    return value.rstrip("/") or "/"


def _module_root(value: Any) -> Any:
    # Joined with colons, as the variables are that it is compared with.
    folder = check_text("an absolute path without a colon, such as /software", value).rstrip("/")
    if not folder.startswith("/") or ":" in folder or ".." in Path(folder).parts:
        raise Invalid(not_allowed(value, "an absolute path without a colon or .., such as /software"))
    return folder


def _templates(value: Any) -> Path | None:
    if value is None:
        return None
    allowed = "null or the absolute path of a folder that exists"
    path = Path(check_text(allowed, value))
    # os.path answers False where pathlib, before Python 3.12, raises: a folder it may not enter.
    if not path.is_absolute() or not os.path.isdir(path):  # noqa: PTH112
        raise Invalid(not_allowed(value, allowed))
    return path


def _section(fields: dict[Any, Any], build: Callable[..., Any], *checks: Validator) -> Any:
    def construct(values: dict[str, Any]) -> Any:
        return build(**values)

    return All(check_mapping, {**fields, str: _unknown}, *checks, construct)


def _final_key(value: Any) -> Any:
    name = check_text("a key of the written condarc", value)
    if name in NEVER_FINAL:
        raise Invalid(f"{name!r} is never final: {NEVER_FINAL[name]}; allowed: other keys")
    return name


def _bash_is_tested(shells: tuple[str, ...]) -> tuple[str, ...]:
    if "bash" not in shells:
        raise Invalid("bash is missing; allowed: a list with bash, the shell of batch scripts")
    return shells


def _pair_is_apart(place: dict[str, Any]) -> dict[str, Any]:
    environments, packages = place["environments"] + "/", place["packages"] + "/"
    if environments.startswith(packages) or packages.startswith(environments):
        raise Invalid(
            f"environments {place['environments']!r} and packages {place['packages']!r} are the "
            "same folder or one lies in the other, and `conda clean` empties the packages; "
            "allowed: two folders beside each other"
        )
    return place


def _condarc(value: Any) -> Any:
    faults = []
    for key in check_mapping(value):
        if key in OWN_KEY_OF_CONDARC_KEY:
            instead = OWN_KEY_OF_CONDARC_KEY[key]
            faults.append(Invalid(f"not allowed in conda.condarc; allowed: {instead}", [key]))
        elif not _CONDARC_KEY.fullmatch(key):
            allowed = "letters, digits, _ and -, at most 100"
            faults.append(Invalid(f"not a key of conda; allowed: {allowed}", [key]))
    if faults:
        raise MultipleInvalid(faults)
    return MappingProxyType(value)


_PARENT = "a folder such as ${WORKSPACE} or /scratch/${USER}"
_FOLDER = "a folder such as ${HOME}/modules"
_BELOW = "a path below the parent, such as conda/envs"
_parent: Validator = partial(check_parsed, parse_path_template, _PARENT)
_channels = list_of(partial(check_text, "a channel's name or URL"), "channels")

PLACE_FIELDS: dict[Any, Any] = {
    Required("parent"): _parent,
    Required("environments"): partial(check_parsed, partial(parse_relative_folder, separators=":,"), _BELOW),
    Required("packages"): partial(check_parsed, partial(parse_relative_folder, separators=","), _BELOW),
}
CHANNEL_FIELDS: dict[Any, Any] = {
    Required("default"): _channels,
    Required("replace_defaults"): check_boolean,
    Required("denied"): _channels,
}
LOAD_TEST_FIELDS: dict[Any, Any] = {
    Required("shells"): All(list_of(partial(check_word, SHELLS), "shells"), _bash_is_tested),
    Required("timeout_s"): _timeout,
}
CONDA_FIELDS: dict[Any, Any] = {
    Required("names"): list_of(partial(check_word, CONDA_DISTRIBUTIONS), "names"),
    Required("base_on_path"): check_boolean,
    Required("storage"): list_of(_section(PLACE_FIELDS, StoragePlace, _pair_is_apart), "mappings (or [])"),
    Required("purged_storage"): list_of(_parent, "folders"),
    Required("channels"): _section(CHANNEL_FIELDS, ChannelSettings, check_channels),
    Required("condarc"): _condarc,
    Required("final"): list_of(_final_key, "keys"),
    Required("init"): partial(check_word, ("refuse", "warn", "allow")),
    Required("user_site"): partial(check_word, ("hide", "show")),
    Required("hide_modules"): check_boolean,
    Required("module_roots"): list_of(_module_root, "folders"),
    Required("pythonpath_notice"): check_boolean,
    Required("export_function"): check_boolean,
    Required("empty_package_cache"): check_boolean,
    Required("freeze_base"): check_boolean,
    Required("load_test"): _section(LOAD_TEST_FIELDS, LoadTestSettings),
    Required("templates"): _templates,
}
PERSONAL_FIELDS: dict[Any, Any] = {
    Required("modules"): partial(check_parsed, parse_path_template, _FOLDER),
    Required("environments"): All(list_of(_parent, "folders"), check_not_empty),
}
PACK_FIELDS: dict[Any, Any] = {
    Required("mounts"): _node_folder,
}
JOBS_FIELDS: dict[Any, Any] = {
    Required("partitions"): list_of(
        partial(check_pattern, _PARTITION, "a partition's name: letters, digits and _ . + -"), "partitions"
    ),
    Required("time"): partial(
        check_or_null, partial(check_pattern, _TIME, 'null, or a time in quotes: "2:00:00"')
    ),
    Required("account_hint"): partial(check_or_null, partial(check_text, "null, or one line of text")),
    Required("header"): list_of(partial(check_text, "one line of the script"), "lines"),
}
POLICY_FIELDS: dict[Any, Any] = {
    Required("version"): _version,
    Required("conda"): _section(CONDA_FIELDS, CondaSettings),
    Required("personal"): _section(PERSONAL_FIELDS, PersonalSettings),
    Required("pack"): _section(PACK_FIELDS, PackSettings),
    Required("jobs"): _section(JOBS_FIELDS, JobSettings),
    Required("limits"): list_of(_section(LIMIT_FIELDS, LimitSettings, check_limit), "mappings (or [])"),
    **{Maybe(name): _reserved for name in RESERVED_SECTIONS},
}
CONFIGURATION_SCHEMA = Schema(_section(POLICY_FIELDS, dict))

# Where each key belongs, for the error about a key that stands elsewhere or is misspelled.
KEYS_OF_SECTION = {
    section: tuple(str(key) for key in fields)
    for section, fields in (
        ("", POLICY_FIELDS),
        ("conda", CONDA_FIELDS),
        ("conda.storage", PLACE_FIELDS),
        ("conda.channels", CHANNEL_FIELDS),
        ("conda.load_test", LOAD_TEST_FIELDS),
        ("personal", PERSONAL_FIELDS),
        ("pack", PACK_FIELDS),
        ("jobs", JOBS_FIELDS),
        ("limits", LIMIT_FIELDS),
    )
}
