"""The caches in a site configuration: the variables that move each tool's cache, and its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stackenv.configuration.path_template import Variable
from stackenv.configuration.settings import CacheSettings

CACHE_HOME = "XDG_CACHE_HOME"
# Variables that every login sets.
ALWAYS_SET = ("HOME", "USER", "LOGNAME")


class CacheVariables(NamedTuple):
    """How to set the place of a tool's cache.

    Parameters
    ----------
    folders
        For each variable to set, its folder relative to the cache; empty for the cache itself.
    yields_to
        Variables by which a user may already have set the place, for this tool or all tools; they win.
    key, files
        The key that sets the place in the tool's own configuration files, and those files, as templates. A
        variable would override them.
    """

    folders: Mapping[str, str]
    yields_to: tuple[str, ...] = ()
    key: str = ""
    files: tuple[str, ...] = ()


def in_config_home(file: str) -> tuple[str, str]:
    """Return the paths at which a `file` of the user's settings can be, as templates."""
    return f"${{XDG_CONFIG_HOME}}/{file}", f"${{HOME}}/.config/{file}"


# pip.pypa.io, topics/caching; docs.astral.sh/uv, concepts/cache; docs.conda.io, user-guide/configuration;
# huggingface.co/docs/huggingface_hub, package_reference/environment_variables; docs.pytorch.org/docs, hub;
# docs.jupyter.org, use/jupyter-directories.
CACHE_VARIABLES: Mapping[str, CacheVariables] = {
    "pip": CacheVariables(
        *({"PIP_CACHE_DIR": ""}, (CACHE_HOME,)),
        *("cache-dir", ("${PIP_CONFIG_FILE}", "${HOME}/.pip/pip.conf", *in_config_home("pip/pip.conf"))),
    ),
    "uv": CacheVariables(
        *({"UV_CACHE_DIR": ""}, (CACHE_HOME,)),
        *("cache-dir", ("${UV_CONFIG_FILE}", *in_config_home("uv/uv.toml"))),
    ),
    "conda": CacheVariables(
        *({"CONDA_PKGS_DIRS": ""}, ()),
        *("pkgs_dirs", ("${CONDARC}", "${HOME}/.condarc", "${HOME}/.conda/.condarc")),
    ),
    # Not HF_HOME: it contains the user's token, which would not be found, or could be read by a group.
    "huggingface": CacheVariables(
        {"HF_HUB_CACHE": "hub", "HF_DATASETS_CACHE": "datasets", "HF_XET_CACHE": "xet"},
        # The second is the old name of HF_HUB_CACHE, which is used if that is not set.
        ("HF_HOME", "HUGGINGFACE_HUB_CACHE", CACHE_HOME),
    ),
    "torch": CacheVariables({"TORCH_HOME": ""}, (CACHE_HOME,)),
    # Not JUPYTER_DATA_DIR: a Jupyter that has not loaded the module would not find the kernels there.
    "jupyter": CacheVariables({"JUPYTER_RUNTIME_DIR": ""}),
}


def list_cache_folders(caches: CacheSettings, tool: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the configured folders for the cache of `tool` whose variables are set, the preferred first."""
    for place in getattr(caches, tool):
        folder = place.folder.expand(environ)
        if folder and folder.startswith("/"):
            yield folder


def list_variables(caches: CacheSettings) -> tuple[str, ...]:
    """Return the variables in the configured folders that not every login sets."""
    names = (
        part.name
        for tool in CACHE_VARIABLES
        for place in getattr(caches, tool)
        for part in place.folder.parts
        if isinstance(part, Variable) and part.name not in ALWAYS_SET
    )
    return tuple(dict.fromkeys(names))
