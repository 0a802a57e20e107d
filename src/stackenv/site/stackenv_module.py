"""The module of stackenv itself: what `module load stackenv` does."""

from __future__ import annotations

import textwrap
from pathlib import Path

from stackenv.configuration.caches import CACHE_VARIABLES, list_variables
from stackenv.configuration.path_template import parse_path_template
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
{module} provides the command `stackenv`, which creates Python environments (venv or conda) as modules.

    ml SciPy-bundle                  load the modules to build on, if any
    stackenv create myenv PACKAGE    create an environment
    ml myenv                         use it
    stackenv list                    list your environments

More: `stackenv --help`, `man stackenv`.

"""
USED = """\
In a new shell and in job scripts, type `module load {name}` before `ml myenv`: Lmod finds your modules, which
are in {folder}, only while {name} is loaded. Unloading {name} unloads them too, unless you have typed
`module use {folder}` yourself.
"""
NOT_USED = """\
Your modules are in {folder}: type `module use {folder}` before `ml myenv`.
"""
CACHES = """\
Downloads are cached in folders that your site has chosen, unless you set these variables yourself:
{variables}.
"""
DEPENDS = """\
These folders depend on {variables}: load the module that sets it before this one.
"""


def describe_stackenv_module(module: str, folder: str, configuration: SiteConfiguration) -> ModuleSpec:
    """Return the description of stackenv's module `module`; `folder` contains bin, man and completions."""
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
    """Return the text of `module help`."""
    folder = configuration.personal.modules.text.replace("${HOME}", "~", 1)
    used = USED if configuration.personal.use else NOT_USED
    page = HELP.format(module=module) + used.format(folder=folder, name=module.rpartition("/")[0])
    caches = describe_caches(configuration.caches)
    if caches:
        names = ", ".join(name for cache in caches for name in cache.variables)
        page += "\n" + CACHES.format(variables=textwrap.fill(names, 100))
    wanted = list_variables(configuration.caches)
    if wanted:
        page += DEPENDS.format(variables=" and ".join(wanted))
    return page


def describe_configuration(path: Path) -> tuple[Operation, ...]:
    """Return the operations that make users' commands read the site configuration at `path`.

    They read that file itself, because a copy could differ from what the site's next `eb` reads.

    Raises
    ------
    ConfigurationError
        If the path cannot be written into a module.
    """
    if path == SHIPPED_FILE:
        return ()
    if ":" in str(path) or not str(path).isprintable():
        raise ConfigurationError(
            f"{path}: a path with a colon or a control character cannot be used in a module",
            f"mv {quote_word(path)} /etc/stackenv/site.yaml",
        )
    return (NotedDefault(CONFIGURATION_VARIABLE, str(path)),)


def describe_caches(caches: CacheSettings) -> list[CacheFolders]:
    """Return the operations that move caches to the site's places, for the tools that have one."""
    return [
        CacheFolders(
            *(tool.folders, tool.yields_to, tool.key, tuple(map(parse_path_template, tool.files))),
            getattr(caches, name),
        )
        for name, tool in CACHE_VARIABLES.items()
        if getattr(caches, name)
    ]
