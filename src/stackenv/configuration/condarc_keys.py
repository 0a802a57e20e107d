"""The keys that conda reads from a condarc."""

from __future__ import annotations

# conda's names and aliases (conda/base/context.py) of what the site configuration has a key of its own for.
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

# Names and aliases of the parameters of the class Context in conda/base/context.py, of conda 4.10, 22.9,
# 24.7.1 and the main branch at c8dc516 (2026) together; `conda config --describe` lists those of one conda.
# Below `plugins` (24.7 and later) stand the settings of plugins.
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
