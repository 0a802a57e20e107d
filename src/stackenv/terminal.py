"""Lays out text for a stream: colours if they are wanted, lines that wrap at words, commands in one piece."""

from __future__ import annotations

import os
import re

# Defined here, because importing `typing` takes as long as all of `stackenv --version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

# The style of each kind of text, as arguments of click.style.
STYLES: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "hint": {"fg": "cyan"},
    "title": {"bold": True},
    # The severities of findings.
    "broken": {"fg": "red", "bold": True},
    "insecure": {"fg": "red", "bold": True},
    "unchecked": {"fg": "cyan", "bold": True},
}
# The beginnings of commands that are not in backticks. If a sentence can begin with the name of a program,
# the second word is needed, too.
BEGINNINGS = (
    *("bash", "cd", "chgrp", "chmod", "chown", "cp", "df", "du", "eb", "export", "fusermount3", "jupyter"),
    *("ln", "ls", "mkdir", "ml", "mv", "rm", "rmdir", "sacctmgr", "sbatch", "scancel", "setenv", "sinfo"),
    *("squeue", "ssh", "stackenv", "unset", "unsquashfs"),
    *("command -v", r"env(?= -| \w+=)", "kill(?= -?[0-9])", "touch(?= [/~'])"),
    r"(?:conda|mamba) (?:activate|clean|config|create|deactivate|env|info|install|list|remove|run|update)",
    r"module (?:--\w+|avail|load|purge|reset|restore|save|spider|swap|unload|unuse|use)",
    r"pip (?:cache (?:dir|info|list|purge|remove)|check|config|download|install|uninstall)",
    r"uv (?:add|cache|lock|pip|python|run|sync|tool|venv)",
    r"python(?= [-\w/])",
)
# Text in quotes, as shlex.quote writes it, which can contain blanks. An apostrophe in a word begins none.
QUOTED = r"""(?<![^\s=(])(?:'[^']*'(?:"'"'[^']*')*|"[^"]*")"""
# Text without a blank outside of quotes and backticks, or with several, which only names have.
WORD = rf"(?:{QUOTED}|`[^`]+`|\S| {{2,}}(?=\S))+"
# A command, from a colon, a semicolon or (in a hint) the beginning of the text to the next semicolon.
COMMAND = rf"(?:{'|'.join(BEGINNINGS)})(?![\w-])(?: *(?:{QUOTED}|[^;`\s]))*;?"
# The units that stay on one line.
UNIT = re.compile(rf"(?<=[:;] ){COMMAND}|{WORD}")
HINT_UNIT = re.compile(rf"(?:^|(?<=[:;] )){COMMAND}|{WORD}")
# The width of a terminal that does not report its own.
USUAL_WIDTH = 80


def is_dumb() -> bool:
    """Return whether the terminal does not support escape sequences."""
    return os.environ.get("TERM", "dumb") in ("dumb", "unknown", "")


def wants_colour(stream: TextIO) -> bool:
    """Return whether text on `stream` should be in colour.

    NO_COLOR forbids it (https://no-color.org); FORCE_COLOR demands it, even if the stream is not a terminal.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and not is_dumb())


def paint(text: str, kind: str, stream: TextIO) -> str:
    """Return `text` in the style of `kind` if `stream` should be in colour; unknown kinds have no style."""
    if kind not in STYLES or not wants_colour(stream):
        return text
    from click import style

    return style(text, **STYLES[kind])


def measure_width(stream: TextIO) -> int | None:
    """Return the number of columns of the terminal `stream`; None if it is not a terminal."""
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
    """Return the number of columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    # Slow to import.
    from rich.cells import cell_len

    return cell_len(text)


def pad(text: str, width: int, right: bool = False) -> str:
    """Return `text` padded with blanks to `width` columns, aligned to the left or to the `right`."""
    blanks = " " * (width - count_columns(text))
    return blanks + text if right else text + blanks


def wrap(text: str, width: int | None, margin: int = 0, unit: re.Pattern[str] = UNIT) -> str:
    """Return `text` in lines of at most `width` columns; unchanged if `width` is None.

    A line is only longer if it is a single word or command that does not fit, because commands must be pasted
    in one piece: what matches `unit`. The first line is preceded by `margin` columns of other text; all
    others are indented by as many.
    """
    if width is None:
        return text
    lines = [line for part in text.split("\n") for line in wrap_line(part, width - margin, unit)]
    return ("\n" + " " * margin).join(lines)


def wrap_line(text: str, width: int, unit: re.Pattern[str]) -> list[str]:
    """Return `text` in lines of at most `width` columns, all with the indentation of `text`."""
    indent = text[: len(text) - len(text.lstrip())]
    if count_columns(text) <= width:
        return [text]
    lines = [indent]
    for piece in unit.findall(text.strip()):
        blank = lines[-1] == indent
        if not blank and count_columns(f"{lines[-1]} {piece}") > width:
            lines.append(indent + piece)
        else:
            lines[-1] += piece if blank else f" {piece}"
    return lines


def abbreviate_home(text: str) -> str:
    """Return `text` with ~ for the home folder, wherever a shell would expand it.

    It is not replaced in quotes and in lines of configuration files, so that these can be copied.
    """
    home = os.environ.get("HOME", "").rstrip("/")
    if not home.startswith("/"):
        return text
    return re.sub(rf"(?:^|(?<=[\s`(]))(?<!= ){re.escape(home)}(?![^/\s`),;:])", "~", text)


def lay_out(
    text: str, stream: TextIO, label: str = "", kind: str = "", indent: int = 0, margin: int = 0
) -> str:
    """Return `text` after `label` in the layout of `stream`, indented by `indent` columns.

    On a terminal, the home folder is shown as ~. The label has the style `kind`. The text begins `margin`
    columns after the beginning of the label, or after its end.
    """
    if stream.isatty():
        text = abbreviate_home(text)
    head = label.ljust(margin) if not text or len(label) < margin else f"{label} " if label else ""
    unit = HINT_UNIT if kind == "hint" else UNIT
    lines = wrap(text, measure_width(stream), indent + len(head), unit)
    return " " * indent + paint(label, kind, stream) + head[len(label) :] + lines
