"""`stackenv unpack`: a packed environment as separate files again."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.completers import complete_folders
from stackenv.cli.json_option import json_option, set_result, show_steps
from stackenv.cli.options import dry_run_option, name_argument, quiet_option, shared_option, verbose_option


@click.command()
@name_argument
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    shell_complete=complete_folders,
    metavar="FOLDER",
    help="Keep it packed, and unpack its files into this folder, usually $TMPDIR, where the module looks "
    "first.",
)
@shared_option
@verbose_option
@quiet_option
@dry_run_option
@json_option
def unpack(name: str, folder: Path | None, shared: Path | None, dry_run: bool, as_json: bool) -> None:
    """Unpack an environment to change it.

    With --to, the environment stays packed, and its files are unpacked on the node as well, for a job on a
    node where no image can be mounted. The job must delete the files; most sites delete $TMPDIR when a job
    ends.

    \b
    Example:
      stackenv unpack biopy
      stackenv unpack biopy --to "$TMPDIR"; module load biopy
    """
    from stackenv.environments.context import open_context
    from stackenv.packing.unpack import plan_unpacking

    unpacking = plan_unpacking(name, folder is None, open_context(shared), dry_run)
    if dry_run:
        show_steps(unpacking.sentences(folder), as_json)
        return
    unpacked = unpacking.extract_to(folder.absolute()) if folder else unpacking.carry_out()
    if as_json:
        from stackenv.cli.results import UnpackedEnvironment, identify

        set_result(UnpackedEnvironment(*identify(unpacking.module), str(unpacked)))
