"""What a stream shows of a text: colours where they are wanted, lines that wrap at words, commands whole."""

from __future__ import annotations

import os
import re

# As `typing` has it, whose import takes as long as the whole of `--version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

# How each kind of text is shown, in the words of click.style.
STYLES: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "hint": {"fg": "cyan"},
    "title": {"bold": True},
    # Of findings.
    "broken": {"fg": "red", "bold": True},
    "insecure": {"fg": "red", "bold": True},
    "unchecked": {"fg": "cyan", "bold": True},
}
# What a command begins with that is not in backticks. Of programs whose names sentences begin with, too, the
# second word.
BEGINNINGS = (
    *("bash", "cd", "chgrp", "chmod", "chown", "cp", "df", "du", "export", "ln", "ls", "mkdir", "ml", "mv"),
    *("rm", "rmdir", "sbatch", "scancel", "setenv", "squeue", "ssh", "stackenv", "unset"),
    *(r"env (?:-|\w+=)", "kill -?[0-9]"),
    r"(?:conda|mamba) (?:activate|clean|config|create|deactivate|env|info|install|list|remove|run|update)",
    r"module (?:--\w+|avail|load|purge|reset|restore|save|spider|swap|unload|unuse|use)",
    r"pip (?:cache (?:dir|info|list|purge|remove)|check|config|download|install|uninstall)",
    r"uv (?:add|cache|lock|pip|python|run|sync|tool|venv)",
    r"python [-\w/]+",
)
# What stays on one line: what is in backticks; a command, which stands at the beginning or behind a colon or
# semicolon and ends at the next semicolon; a word.
UNIT = re.compile(rf"`[^`]+`\S*|(?:^|(?<=[:;] ))(?:{'|'.join(BEGINNINGS)})\b(?:[^;`]*[^;`\s])?;?|\S+")
# Of a terminal that does not tell how wide it is.
USUAL_WIDTH = 80


def is_dumb() -> bool:
    """Return whether the terminal obeys no escape sequences."""
    return os.environ.get("TERM", "dumb") in ("dumb", "unknown", "")


def wants_colour(stream: TextIO) -> bool:
    """Return whether `stream` is to be written in colour.

    NO_COLOR forbids it (https://no-color.org), and FORCE_COLOR demands it for what is no terminal, too.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and not is_dumb())


def paint(text: str, kind: str, stream: TextIO) -> str:
    """Return `text` in the style of `kind`, where `stream` wants colour; unknown kinds have none."""
    if kind not in STYLES or not wants_colour(stream):
        return text
    from click import style

    return style(text, **STYLES[kind])


def measure_width(stream: TextIO) -> int | None:
    """Return how many columns the terminal `stream` has; None for what is no terminal."""
    if not stream.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
    except (OSError, ValueError):
        return USUAL_WIDTH


def count_columns(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    # Slow to import.
    from rich.cells import cell_len

    return cell_len(text)


def pad(text: str, width: int, right: bool = False) -> str:
    """Return `text` in `width` columns, with blanks behind it, or, to be at the `right`, before it."""
    blanks = " " * (width - count_columns(text))
    return blanks + text if right else text + blanks


def wrap(text: str, width: int | None, margin: int = 0) -> str:
    """Return `text` in lines of at most `width` columns; without a width as it is.

    What does not fit into a line of its own is longer: a word, or a command, which is to be pasted whole. The
    first line has `margin` columns of something else before it; the lines below it, and those of `text`,
    begin there.
    """
    if width is None:
        return text
    lines = [line for part in text.split("\n") for line in wrap_line(part, width - margin)]
    return ("\n" + " " * margin).join(lines)


def wrap_line(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width` columns, the first indented as it is, the others as that."""
    indent = text[: len(text) - len(text.lstrip())]
    if count_columns(text) <= width:
        return [text]
    lines = [indent]
    for unit in UNIT.findall(text.strip()):
        blank = lines[-1] == indent
        if not blank and count_columns(f"{lines[-1]} {unit}") > width:
            lines.append(indent + unit)
        else:
            lines[-1] += unit if blank else f" {unit}"
    return lines


def abbreviate_home(text: str) -> str:
    """Return `text` with ~ for the home folder, where a shell takes that for the same.

    Not in quotes, and not in the line of a configuration file: what is shown there is to be copied.
    """
    home = os.environ.get("HOME", "").rstrip("/")
    if not home.startswith("/"):
        return text
    return re.sub(rf"(?:^|(?<=[\s`(]))(?<!= ){re.escape(home)}(?![^/\s`),;:])", "~", text)


def lay_out(
    text: str, stream: TextIO, label: str = "", kind: str = "", indent: int = 0, margin: int = 0
) -> str:
    """Return `text` behind `label` as `stream` shows it, `indent` columns from the left.

    On a terminal the home is ~. The label is of the style `kind`; the text begins `margin` columns behind
    its beginning, or after it.
    """
    if stream.isatty():
        text = abbreviate_home(text)
    head = label.ljust(margin) if not text or len(label) < margin else f"{label} " if label else ""
    lines = wrap(text, measure_width(stream), indent + len(head))
    return " " * indent + paint(label, kind, stream) + head[len(label) :] + lines
