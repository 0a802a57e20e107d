"""The site's condarc: what the site configuration says of channels, and conda's further keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

from stackenv.configuration.condarc_keys import OWN_KEY_OF_CONDARC_KEY
from stackenv.configuration.faults import did_you_mean, nearest
from stackenv.configuration.settings import CondaSettings

# ASCII, because conda opens the file in the encoding of the user's locale.
_HEADER = """\
# Written by stackenv from the site configuration file; a change made here is lost.
# Change conda.channels, conda.condarc or conda.final in the site configuration (/etc/stackenv/site.yaml,
# or the file that STACKENV_SITE_CONFIG names), then bring the installation up to date:
#     eb --hooks="$(stackenv site hooks)" --module-only --force EASYCONFIG
# EASYCONFIG is what it was built from; a copy is in its folder easybuild. Without the hooks,
# eb takes stackenv's part out of the module.
"""

# conda reads YAML 1.2 (ruamel.yaml), PyYAML writes 1.1: they disagree on words such as 0o7 and
# 1e5, never on those that begin with a letter and hold nothing but these.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")


class _Dumper(yaml.SafeDumper):
    """PyYAML's dumper that puts in quotes what two YAMLs might read differently."""

    def ignore_aliases(self, data: Any) -> bool:
        # Each key is read by itself in a diff; a value that occurs twice is written twice.
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _PLAIN.fullmatch(text) else '"'
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


_Dumper.add_representer(str, _represent_text)


def describe_condarc(conda: CondaSettings) -> str:
    """Describe the configuration that all users of an installation begin with.

    The folders are not part of it: in a condarc an unset ``${VAR}`` becomes a folder below the
    current one, so the modulefile computes them.

    Parameters
    ----------
    conda
        The site configuration.

    Returns
    -------
    str
        YAML for condarc.d/stackenv.yml below the installation's root.

    Notes
    -----
    conda looks for ``#!final`` in the comment that ends the key's own line, for a list or mapping
    before its first item, and only if no comment follows on the next line
    (conda/common/configuration.py, ``YamlRawParameter._get_yaml_key_comment``).
    """
    return _HEADER + "".join(describe_condarc_keys(conda).values())


def describe_condarc_keys(conda: CondaSettings) -> dict[str, str]:
    """Describe each key of the condarc by itself.

    Parameters
    ----------
    conda
        The site configuration.

    Returns
    -------
    dict
        YAML, by the key.
    """
    channels = conda.channels
    keys: dict[str, object] = {}
    if channels.default:
        keys["channels"] = list(channels.default)
    if channels.replace_defaults:
        keys["default_channels"] = list(channels.default)
    if channels.denied:
        keys["denylist_channels"] = list(channels.denied)
    keys.update(conda.condarc)
    return {key: _key_text(key, value, is_final=key in conda.final) for key, value in keys.items()}


def name_configuration_key(key: str) -> str:
    """Name what an administrator changes to change a key of the condarc.

    Parameters
    ----------
    key
        conda's name of it.

    Returns
    -------
    str
        For example ``conda.condarc.ssl_verify``, or ``conda.channels.denied`` for denylist_channels.
    """
    return OWN_KEY_OF_CONDARC_KEY.get(key, f"conda.condarc.{key}" if key else "conda.condarc")


def suggest_key(key: str, known: Iterable[str]) -> str:
    """Give the end of a problem that names what an administrator may have meant by a key of conda.

    Parameters
    ----------
    key
        The key, which conda does not know.
    known
        The keys that it knows.

    Returns
    -------
    str
        Empty when no key is near; for one that the site configuration refuses in conda.condarc, its own key.
    """
    if key in OWN_KEY_OF_CONDARC_KEY:
        return ""
    # `envs` and `pkgs` are not slips of the pen, which is all that `nearest` finds.
    begun = next((own for own in OWN_KEY_OF_CONDARC_KEY if own.startswith(f"{key}_")), None)
    word = begun or nearest(key, sorted({*known, *OWN_KEY_OF_CONDARC_KEY}))
    return did_you_mean(OWN_KEY_OF_CONDARC_KEY.get(word, word) if word else None)


def _key_text(key: str, value: object, *, is_final: bool) -> str:
    text = yaml.dump(
        {key: value},
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=False,
        # A folded line would leave the comment in the middle of a text.
        width=float("inf"),
    )
    first, rest = text.split("\n", 1)
    return f"{first} #!final\n{rest}" if is_final else text
