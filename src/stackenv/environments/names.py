"""The names of environments, fast enough for completion with TAB."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from stackenv.configuration.cache import read_configuration
from stackenv.environments.modules_folder import find_store
from stackenv.environments.store import can_be_named

# The variable that each environment's module sets to its own name.
ACTIVE_ENVIRONMENT = "STACKENV_ENVIRONMENT"


def list_names(begin: str, environ: Mapping[str, str], project: Path | None = None) -> list[str]:
    """Return the environments whose names begin with `begin`.

    An environment with one version is listed as NAME, the others as NAME/VERSION. Names that no command
    accepts are left out.

    Parameters
    ----------
    project
        List the environments of this project instead of the user's own.
    """
    store = find_store(read_configuration(environ), environ, project)
    versions: dict[str, list[str]] = {}
    for module in store.list_modules(begin.partition("/")[0]):
        if can_be_named(module.name) and can_be_named(module.version):
            versions.setdefault(module.name, []).append(module.full_name)
    found = [
        full_name
        for name, full_names in versions.items()
        for full_name in ([name] if len(full_names) == 1 and "/" not in begin else full_names)
    ]
    return [name for name in found if name.startswith(begin)]


def find_loaded(environ: Mapping[str, str], project: Path | None = None) -> tuple[str, Path, bool]:
    """Return the environment whose module is loaded, its folder of modules, and whether that is expected.

    The expected folder is that of `project`, or without it the user's own. The name is empty if no
    environment is loaded.
    """
    name = environ.get(ACTIVE_ENVIRONMENT, "")
    files = [path for path in environ.get("_LMFILES_", "").split(":") if path.endswith(f"/{name}.lua")]
    if not name or not files:
        return "", Path(), False
    folder = Path(files[0]).parents[1]
    root = find_store(read_configuration(environ), environ, project).root
    return name, folder, os.path.realpath(folder) == os.path.realpath(root)
