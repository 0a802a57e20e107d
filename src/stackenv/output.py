"""Prints everything: data on stdout, as text or table; messages and questions on stderr."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import termios
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Callable

from stackenv.errors import WHITE, UsageError, escape_controls
from stackenv.terminal import (
    abbreviate_home,
    count_columns,
    is_dumb,
    lay_out,
    measure_width,
    pad,
    paint,
    wrap,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

REFRESH_S = 0.1


@dataclasses.dataclass
class Screen:
    """What this process shows on the terminal besides messages.

    Parameters
    ----------
    verbose
        Whether the output of pip and conda is shown as it comes.
    quiet
        Whether only errors and results are shown.
    has_status
        Whether a status line may show the current step.
    status
        The text of the status line; empty without one.
    live
        The object that shows the status line; None while it is hidden.
    shown_s
        The time at which it was last written, by the monotonic clock.
    """

    verbose: bool = False
    quiet: bool = False
    has_status: bool = False
    status: str = ""
    live: Live | None = None
    shown_s: float = 0.0


SCREEN = Screen()


def print_line(text: str) -> None:
    """Print one line of data; line ends and characters that steer a terminal are escaped."""
    print(escape_controls(text))


def print_entry(label: str, text: str, kind: str = "", indent: int = 0, margin: int = 0) -> None:
    """Print the data `text` after its `label`, in the layout of `lay_out`."""
    print(lay_out(escape_controls(text), sys.stdout, escape_controls(label), kind, indent, margin))


def print_steps(sentences: Sequence[str]) -> None:
    """Print the sentences that say what a command would do, one per line."""
    for sentence in sentences:
        print_entry("", sentence)


def print_text(text: str) -> None:
    """Print `text` unchanged, including bytes that are not text."""
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(text))
    sys.stdout.buffer.flush()


def print_message(sentence: str) -> None:
    """Print a message for people at the terminal or in a job's log; not with --quiet."""
    if not SCREEN.quiet:
        print_aside(sentence)


def print_warning(sentence: str, hint: str = "") -> None:
    """Print a warning about something that works but may not be intended; not with --quiet."""
    if not SCREEN.quiet:
        print_aside(sentence, "warning")
        if hint:
            print_aside(hint, "hint")


def print_error(message: str, hint: str = "") -> None:
    """Print what failed, and the hint that says what to do next."""
    print_aside(message, "error")
    if hint:
        write_aside("\n")
        print_aside(hint, "hint")


def print_aside(text: str, kind: str = "") -> None:
    """Print `text` on stderr, after its `kind` as a label."""
    text = escape_controls(text, kept=WHITE)
    write_aside(lay_out(text, sys.stderr, f"{kind}:" if kind else "", kind) + "\n")


def show_words(words: str) -> None:
    """Show `words`, the output of another program, if --verbose was given."""
    if SCREEN.verbose:
        write_aside(words)


def choose_quiet() -> tuple[str, ...]:
    """Return the option that makes pip and conda quiet; none with --verbose."""
    return () if SCREEN.verbose else ("--quiet",)


def write_aside(text: str) -> None:
    """Write `text` to stderr, above the status line."""
    hide_status()
    # The work must be completed even if stderr is closed.
    with contextlib.suppress(OSError):
        # Flushed, so that a log of both streams is in the order of printing.
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()
    if SCREEN.status:
        show_status(SCREEN.status)


def can_animate() -> bool:
    """Return whether stderr is a terminal that can show a changing line, and --quiet was not given."""
    return sys.stderr.isatty() and not is_dumb() and not SCREEN.quiet


@contextlib.contextmanager
def having_status() -> Iterator[None]:
    """Within the block, `show_status` shows the current step on a terminal, except with --verbose."""
    before = SCREEN.has_status
    SCREEN.has_status = can_animate() and not SCREEN.verbose
    try:
        yield
    finally:
        clear_status()
        SCREEN.has_status = before


def show_status(text: str, at_once: bool = True) -> bool:
    """Show `text` as the current step in the terminal's last line; return whether there is such a line.

    Without `at_once`, the line is not updated more often than people can read.
    """
    if not SCREEN.has_status:
        return False
    import time

    from rich.live import Live
    from rich.text import Text

    SCREEN.status = text
    if not at_once and time.monotonic() - SCREEN.shown_s < REFRESH_S:
        return True
    if SCREEN.live is None:
        # No thread, because the code that shows a status starts processes.
        SCREEN.live = Live(
            console=open_terminal(),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        SCREEN.live.start()
    SCREEN.live.update(Text(f"{text} ...", no_wrap=True, overflow="ellipsis"), refresh=True)
    SCREEN.shown_s = time.monotonic()
    return True


def open_terminal() -> Console:
    """Return rich's console for temporary lines on stderr."""
    from rich.console import Console

    class Terminal(Console):
        """Keeps the cursor: rich hides it, and after a Ctrl-Z it would be missing in the shell."""

        def show_cursor(self, show: bool = True) -> bool:
            return False

    return Terminal(stderr=True, no_color=bool(os.environ.get("NO_COLOR")), highlight=False)


def hide_status() -> None:
    """Hide the status line until it is shown again."""
    if SCREEN.live is not None:
        SCREEN.live.stop()
        SCREEN.live = None


def clear_status() -> None:
    """Remove the status line."""
    SCREEN.status = ""
    hide_status()


def can_ask() -> bool:
    """Return whether a user can answer a question, because the input is a terminal."""
    return sys.stdin.isatty()


def confirm(question: str, without: str, yes: bool = False, facts: Sequence[str] = ()) -> bool:
    """Ask `question` on stderr below the `facts`; return whether the answer is yes.

    Input that was typed before the question was shown is discarded.

    Parameters
    ----------
    question
        The question, for example "Remove biopy/1.0?".
    without
        The command that does not ask.
    yes
        Whether the answer is already known to be yes.
    facts
        The sentences that a user needs to answer; they are shown with --quiet, too, if the question is asked.

    Raises
    ------
    UsageError
        If the input is not a terminal.
    click.Abort
        At Ctrl-C, or at the end of the input.
    """
    for fact in facts:
        if not (yes and SCREEN.quiet):
            print_aside(fact)
    if yes:
        return True
    if not can_ask():
        raise UsageError(
            "confirmation is required, and the input is not a terminal; nothing was changed", without
        )
    # Slow to import, and not needed for printing.
    import click

    # If the terminal has hung up, the question itself fails.
    with contextlib.suppress(termios.error):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        # The cursor is still on the line of the question.
        print(file=sys.stderr)
        raise


def format_bytes(number: float) -> str:
    """Return `number`, in bytes, with a readable unit, as disks and quotas use it (1 kB is 1000 bytes)."""
    from rich.filesize import decimal

    return decimal(round(number))


def format_count(number: int, noun: str, plural: str = "") -> str:
    """Return `number` with its noun: 1 package, 2 packages; `plural` is for nouns that do not end in s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def shorten_list(items: Sequence[str], shown: int = 5) -> str:
    """Return the first `shown` of `items`, separated by commas, and the number of the others."""
    more = len(items) - shown
    return ", ".join(items[:shown]) + (f" and {more} more" if more > 0 else "")


def showing_count(title: str, what: str) -> contextlib.AbstractContextManager[Callable[[int], None]]:
    """Within the block, show the number of `what` on a terminal; the yielded function adds to it."""
    return showing_progress(title, None, what)


@contextlib.contextmanager
def showing_progress(title: str, total: int | None, what: str = "") -> Iterator[Callable[[int], None]]:
    """Within the block, show on a terminal how much of `total` is done; the yielded function adds to it.

    If `total` is None, because it is unknown, show the number of `what` instead.
    """
    if total == 0 or not can_animate():
        yield lambda _: None
        return
    import time

    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
    )

    name = TextColumn("{task.description}", markup=False)
    columns: tuple[ProgressColumn, ...] = (name, BarColumn(), MofNCompleteColumn())
    if total is None:
        columns = (SpinnerColumn(), name, TextColumn(f"{{task.completed:,.0f}} {what}"))
    # No thread, because the code in the block may start processes with fork(2).
    with Progress(*columns, console=open_terminal(), transient=True, auto_refresh=False) as progress:
        task = progress.add_task(title, total=total)
        shown = 0.0

        def advance(more: int) -> None:
            nonlocal shown
            progress.advance(task, more)
            if time.monotonic() - shown > REFRESH_S:
                progress.refresh()
                shown = time.monotonic()

        yield advance


# The number of blanks between the columns of a table.
GAP = 3
# The titles of columns of numbers, which are aligned to the right.
NUMERIC = ("SIZE", "SHARED", "FILES", "LIMIT")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` below `titles`, in columns; empty columns are left out, on a terminal also those of "-".

    On a terminal, the home folder is shown as ~. If the terminal is too narrow, the widest columns become
    separate lines below each row. Sentences in them wrap at words; a path is never cut or wrapped, so that it
    can be copied.
    """
    if not rows:
        return
    is_terminal = sys.stdout.isatty()
    shown = [[escape_controls(cell) for cell in row] for row in rows]
    if is_terminal:
        shown = [[abbreviate_home(cell) for cell in row] for row in shown]
    blank = {"", "-"} if is_terminal else {""}
    columns = [column for column in zip(titles, *shown) if not blank.issuperset(column[1:])]
    widths = [max(map(count_columns, column)) for column in columns]
    beside = choose_beside(widths, measure_width(sys.stdout))
    below = [n for n in range(len(columns)) if n not in beside]
    longest = max((len(columns[n][0]) for n in below), default=0)
    numbers = {n for n in beside if columns[n][0] in NUMERIC}
    for number, cells in enumerate(zip(*columns)):
        line = (" " * GAP).join(pad(cells[n], widths[n], n in numbers) for n in beside).rstrip()
        print(line if number else paint(line, "title", sys.stdout))
        for n in below:
            if number and cells[n]:
                head = f"{'':{GAP}}{columns[n][0]:{longest}}{'':{GAP}}"
                room = None if cells[n].startswith(("/", "~")) else measure_width(sys.stdout)
                print(head + wrap(cells[n], room, len(head)))


def choose_beside(widths: Sequence[int], room: int | None) -> list[int]:
    """Return the columns, of these `widths`, that fit into `room` together; the widest are left out first.

    The first column, which names the subject of a row, always stays. If `room` is None, all fit.
    """
    beside = list(range(len(widths)))
    while room is not None and len(beside) > 1 and sum(widths[n] + GAP for n in beside) - GAP > room:
        beside.remove(max(beside[1:], key=lambda n: widths[n]))
    return beside
