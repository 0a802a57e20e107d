"""The keys of a policy file, what each may hold, and the settings that they become."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable

from voluptuous import All, Invalid, MultipleInvalid, Required, Schema
from voluptuous import Optional as Maybe

from stackenv.policy.channels import check_channels
from stackenv.policy.faults import did_you_mean, nearest, not_allowed
from stackenv.policy.final_marks import NEVER_FINAL
from stackenv.policy.path_template import parse_path_template, parse_relative_folder
from stackenv.policy.settings import (
    ChannelPolicy,
    CondaPolicy,
    PackPolicy,
    PersonalPolicy,
    ProofPolicy,
    StoragePlace,
)

Validator = Callable[[Any], Any]

POLICY_VERSION = 1
# easybuild-easyblocks, easybuild/easyblocks/a/anaconda.py: the block that installs these.
CONDA_DISTRIBUTIONS = (
    "Anaconda3",
    "Miniconda3",
    "Miniforge3",
    "Mambaforge",
)
SHELLS = ("bash", "zsh", "ksh", "mksh", "dash", "tcsh", "fish")
RESERVED_SECTIONS = ("python", "jobs", "kernels", "limits")
_TIMEOUT_LIMIT_S = 3600

# conda's names and aliases (conda/base/context.py) of what the policy has a key of its own for.
POLICY_KEY_OF_CONDARC_KEY = {
    "channels": "conda.channels.default",
    "channel": "conda.channels.default",
    "default_channels": "conda.channels.default with conda.channels.replace_defaults: true",
    "denylist_channels": "conda.channels.denied",
    "envs_dirs": "environments in conda.storage",
    "envs_path": "environments in conda.storage",
    "pkgs_dirs": "packages in conda.storage",
    "pkgs_path": "packages in conda.storage",
}
# Longer keys would be written in YAML's "? key" form, which has no line for #!final.
_NODE_FOLDER = re.compile(r"/[A-Za-z0-9._+/-]*")
_CONDARC_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")


class UnknownKey(Invalid):
    """A key that its section does not have."""


def _unknown(_value: Any) -> Any:
    raise UnknownKey("unknown key")


def _boolean(value: Any) -> Any:
    if not isinstance(value, bool):
        raise Invalid(not_allowed(value, "true or false"))
    return value


def _text(allowed: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise Invalid(not_allowed(value, allowed))
    return value


def _one_of(words: Sequence[str], value: Any) -> Any:
    if value not in words or not isinstance(value, str):
        hint = did_you_mean(nearest(value, words)) if isinstance(value, str) else ""
        raise Invalid(not_allowed(value, ", ".join(words)) + hint)
    return value


def _timeout(value: Any) -> Any:
    # bool is an int to Python, so `timeout_s: yes` would be one second.
    if type(value) is not int or not 1 <= value <= _TIMEOUT_LIMIT_S:
        raise Invalid(not_allowed(value, f"whole seconds from 1 to {_TIMEOUT_LIMIT_S}"))
    return value


def _version(value: Any) -> Any:
    if type(value) is not int or value != POLICY_VERSION:
        raise Invalid(not_allowed(value, f"{POLICY_VERSION}, which is what this stackenv reads"))
    return value


def _reserved(value: Any) -> Any:
    if value is not None and value != {}:
        raise Invalid("reserved for a later version of stackenv; allowed: null or {}")
    return value


def _parsed(parse: Callable[[str], Any], allowed: str, value: Any) -> Any:
    text = _text(allowed, value)
    try:
        return parse(text)
    # voluptuous would put "not a valid value" in the place of a ValueError's message.
    except ValueError as error:
        raise Invalid(str(error)) from error


def _node_folder(value: Any) -> Any:
    # Below it sh makes folders, and looks for them in /proc/mounts, where a space is an octal number.
    if not isinstance(value, str) or not _NODE_FOLDER.fullmatch(value) or ".." in Path(value).parts:
        raise Invalid(not_allowed(value, "an absolute path of letters, digits and . _ + - /"))
    return value.rstrip("/") or "/"


def _templates(value: Any) -> Path | None:
    if value is None:
        return None
    allowed = "null or the absolute path of a folder that exists"
    path = Path(_text(allowed, value))
    # os.path answers False where pathlib, before Python 3.12, raises: a folder it may not enter.
    if not path.is_absolute() or not os.path.isdir(path):  # noqa: PTH112
        raise Invalid(not_allowed(value, allowed))
    return path


def _list_of(item: Validator, allowed: str) -> Validator:
    # voluptuous' own list stops at the first item whose fault lies deeper than the item itself.
    item_schema = Schema(item)

    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Invalid(not_allowed(value, f"a list of {allowed}"))
        items, faults = [], []
        for position, entry in enumerate(value):
            try:
                items.append(item_schema(entry))
            except MultipleInvalid as error:
                error.prepend([position])
                faults.extend(error.errors)
        if faults:
            raise MultipleInvalid(faults)
        return tuple(items)

    return check


def _not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise Invalid("found []; allowed: at least one folder")
    return value


def _mapping(value: Any) -> Any:
    if not isinstance(value, dict):
        raise Invalid(not_allowed(value, "a mapping"))
    return value


def _section(fields: dict[Any, Any], build: Callable[..., Any], *checks: Validator) -> Any:
    def construct(values: dict[str, Any]) -> Any:
        return build(**values)

    return All(_mapping, {**fields, str: _unknown}, *checks, construct)


def _final_key(value: Any) -> Any:
    name = _text("a key of the written condarc", value)
    if name in NEVER_FINAL:
        raise Invalid(f"{name!r} is never final: {NEVER_FINAL[name]}; allowed: other keys")
    return name


def _bash_is_proved(shells: tuple[str, ...]) -> tuple[str, ...]:
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
    for key in _mapping(value):
        if key in POLICY_KEY_OF_CONDARC_KEY:
            instead = POLICY_KEY_OF_CONDARC_KEY[key]
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
_parent: Validator = partial(_parsed, parse_path_template, _PARENT)
_channels = _list_of(partial(_text, "a channel's name or URL"), "channels")

PLACE_FIELDS: dict[Any, Any] = {
    Required("parent"): _parent,
    Required("environments"): partial(_parsed, partial(parse_relative_folder, separators=":,"), _BELOW),
    Required("packages"): partial(_parsed, partial(parse_relative_folder, separators=","), _BELOW),
}
CHANNEL_FIELDS: dict[Any, Any] = {
    Required("default"): _channels,
    Required("replace_defaults"): _boolean,
    Required("denied"): _channels,
}
PROOF_FIELDS: dict[Any, Any] = {
    Required("shells"): All(_list_of(partial(_one_of, SHELLS), "shells"), _bash_is_proved),
    Required("timeout_s"): _timeout,
}
CONDA_FIELDS: dict[Any, Any] = {
    Required("names"): _list_of(partial(_one_of, CONDA_DISTRIBUTIONS), "names"),
    Required("base_on_path"): _boolean,
    Required("storage"): _list_of(_section(PLACE_FIELDS, StoragePlace, _pair_is_apart), "mappings (or [])"),
    Required("purged_storage"): _list_of(_parent, "folders"),
    Required("channels"): _section(CHANNEL_FIELDS, ChannelPolicy, check_channels),
    Required("condarc"): _condarc,
    Required("final"): _list_of(_final_key, "keys"),
    Required("init"): partial(_one_of, ("refuse", "warn", "allow")),
    Required("user_site"): partial(_one_of, ("hide", "show")),
    Required("pythonpath_notice"): _boolean,
    Required("export_function"): _boolean,
    Required("empty_package_cache"): _boolean,
    Required("freeze_base"): _boolean,
    Required("proof"): _section(PROOF_FIELDS, ProofPolicy),
    Required("templates"): _templates,
}
PERSONAL_FIELDS: dict[Any, Any] = {
    Required("modules"): partial(_parsed, parse_path_template, _FOLDER),
    Required("environments"): All(_list_of(_parent, "folders"), _not_empty),
}
PACK_FIELDS: dict[Any, Any] = {
    Required("mounts"): _node_folder,
}
POLICY_FIELDS: dict[Any, Any] = {
    Required("version"): _version,
    Required("conda"): _section(CONDA_FIELDS, CondaPolicy),
    Required("personal"): _section(PERSONAL_FIELDS, PersonalPolicy),
    Required("pack"): _section(PACK_FIELDS, PackPolicy),
    **{Maybe(name): _reserved for name in RESERVED_SECTIONS},
}
POLICY_SCHEMA = Schema(_section(POLICY_FIELDS, dict))

# Where each key belongs, for the error about a key that stands elsewhere or is misspelled.
KEYS_OF_SECTION = {
    section: tuple(str(key) for key in fields)
    for section, fields in (
        ("", POLICY_FIELDS),
        ("conda", CONDA_FIELDS),
        ("conda.storage", PLACE_FIELDS),
        ("conda.channels", CHANNEL_FIELDS),
        ("conda.proof", PROOF_FIELDS),
        ("personal", PERSONAL_FIELDS),
        ("pack", PACK_FIELDS),
    )
}
