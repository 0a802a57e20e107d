"""`stackenv usage`: how much of a quota environments and caches use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.json_option import json_option, set_result
from stackenv.cli.options import shared_option
from stackenv.output import format_count, print_message, print_warning

if TYPE_CHECKING:
    from stackenv.cli.results import MeasuredPlace, UsageResult
    from stackenv.disk.usage_report import Measured, UsageReport


@click.command()
@click.option(
    "--sort",
    "order",
    type=click.Choice(("bytes", "files")),
    default="bytes",
    show_default=True,
    help="Sort by size, or by number of files.",
)
@shared_option
@json_option
def usage(order: str, shared: Path | None, as_json: bool) -> None:
    """Show what uses your disk space and files.

    This covers your environments, the caches of conda, pip, uv, Hugging Face and PyTorch, Jupyter, and
    ~/.local. A cache is also found in its old folder if a variable or the site's module has moved it since. A
    file with several names (hard links) counts once. SHARED is the part that another line counts too; it
    remains if you delete only this one. USED is the day on which one of its files was last read, if the file
    system records it. A second table compares your use with the site's limits. Nothing is changed.

    \b
    Example:
      stackenv usage
      stackenv usage --sort files
    """
    from stackenv.disk.usage_report import report_usage
    from stackenv.disk.usage_tables import print_limits, print_measured
    from stackenv.environments.context import open_context
    from stackenv.environments.listing import list_modules

    context = open_context(shared)
    modules = [(module.full_name, module.prefix) for module in list_modules(context)]
    report = report_usage(modules, context.shared, context.environ, context.configuration, order == "files")
    if as_json:
        set_result(describe(report))
    else:
        print_measured(report.measured, order)
        print_limits(report.limits, report.shares)
    warn_of_unknown(report)
    if not report.measured:
        print_message("no environments or caches found; to create an environment: stackenv create NAME")


def warn_of_unknown(report: UsageReport) -> None:
    """Say what could not be read, and for which limits the use is unknown."""
    for found in report.measured:
        if found.usage.unreadable:
            number = found.usage.unreadable
            unread = format_count(number, "file or folder", "files or folders")
            print_warning(f"{found.place.path}: {unread} not counted, because unreadable")
    for limit in report.limits:
        if limit.problem:
            print_warning(f"cannot determine how much of {limit.path} is used: {limit.problem}")


def describe(report: UsageReport) -> UsageResult:
    """Return all that was found as `--json` prints it."""
    from stackenv.cli.results import LimitShare, LimitUsage, TotalUsage, UsageResult

    total = TotalUsage(
        sum(found.usage.counted_bytes for found in report.measured),
        sum(found.usage.counted_inodes for found in report.measured),
    )
    limits = [
        LimitUsage(
            path=str(limit.path),
            size_bytes=LimitShare(**vars(of_bytes)),
            file_count=LimitShare(**vars(of_files)),
            problem=limit.problem,
        )
        for limit, (of_bytes, of_files) in zip(report.limits, report.shares)
    ]
    return UsageResult(tuple(map(describe_place, report.measured)), total, tuple(limits))


def describe_place(found: Measured) -> MeasuredPlace:
    """Return what one place takes as `--json` prints it."""
    from stackenv.cli.results import MeasuredPlace, format_time

    usage = found.usage
    return MeasuredPlace(
        category=found.place.kind,
        name=found.place.name,
        path=str(found.place.path),
        size_bytes=usage.all_bytes,
        file_count=usage.all_inodes,
        shared_bytes=usage.shared_bytes,
        shared_file_count=usage.shared_inodes,
        freed_bytes=usage.freed_bytes,
        freed_file_count=usage.freed_inodes,
        last_used=None if usage.last_use is None else format_time(usage.last_use),
        unreadable_count=usage.unreadable,
    )
