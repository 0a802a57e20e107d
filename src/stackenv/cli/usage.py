"""`stackenv usage`: what environments and caches take of a quota."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.options import EXIT_STATUS, json_option, shared_option
from stackenv.disk.usage_tables import Measured, Share, format_day, print_limits, print_measured
from stackenv.environments.context import Context, open_context
from stackenv.errors import StackenvError
from stackenv.output import format_count, print_json, showing_count, tell

if TYPE_CHECKING:
    from stackenv.account.storage_places import Place
    from stackenv.disk.limits import Limit


@click.command(epilog=EXIT_STATUS)
@click.option(
    "--sort",
    "order",
    type=click.Choice(("bytes", "files")),
    default="bytes",
    show_default=True,
    help="What comes first.",
)
@shared_option
@json_option
def usage(order: str, shared: Path | None, as_json: bool) -> None:
    """Show what your environments, caches, Jupyter and ~/.local take: space, and number of files.

    A file with several names (hard links) counts once; SHARED is what another line has too, and what would
    stay if this one were deleted. USED is the day on which a file of it was read last, where the file system
    tells. Below stands how much that is of the site's limits. Nothing is changed.

    \b
    Example:
      stackenv usage
      stackenv usage --sort files
    """
    from stackenv.disk.limits import probe_limits

    context = open_context(shared)
    measured = measure(find_places(context))
    limits = probe_limits(context.configuration.limits, context.environ)
    shares = share_limits(limits, measured)
    measured.sort(key=lambda m: m.usage.all_bytes if order == "bytes" else m.usage.all_inodes, reverse=True)
    if as_json:
        print_json(describe(measured, limits, shares))
    else:
        print_measured(measured, order)
        print_limits(limits, shares)
    tell_unknown(measured, limits)
    if not measured:
        tell("no environments and no caches were found; stackenv create NAME makes an environment")


def tell_unknown(measured: Sequence[Measured], limits: Sequence[Limit]) -> None:
    """Tell what could not be read, and which limit's command does not tell what is used."""
    for found in measured:
        if found.usage.unreadable:
            number = found.usage.unreadable
            unread = format_count(number, "file or folder", "files or folders")
            tell(f"{found.place.path}: not counted, for it cannot be read: {unread}")
    for limit in limits:
        if limit.problem:
            tell(f"what is used of {limit.path} is not known: {limit.problem}")


def find_places(context: Context) -> tuple[Place, ...]:
    """Return what is to be measured: the folders of the account, or of the project.

    Raises
    ------
    StackenvError
        When the folder of modules cannot be read.
    """
    from stackenv.account.storage_places import list_places, list_project_places

    try:
        modules = [(module.full_name, module.prefix) for module in context.store.list_modules()]
    except OSError as error:
        folder = error.filename or context.store.root
        raise StackenvError(
            f"{folder} cannot be read: {error.strerror}", f"ls -ld {shlex.quote(str(folder))}"
        ) from error
    if context.shared:
        return list_project_places(context.shared, modules)
    return list_places(context.environ, context.configuration, modules)


def measure(places: Sequence[Place]) -> list[Measured]:
    """Return what each of `places` takes; show on a terminal how far that is."""
    from stackenv.disk.usage import measure_trees

    with showing_count("counting", "files") as advance:
        found = measure_trees({str(place.path): place.path for place in places}, on_progress=advance)
    return [Measured(place, found[str(place.path)]) for place in places]


def share_limits(limits: Sequence[Limit], measured: Sequence[Measured]) -> list[tuple[Share, Share]]:
    """Return of each limit the shares of bytes and of files; a place counts to the nearest limit above it."""
    folders = [os.path.realpath(limit.path) for limit in limits]
    listed = [[0, 0] for _ in limits]
    for found in measured:
        real = os.path.realpath(found.place.path)
        above = [n for n, folder in enumerate(folders) if f"{real}/".startswith(f"{folder.rstrip('/')}/")]
        if above:
            sums = listed[max(above, key=lambda n: len(folders[n]))]
            sums[0] += found.usage.counted_bytes
            sums[1] += found.usage.counted_inodes
    return [
        (
            Share(size, limit.bytes_used, limit.bytes_limit),
            Share(files, limit.files_used, limit.files_limit),
        )
        for limit, (size, files) in zip(limits, listed)
    ]


def describe(
    measured: Sequence[Measured], limits: Sequence[Limit], shares: Sequence[tuple[Share, Share]]
) -> dict[str, object]:
    """Return all that was found as plain data."""
    return {
        "places": [
            {
                "kind": found.place.kind,
                "name": found.place.name,
                "path": str(found.place.path),
                "bytes": found.usage.all_bytes,
                "files": found.usage.all_inodes,
                "shared_bytes": found.usage.shared_bytes,
                "shared_files": found.usage.shared_inodes,
                "freed_bytes": found.usage.freed_bytes,
                "freed_files": found.usage.freed_inodes,
                "last_use": format_day(found.usage.last_use) or None,
                "unreadable": found.usage.unreadable,
            }
            for found in measured
        ],
        "total": {
            "bytes": sum(found.usage.counted_bytes for found in measured),
            "files": sum(found.usage.counted_inodes for found in measured),
        },
        "limits": [
            {
                "path": str(limit.path),
                "bytes": vars(of_bytes),
                "files": vars(of_files),
                "problem": limit.problem,
            }
            for limit, (of_bytes, of_files) in zip(limits, shares)
        ],
    }
