"""Completions for arguments and options that name something that exists.

Each list contains only what begins with the typed text. Each function imports what it needs when it is
called, because every command imports this file.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import click
    from click.shell_completion import CompletionItem

    Completer = Callable[[click.Context, click.Parameter, str], Any]

PATH = re.compile(r"[/~]|\.\.?(/|$)")


def complete_names(
    context: click.Context, parameter: click.Parameter, begin: str
) -> list[CompletionItem] | list[str]:
    """Return the environments, or, if a path is typed, ask the shell for its folders."""
    if PATH.match(begin):
        return complete_folders(context, parameter, begin)
    from stackenv.environments.names import list_names

    return list_names(begin, os.environ, context.params.get("shared"))


def complete_kernels(
    _context: click.Context, _parameter: click.Parameter, begin: str
) -> list[CompletionItem]:
    """Return the kernels that stackenv wrote, by their own names or else their modules' names."""
    from click.shell_completion import CompletionItem

    from stackenv.jupyter.kernels import list_kernels

    found = []
    for kernel in list_kernels(os.environ):
        names = [name for name in (kernel.name, kernel.module) if name.startswith(begin)]
        found += [CompletionItem(name, help=kernel.display_name) for name in names[:1]]
    return found


def complete_modules(_context: click.Context, _parameter: click.Parameter, begin: str) -> list[str]:
    """Return the modules on MODULEPATH: names, or the versions of one name."""
    from stackenv.lmod.module_files import list_module_names

    return list_module_names(os.environ.get("MODULEPATH", ""), begin)


def complete_partitions(_context: click.Context, _parameter: click.Parameter, begin: str) -> list[str]:
    """Return Slurm's partitions, appended to those that are already in the list."""
    from stackenv.slurm.partitions import list_partitions

    listed, comma, last = begin.rpartition(",")
    taken = listed.split(",")
    return [
        listed + comma + name
        for name in list_partitions(os.environ)
        if name.startswith(last) and name not in taken
    ]


def complete_rules(_context: click.Context, _parameter: click.Parameter, begin: str) -> list[str]:
    """Return the rules that `stackenv check` applies to environments."""
    from stackenv.health.rules import ENVIRONMENT_RULES

    return [rule for rule in ENVIRONMENT_RULES if rule.startswith(begin)]


def complete_files(_context: click.Context, _parameter: click.Parameter, begin: str) -> list[CompletionItem]:
    """Ask the shell for its files, for a command that is run in an environment."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(begin, type="file")]


def complete_folders(
    _context: click.Context, _parameter: click.Parameter, begin: str
) -> list[CompletionItem]:
    """Ask the shell for its folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(begin, type="dir")]
