"""`stackenv unpack`: a packed environment as files again."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, shared_option
from stackenv.output import print_steps


@click.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIRECTORY",
    help="Leave it packed, and put its files below this one: $TMPDIR, where the module looks first.",
)
@shared_option
@dry_run_option
def unpack(name: str, folder: Path | None, shared: Path | None, dry_run: bool) -> None:
    """Make files of a packed environment again, to change it.

    With --to it stays packed, and its files are on the node as well: for a job on a node where nothing can
    be mounted. They are the job's to delete; most sites delete $TMPDIR with the job.

    \b
    Example:
      stackenv unpack biopy
      stackenv unpack biopy --to "$TMPDIR"; module load biopy
    """
    from stackenv.environments.context import open_context
    from stackenv.packing.unpack import plan_unpacking

    unpacking = plan_unpacking(name, folder is None, open_context(shared), dry_run)
    if dry_run:
        print_steps(unpacking.sentences(folder))
    elif folder is None:
        unpacking.carry_out()
    else:
        unpacking.extract_to(folder.absolute())
