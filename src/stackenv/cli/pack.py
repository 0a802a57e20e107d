"""`stackenv pack`: an environment of many files as one image, with the same module."""

from __future__ import annotations

from pathlib import Path

import click

from stackenv.cli.json_option import json_option, set_result, show_steps
from stackenv.cli.options import dry_run_option, name_argument, quiet_option, shared_option, verbose_option
from stackenv.output import format_bytes, print_message


@click.command()
@name_argument
@shared_option
@verbose_option
@quiet_option
@dry_run_option
@json_option
def pack(name: str, shared: Path | None, dry_run: bool, as_json: bool) -> None:
    """Pack an environment into a single SquashFS image.

    You use the same module as before. The image is mounted when the module is loaded or when a command in the
    environment's bin folder is run, once per job or login session on each node. A packed environment cannot
    be changed until you unpack it.

    The files are deleted after the image has been read and compared with them one by one. Jobs that are using
    the files at that moment fail, so pack when none are running. A small test image is mounted first; if that
    fails, nothing is packed.

    \b
    Example:
      stackenv pack biopy
    """
    from stackenv.environments.context import open_context
    from stackenv.packing.pack import plan_packing

    packing = plan_packing(name, open_context(shared), dry_run)
    if dry_run:
        show_steps(packing.sentences(), as_json)
        return
    image, full_name = packing.carry_out(), packing.record.full_name
    print_message(
        f"Packed {full_name}: {image.entries:,} files, links and folders are now one file of "
        f"{format_bytes(image.size_bytes)}; load it as before; to change it: stackenv unpack {full_name}"
    )
    if as_json:
        from stackenv.cli.results import PackedEnvironment, identify

        place = str(packing.image)
        set_result(PackedEnvironment(*identify(packing.module), place, image.size_bytes, image.entries))
