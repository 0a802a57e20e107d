"""`stackenv list`: the personal modules that there are."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from stackenv.cli.options import EXIT_STATUS, json_option, shared_option
from stackenv.environments.context import open_context
from stackenv.environments.store import StoredModule
from stackenv.errors import StackenvError
from stackenv.output import print_json, print_table, tell


def describe_module(module: StoredModule) -> dict[str, object]:
    """Return what `list` tells of `module`; `problem` is empty when its record can be read."""
    common = {"module": module.full_name, "environment": module.prefix, "modulefile": str(module.path)}
    try:
        record = module.read_record()
    except StackenvError as error:
        return {
            **common,
            "kind": "",
            "modules": [],
            "python": "",
            "description": "",
            "problem": error.message,
        }
    return {
        **common,
        "kind": record.kind,
        "modules": list(record.modules),
        "python": record.python.version if record.python else "",
        "description": record.description,
        "problem": "",
    }


@click.command("list", epilog=EXIT_STATUS)
@shared_option
@json_option
def listing(shared: Path | None, as_json: bool) -> None:
    """List the personal modules.

    \b
    Example:
      stackenv list
    """
    context = open_context(shared)
    context.recover()
    try:
        found = [describe_module(module) for module in context.store.list_modules()]
    except OSError as error:
        raise StackenvError(
            f"{error.filename or context.store.root} cannot be read: {error.strerror}",
            f"ls -ld {shlex.quote(str(error.filename or context.store.root))}",
        ) from error
    if as_json:
        print_json(found)
        return
    rows = [
        (
            str(f["module"]),
            str(f["kind"] or "broken"),
            str(f["python"] or "-"),
            ", ".join(map(str, f["modules"])) or "-",  # type: ignore[call-overload]
            str(f["environment"]),
            str(f["description"]),
        )
        for f in found
    ]
    print_table(("MODULE", "KIND", "PYTHON", "MODULES", "ENVIRONMENT", "DESCRIPTION"), rows)
    for problem in (f["problem"] for f in found if f["problem"]):
        tell(str(problem))
    if not found:
        tell(f"there are no personal modules in {context.store.root}; stackenv create NAME makes one")
