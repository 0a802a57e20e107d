"""The module of stackenv itself: what `module load stackenv` does."""

from __future__ import annotations

import textwrap
from pathlib import Path

from stackenv.configuration.caches import CACHE_VARIABLES
from stackenv.configuration.settings import CacheSettings, SiteConfiguration
from stackenv.configuration.site_file import CONFIGURATION_VARIABLE, SHIPPED_FILE
from stackenv.errors import ConfigurationError, quote_word
from stackenv.modulefile import (
    CacheFolders,
    Completions,
    ManPages,
    ModuleSpec,
    NotedDefault,
    Operation,
    PrependPath,
    UnsetNoted,
    UseFolder,
)

HELP = """\
{module} gives the command `stackenv`: environments of Python, venv or conda, as modules of your own.

    ml SciPy-bundle                        the modules that it is to be based on, if any
    stackenv create myenv PACKAGE          make an environment
    ml myenv                               use it, here or in a job script
    stackenv list                          all of yours; stackenv --help, man stackenv

"""
USED = """\
Personal modules are found in {folder}, by their names, while this module is loaded: in a job script
and in a new shell, `module load {name}` comes first. `module unload {name}` also unloads those that were
found so; they come back with it. What you have typed `module use` for stays.
"""
NOT_USED = """\
Personal modules are in {folder}: `module use {folder}` comes before `ml myenv`.
"""
CACHES = """\

{chosen}
The place is decided when this module is loaded; load a module that sets a variable for it, such as
WORKSPACE, before this one.
"""
CHOSEN = "Caches go to the place that the site has chosen, where you have not set it yourself: {variables}."


def describe_stackenv_module(module: str, folder: str, configuration: SiteConfiguration) -> ModuleSpec:
    """Return the description of the module `module` of stackenv; `folder` holds bin, man and completions."""
    personal = configuration.personal
    return ModuleSpec(
        template="stackenv.lua.j2",
        facts={"root": folder},
        help_text=describe_help(module, configuration),
        blocks={
            "command": (PrependPath("PATH", f"{folder}/bin"), ManPages(f"{folder}/man")),
            "site": describe_configuration(configuration.path),
            "modules": (UseFolder(personal.modules),) if personal.use else (),
            "caches": tuple(describe_caches(configuration.caches)),
            "completions": (Completions(f"{folder}/completions"),),
            "unload": (UnsetNoted(),),
        },
    )


def describe_help(module: str, configuration: SiteConfiguration) -> str:
    """Return the page of `module help`."""
    folder = configuration.personal.modules.text.replace("${HOME}", "~", 1)
    used = USED if configuration.personal.use else NOT_USED
    caches = describe_caches(configuration.caches)
    page = HELP.format(module=module) + used.format(folder=folder, name=module.rpartition("/")[0])
    if caches:
        chosen = CHOSEN.format(variables=", ".join(name for cache in caches for name in cache.variables))
        page += CACHES.format(chosen=textwrap.fill(chosen, 100))
    return page


def describe_configuration(path: Path) -> tuple[Operation, ...]:
    """Return what has users' commands read the site configuration `path`: that file, as it is then.

    A copy would not be what the site's next `eb` reads.

    Raises
    ------
    ConfigurationError
        When the path cannot be written into a module.
    """
    if path == SHIPPED_FILE:
        return ()
    if ":" in str(path) or not str(path).isprintable():
        raise ConfigurationError(
            f"{path}: the path cannot stand in a module, for it has a colon or a control character",
            f"mv {quote_word(path)} /etc/stackenv/site.yaml",
        )
    return (NotedDefault(CONFIGURATION_VARIABLE, str(path)),)


def describe_caches(caches: CacheSettings) -> list[CacheFolders]:
    """Return what sends caches to their places, of the tools that have one."""
    return [
        CacheFolders(tool.folders, tool.yields_to, getattr(caches, name))
        for name, tool in CACHE_VARIABLES.items()
        if getattr(caches, name)
    ]


def find_closed(path: Path) -> list[Path]:
    """Return what keeps users from reading the file `path`: it, or folders above it."""
    folders = [folder for folder in path.parents if folder.is_dir() and not folder.stat().st_mode & 0o001]
    return [*reversed(folders), *([] if path.stat().st_mode & 0o004 else [path])]
