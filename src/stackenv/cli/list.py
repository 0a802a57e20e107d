"""`stackenv list`: the user's personal modules."""

from __future__ import annotations

import copy
from pathlib import Path

import click

from stackenv.cli.json_option import json_option, set_result
from stackenv.cli.options import quiet_option, shared_option
from stackenv.output import print_message, print_table, print_warning


@click.command("list")
@shared_option
@quiet_option
@json_option
def listing(shared: Path | None, as_json: bool) -> None:
    """List your personal modules.

    STATE can be `loaded` (in this shell), `default` (the version that the name alone loads, if there are
    several), `packed` or `broken`.

    \b
    Example:
      stackenv list
    """
    from stackenv.environments.context import open_context, recover
    from stackenv.environments.listing import describe_listed, list_modules

    context = open_context(shared)
    recover(context)
    found = [describe_listed(module, context) for module in list_modules(context)]
    if as_json:
        set_result(found)
        return
    rows = [
        (
            row.module,
            row.kind or "-",
            ", ".join(row.marks) or "-",
            row.python_version or "-",
            ", ".join(row.modules) or "-",
            row.environment,
            row.description,
        )
        for row in found
    ]
    print_table(("MODULE", "KIND", "STATE", "PYTHON", "MODULES", "ENVIRONMENT", "DESCRIPTION"), rows)
    for row in found:
        if row.problem:
            print_warning(row.problem, row.hint)
    if not found:
        print_message(f"no personal modules in {context.store.root}; to create one: stackenv create NAME")


ls = copy.copy(listing)
ls.name, ls.hidden = "ls", True
