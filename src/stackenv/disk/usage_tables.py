"""The tables of `stackenv usage`, with units and, if there is room, bars."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from stackenv.account.storage_places import TITLES
from stackenv.disk.limits import Limit
from stackenv.disk.usage_report import Measured, Share
from stackenv.output import format_bytes, print_line, print_table
from stackenv.terminal import measure_width

BAR_COLUMNS = 20
# A terminal with fewer columns has no room for bars.
LEAST_COLUMNS = 100


def print_measured(measured: Sequence[Measured], order: str) -> None:
    """Print the table of places with its sum."""
    if not measured:
        return
    total = sum(m.usage.counted_bytes for m in measured), sum(m.usage.counted_inodes for m in measured)
    bars = draw_bars([m.usage.all_bytes if order == "bytes" else m.usage.all_inodes for m in measured])
    shown = [
        (
            TITLES[found.place.kind],
            found.place.name,
            format_bytes(found.usage.all_bytes),
            format_bytes(found.usage.shared_bytes) if found.usage.shared_bytes else "-",
            f"{found.usage.all_inodes:,}",
            format_day(found.usage.last_use) or "-",
            *bar,
        )
        for found, bar in zip(measured, bars)
    ]
    sums = ("total", "", format_bytes(total[0]), "", f"{total[1]:,}", "")
    blank = ("",) * len(bars[0])
    titles = ("KIND", "NAME", "SIZE", "SHARED", "FILES", "USED", *blank)
    print_table(titles, [*shown, (*sums, *blank)])


def draw_bars(figures: Sequence[int]) -> list[tuple[str, ...]]:
    """Return a bar for each of `figures`, the longest for the largest; none if there is no room."""
    if (measure_width(sys.stdout) or 0) < LEAST_COLUMNS:
        return [()] * len(figures)
    sign = "█" if "utf" in (sys.stdout.encoding or "").lower() else "#"
    most = max(*figures, 1)
    return [(sign * -(-BAR_COLUMNS * figure // most),) for figure in figures]


def print_limits(limits: Sequence[Limit], shares: Sequence[tuple[Share, Share]]) -> None:
    """Print how much of each limit is used, and how much of that is in the places above."""
    rows = []
    for limit, both in zip(limits, shares):
        for what, share in zip(("size", "files"), both):
            if share.limit is None and share.used is None:
                continue
            write = format_bytes if what == "size" else "{:,}".format
            limit_text = "-" if share.limit is None else write(share.limit)
            listed, used = (
                write_part(part, share.limit, write(part) if part is not None else "-")
                for part in (share.listed, share.used)
            )
            rows.append((str(limit.path), what, listed, used, limit_text))
    if rows:
        print_line("")
        print_table(("LIMIT OF", "", "LISTED", "USED", "LIMIT"), rows)


def write_part(part: int | None, whole: int | None, text: str) -> str:
    """Return `text`, which shows `part`, followed by its percentage of `whole`."""
    return text if part is None or not whole else f"{text} ({100 * part / whole:.1f}%)"


def format_day(timestamp: float | None) -> str:
    """Return the day of `timestamp`; file systems do not record it more exactly."""
    return "" if timestamp is None else time.strftime("%Y-%m-%d", time.localtime(timestamp))
