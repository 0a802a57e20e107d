"""The one printer: data on stdout, as text or table; messages and questions on stderr."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import sys
import termios
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Callable

from stackenv.errors import WHITE, UsageError, escape_controls
from stackenv.terminal import count_columns, is_dumb, lay_out, measure_width, pad, paint, wrap

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
        Whether the words of pip and conda are shown as they come.
    quiet
        Whether only errors and results are shown.
    has_status
        Whether a line may say what is being done now.
    status
        That line; empty when nothing is said.
    live
        What shows it; None while it is not there.
    shown_s
        When it was last written, by the monotonic clock.
    """

    verbose: bool = False
    quiet: bool = False
    has_status: bool = False
    status: str = ""
    live: Live | None = None
    shown_s: float = 0.0


SCREEN = Screen()


def print_line(text: str) -> None:
    """Print one line of data: what would end it, or what a terminal obeys, is escaped."""
    print(escape_controls(text))


def print_entry(label: str, text: str, kind: str = "", indent: int = 0, margin: int = 0) -> None:
    """Print `text`, data, behind its `label`, as `lay_out` places them."""
    print(lay_out(escape_controls(text), sys.stdout, escape_controls(label), kind, indent, margin))


def print_steps(sentences: Sequence[str]) -> None:
    """Print what a command would do, by a sentence each."""
    for sentence in sentences:
        print_entry("", sentence)


def print_text(text: str) -> None:
    """Print `text` as it is, bytes that are no text included."""
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(text))
    sys.stdout.buffer.flush()


def print_message(sentence: str) -> None:
    """Tell people at the terminal, or in a job's log, what is going on; not with --quiet."""
    if not SCREEN.quiet:
        print_aside(sentence)


def print_warning(sentence: str, hint: str = "") -> None:
    """Warn of what works and may not be wanted; not with --quiet."""
    if not SCREEN.quiet:
        print_aside(sentence, "warning")
        if hint:
            print_aside(hint, "hint")


def print_error(message: str, hint: str = "") -> None:
    """Say what has failed, and what to type or change next."""
    print_aside(message, "error")
    if hint:
        write_aside("\n")
        print_aside(hint, "hint")


def print_aside(text: str, kind: str = "") -> None:
    """Print `text` on stderr, behind its kind."""
    text = escape_controls(text, kept=WHITE)
    write_aside(lay_out(text, sys.stderr, f"{kind}:" if kind else "", kind) + "\n")


def show_words(words: str) -> None:
    """Show what another program has said, with --verbose."""
    if SCREEN.verbose:
        write_aside(words)


def choose_quiet() -> tuple[str, ...]:
    """Return the option with which pip and conda say nothing of what they do; with --verbose none."""
    return () if SCREEN.verbose else ("--quiet",)


def write_aside(text: str) -> None:
    """Write `text` to stderr, above the line that says what is being done."""
    hide_status()
    # That nobody listens any more is no reason to leave work half-done.
    with contextlib.suppress(OSError):
        # So that a log of both has them in the order of printing.
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()
    if SCREEN.status:
        show_status(SCREEN.status)


def can_animate() -> bool:
    """Return whether a line of the terminal can be written again and again, and is wanted."""
    return sys.stderr.isatty() and not is_dumb() and not SCREEN.quiet


@contextlib.contextmanager
def having_status() -> Iterator[None]:
    """Within the block `show_status` shows on a terminal what is being done, unless all is shown anyway."""
    before = SCREEN.has_status
    SCREEN.has_status = can_animate() and not SCREEN.verbose
    try:
        yield
    finally:
        clear_status()
        SCREEN.has_status = before


def show_status(text: str, at_once: bool = True) -> bool:
    """Have the terminal's last line say that `text` is being done; return whether there is such a line.

    Without `at_once` not more often than people can read.
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
        # No thread of its own: who shows it starts processes.
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
    """Return rich's console for what is shown on stderr for a while."""
    from rich.console import Console

    class Terminal(Console):
        """Leaves the cursor as it is: rich hides it, and who then stops the command by Ctrl-Z has none."""

        def show_cursor(self, show: bool = True) -> bool:
            return False

    return Terminal(stderr=True, no_color=bool(os.environ.get("NO_COLOR")), highlight=False)


def hide_status() -> None:
    """Take the line that says what is being done off the terminal, until it is shown again."""
    if SCREEN.live is not None:
        SCREEN.live.stop()
        SCREEN.live = None


def clear_status() -> None:
    """Say no more that something is being done."""
    SCREEN.status = ""
    hide_status()


def can_ask() -> bool:
    """Return whether somebody is there to answer: the input is a terminal."""
    return sys.stdin.isatty()


def confirm(question: str, without: str, yes: bool = False, facts: Sequence[str] = ()) -> bool:
    """Ask `question` on stderr below the `facts`; return whether the answer is yes.

    What was typed on a terminal before the question was on the screen is no answer to it.

    Parameters
    ----------
    question
        What is asked: "Do that?".
    without
        The command that does not ask.
    yes
        Whether the answer is yes already.
    facts
        What must be known to answer: who is asked sees it with --quiet too.

    Raises
    ------
    UsageError
        When the input is not a terminal.
    click.Abort
        At Ctrl-C, or the end of the input.
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
    # Who prints does not wait for it.
    import click

    # A terminal that has hung up is met by the question itself.
    with contextlib.suppress(termios.error):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        # The cursor is still behind the question.
        print(file=sys.stderr)
        raise


def format_bytes(number: float) -> str:
    """Return `number` of bytes as people read it, in the units of disks and quotas (1 kB is 1000)."""
    from rich.filesize import decimal

    return decimal(round(number))


def format_count(number: int, noun: str, plural: str = "") -> str:
    """Return `number` with its noun: 1 package, 2 packages, and `plural` where an s does not make it."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def shorten_list(items: Sequence[str], shown: int = 5) -> str:
    """Return `items` in a row, the first `shown` of them when there are more."""
    more = len(items) - shown
    return ", ".join(items[:shown]) + (f" and {more} more" if more > 0 else "")


def showing_count(title: str, what: str) -> contextlib.AbstractContextManager[Callable[[int], None]]:
    """Within the block show on a terminal how many of `what` were seen; the function given adds to it."""
    return showing_progress(title, None, what)


@contextlib.contextmanager
def showing_progress(title: str, total: int | None, what: str = "") -> Iterator[Callable[[int], None]]:
    """Within the block show on a terminal how much of `total` is done; the function given adds to it.

    Where the total is not known, None, how many of `what` are.
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
    # No thread of its own: who is in the block may start processes by fork(2).
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


# Between the columns of a table on a terminal.
GAP = 3
# What makes a column one of numbers: counts, sizes, and neither.
NUMBER = re.compile(r"[0-9,]+(\.[0-9])?( ([kMGTPEZY]?B|bytes?))?|-?")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` below `titles`, in columns; a column of nothing is left out.

    On a terminal the columns for which it is too narrow are lines of their own below each row. Sentences wrap
    there at words; a path is neither cut nor broken, for it is to be copied.
    """
    if not rows:
        return
    columns = [
        column for column in zip(titles, *(map(escape_controls, row) for row in rows)) if any(column[1:])
    ]
    widths = [max(map(count_columns, column)) for column in columns]
    beside = choose_beside(widths, measure_width(sys.stdout))
    below = [n for n in range(len(columns)) if n not in beside]
    longest = max((len(columns[n][0]) for n in below), default=0)
    numbers = {n for n in beside if all(NUMBER.fullmatch(cell) for cell in columns[n][1:])}
    for number, cells in enumerate(zip(*columns)):
        line = (" " * GAP).join(pad(cells[n], widths[n], n in numbers) for n in beside).rstrip()
        print(line if number else paint(line, "title", sys.stdout))
        for n in below:
            if number and cells[n]:
                head = f"{'':{GAP}}{columns[n][0]:{longest}}{'':{GAP}}"
                room = None if cells[n].startswith(("/", "~")) else measure_width(sys.stdout)
                print(head + wrap(cells[n], room, len(head)))


def choose_beside(widths: Sequence[int], room: int | None) -> list[int]:
    """Return which columns, of these `widths`, fit into `room` together: the widest give way.

    The first, which is what a row is about, does not. Without a limit, None, all fit.
    """
    beside = list(range(len(widths)))
    while room is not None and len(beside) > 1 and sum(widths[n] + GAP for n in beside) - GAP > room:
        beside.remove(max(beside[1:], key=lambda n: widths[n]))
    return beside
