"""`stackenv rename`: a new name for a module."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.completers import complete_names
from stackenv.cli.json_option import json_option, set_result, show_steps
from stackenv.cli.options import dry_run_option, quiet_option, shared_option


@click.command()
@click.argument("old", metavar="OLD[/VERSION]", shell_complete=complete_names)
@click.argument("new", metavar="NEW[/VERSION]")
@shared_option
@quiet_option
@dry_run_option
@json_option
def rename(old: str, new: str, shared: Path | None, dry_run: bool, as_json: bool) -> None:
    """Rename a module.

    If you give no version for NEW, it keeps the version of OLD. The environment's folder is not moved,
    because a venv does not work in another place. A module that is in use in this shell is refused.

    \b
    Example:
      stackenv rename biopy bio
      stackenv rename bio/1.0 bio/2024
    """
    from stackenv.environments.context import open_context
    from stackenv.lifecycle.rename import plan_renaming

    renaming = plan_renaming(old, new, open_context(shared), dry_run)
    if dry_run:
        show_steps(renaming.changes.sentences, as_json)
        return
    renaming.carry_out()
    if as_json:
        from stackenv.cli.results import RenamedModule

        module, record = renaming.module, renaming.record
        modulefile = renaming.context.store.path_of(record.name, record.version)
        set_result(RenamedModule(record.full_name, str(modulefile), record.path, module.full_name))
