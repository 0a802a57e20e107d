"""The one printer: data on stdout, as text, table or JSON; what is told to people on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Callable


def print_json(data: Any) -> None:
    """Print `data` as JSON."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def print_line(text: str) -> None:
    """Print one line of data."""
    print(text)


def print_text(text: str) -> None:
    """Print `text` as it is, bytes that are no text included."""
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(text))
    sys.stdout.buffer.flush()


def tell(sentence: str) -> None:
    """Tell people at the terminal, or in a job's log, what is going on."""
    # That nobody listens any more is no reason to leave work half-done.
    with contextlib.suppress(OSError):
        print(f"stackenv: {sentence}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def showing_progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Within the block show on a terminal how much of `total` is done; the function given adds to it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")), highlight=False)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda more: progress.advance(task, more)


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` below `titles`, in columns; into a pipe without titles, tabs between, for awk.

    On a terminal rich cuts what does not fit and obeys NO_COLOR.
    """
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    plain = bool(os.environ.get("NO_COLOR"))
    style = "" if plain else "table.header"
    table = Table(*titles, box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style=style)
    for row in rows:
        table.add_row(*row)
    Console(no_color=plain, highlight=False).print(table, markup=False)
