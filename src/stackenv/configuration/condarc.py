"""The condarc that is written from a site configuration, and the keys that conda reads from one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

from stackenv.configuration.faults import did_you_mean, nearest
from stackenv.configuration.settings import CondaSettings

# conda's names and aliases (conda/base/context.py) for settings that have their own key in the site
# configuration.
OWN_KEY_OF_CONDARC_KEY = {
    "channels": "conda.channels.default",
    "channel": "conda.channels.default",
    "default_channels": "conda.channels.default with conda.channels.replace_defaults: true",
    "denylist_channels": "conda.channels.denied",
    "envs_dirs": "environments in conda.storage",
    "envs_path": "environments in conda.storage",
    "pkgs_dirs": "packages in conda.storage",
    "pkgs_path": "packages in conda.storage",
}

# All names and aliases of the parameters of the class Context in conda/base/context.py of conda 4.10, 22.9,
# 24.7.1 and the main branch at c8dc516 (2026); `conda config --describe` lists those of one conda. Settings
# of plugins are under `plugins` (24.7 and later).
_KEYS = """
    add_anaconda_token add_binstar_token add_pip_as_python_dependency aggressive_update_packages
    allow_conda_downgrades allow_cycles allow_non_channel_urls allow_softlinks allowlist_channels always_copy
    always_softlink always_yes anaconda_upload auto_activate auto_activate_base auto_stack auto_update_conda
    binstar_upload bld_path changeps1 channel channel_alias channel_priority channel_settings channels
    client_cert client_cert_key client_ssl_cert client_ssl_cert_key clobber conda-build conda_build console
    cooldown cooldown_exclude copy create_default_packages croot custom_channels custom_multichannels debug
    default_activation_env default_channels default_python default_threads denylist_channels deps_modifier dev
    disallow disallowed_packages download_only dry_run enable_private_envs env_prompt env_spec
    environment_specifier envs_dirs envs_path envvars_force_uppercase error_upload_url exclude_newer
    exclude_newer_package execute_threads experimental experimental_solver export_platforms extra_platforms
    extra_safety_checks fetch_threads force force_32bit force_reinstall force_remove ignore_pinned json
    list_fields local_repodata_ttl migrated_channel_aliases migrated_custom_channels no_lock no_plugins
    non_admin_enabled notify_outdated_conda number_channel_notices offline override_channels_enabled
    override_virtual_packages path_conflict pinned_packages pip_interop_enabled pkgs_dirs plugins
    prefix_data_interoperability preview protect_frozen_envs proxy_servers quiet register_envs
    remote_backoff_factor remote_connect_timeout_secs remote_max_retries remote_read_timeout_secs repodata_fns
    repodata_threads repodata_use_shards repodata_use_zst report_errors reporters restore_free_channel
    rollback_enabled root_dir root_prefix safety_checks sat_solver self_update separate_format_cache shortcuts
    shortcuts_only show_channel_urls signing_metadata_url_base softlink solver solver_ignore_timestamps
    ssl_verify subdir subdirs target_prefix_override trace track_features unsatisfiable_hints
    unsatisfiable_hints_check_depth update_modifier use_index_cache use_local use_only_tar_bz2 verbose
    verbosity verify_ssl verify_threads virtual_packages whitelist_channels yes
"""
CONDARC_KEYS = frozenset(_KEYS.split())

# ASCII, because conda opens the file in the encoding of the user's locale.
_HEADER = """\
# Written by stackenv from the site configuration; changes made here are lost.
# Change conda.channels, conda.condarc or conda.final in the site configuration (/etc/stackenv/site.yaml,
# or the file that STACKENV_SITE_CONFIG names), then update the installation:
#     eb --hooks="$(stackenv site hooks)" --module-only --force EASYCONFIG
# EASYCONFIG is the file that it was built from; a copy is in its easybuild folder. Without the hooks,
# eb removes stackenv's part from the modulefile.
"""

# conda reads YAML 1.2 (ruamel.yaml), PyYAML writes 1.1. They disagree on words such as 0o7 and 1e5, but never
# on words of these characters that begin with a letter.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")


class _Dumper(yaml.SafeDumper):
    """PyYAML's dumper, which also quotes texts that YAML 1.1 and 1.2 might read differently."""

    def ignore_aliases(self, data: Any) -> bool:
        # In a diff, each key is read on its own, so a value that occurs twice is written twice.
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _PLAIN.fullmatch(text) else '"'
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


_Dumper.add_representer(str, _represent_text)


def describe_condarc(conda: CondaSettings) -> str:
    """Return the text of condarc.d/stackenv.yml in the installation, which applies to all its users.

    It does not contain folders: an unset ``${VAR}`` in a condarc becomes a folder in the current one, so the
    modulefile computes the folders.

    Notes
    -----
    conda looks for ``#!final`` in the comment at the end of the key's own line, for a list or mapping
    before its first item, and only if no comment follows on the next line
    (conda/common/configuration.py, ``YamlRawParameter._get_yaml_key_comment``).
    """
    return _HEADER + "".join(describe_condarc_keys(conda).values())


def describe_condarc_keys(conda: CondaSettings) -> dict[str, str]:
    """Return the YAML of each key of the condarc, by the key."""
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
    """Return the key of the site configuration that sets the `key` of the condarc.

    For example ``conda.condarc.ssl_verify``, or ``conda.channels.denied`` for denylist_channels.
    """
    return OWN_KEY_OF_CONDARC_KEY.get(key, f"conda.condarc.{key}" if key else "conda.condarc")


def suggest_key(key: str, known: Iterable[str]) -> str:
    """Return the end of a problem that suggests another key for `key`, which is not one of conda's `known`
    keys.

    It is empty if no key is similar. For a key that the site configuration refuses in conda.condarc, the
    suggestion is the site configuration's own key.
    """
    if key in OWN_KEY_OF_CONDARC_KEY:
        return ""
    # `envs` and `pkgs` are not typing errors, and `nearest` finds only those.
    begun = next((own for own in OWN_KEY_OF_CONDARC_KEY if own.startswith(f"{key}_")), None)
    word = begun or nearest(key, sorted({*known, *OWN_KEY_OF_CONDARC_KEY}))
    return did_you_mean(OWN_KEY_OF_CONDARC_KEY.get(word, word) if word else None)


def _key_text(key: str, value: object, *, is_final: bool) -> str:
    text = yaml.dump(
        {key: value},
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=False,
        # In a folded line, the comment would be in the middle of a text.
        width=float("inf"),
    )
    first, rest = text.split("\n", 1)
    return f"{first} #!final\n{rest}" if is_final else text
