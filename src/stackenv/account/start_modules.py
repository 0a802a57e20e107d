"""What start-up files do with modules: which they always load, and which folders they add to MODULEPATH."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from stackenv.account.start_files import QUOTED, Shell, StartFile
from stackenv.user_paths import expand

SEPARATOR = re.compile(r"(;;?|&&|\|\|?|(?<![>&\d])&(?![>&\d]))")
# The first words of commands that begin or end a conditional part or a loop.
SH = (frozenset({"if", "case", "for", "while", "until", "select"}), frozenset({"fi", "esac", "done"}))
BLOCKS: Mapping[Shell, tuple[frozenset[str], frozenset[str]]] = {
    "sh": SH,
    "zsh": SH,
    "csh": (frozenset({"foreach", "while", "switch"}), frozenset({"endif", "endsw", "end"})),
    "fish": (frozenset({"if", "switch", "for", "while", "begin", "function"}), frozenset({"end"})),
    "xonsh": (frozenset(), frozenset()),
}
# The first words that make a single command conditional, in fish and in csh.
ON_CONDITION = ("and", "or", "not", "if", "else")
LOAD = re.compile(r"module\s+(?:-\S+\s+)*(?:load|add)\s+(.+)|ml\s+(?:-\S+\s+)*(?:(?:load|add)\s+)?(.+)")
USE = re.compile(r"(?:module|ml)\s+(?:-\S+\s+)*use\s+(.+)")
# After `ml`, any other word that is not an option is the name of a module (Lmod 8.6, libexec/ml_cmd.in.lua).
COMMANDS = frozenset(
    """
    add av avail available category del delete describe disable gd getdefault help is-avail is-loaded isAvail
    isloaded key keyword keywords ld list listdefault load mcc ov overview purge r refresh reset restore rm s
    save savelist sd search setdefault show sl spider sw swap switch tablelist try-add try-load tryadd tryload
    unload unuse update use whatis
    """.split()  # noqa: SIM905 (words read better as words)
)
# A command that ends the file, conditional or not, as it appears between separators: after `then` or a
# pattern of `case`, for example. An `exec` with only redirections does not end it.
LEAVES = re.compile(
    r"(?:.*\)\s*|(?:(?:then|else|do|and|or|\{)\s+)*)"
    r"(?:return(?=\s|$)|exit(?=\s|$)|(?P<replaced>exec)\s+(?!\d*[<>]|&>|\{\w+\}[<>])\S)"
)
# Only interactive shells read these files; batch shells do not.
INTERACTIVE_FILES = frozenset({".zshrc", ".kshrc", ".mkshrc"})
# A name without anything that a shell would expand, since expansions are unknown until the shell runs.
PLAIN = re.compile(r"[A-Za-z0-9_][\w./+:@-]*")


class Load(NamedTuple):
    """A command that loads modules: line, text, module names, and whether batch shells leave before it."""

    line: int
    command: str
    names: list[str]
    interactive: bool


def list_loads(file: StartFile) -> Iterator[Load]:
    """Yield each load that every shell runs, or that every shell runs that does not leave the file early.

    Loads that are conditional, in a loop, or allowed to fail (`||`, a redirection) are left out.
    """
    for number, command, interactive in list_unconditional(file):
        found = LOAD.fullmatch(command)
        if not found or any(mark in command for mark in "<>`"):
            continue
        names = [word.strip("\"'") for word in (found[1] or found[2]).split()]
        if found[2] and names[0] in COMMANDS:
            continue
        yield Load(number, command, [name for name in names if PLAIN.fullmatch(name)], interactive)


def list_used_folders(files: Sequence[StartFile], environ: Mapping[str, str]) -> list[Path] | None:
    """Return the folders that `files` add to MODULEPATH, conditionally or not.

    None if a folder is unknown until a shell runs the files, or if they set MODULEPATH without `module use`.
    """
    folders = []
    for file in files:
        if any(file.list_assignments(["MODULEPATH"])):
            return None
        for _, command in file.list_commands():
            found = USE.match(command)
            for word in found[1].split() if found else ():
                if word.startswith("#"):
                    break
                path = expand(word.strip("\"'"), environ)
                if path.startswith("/") and not set(path) & set("$`(*?["):
                    folders.append(Path(path))
                # Skip --append, and --priority with its number.
                elif not (word.startswith("-") or word.isdecimal()):
                    return None
    return folders


def list_unconditional(file: StartFile) -> Iterator[tuple[int, str, bool]]:
    """Yield line and text of each unconditional command, and whether only interactive shells run it.

    Commands after a conditional return count as run by interactive shells only. Lines that cannot be split
    into commands are left out, and so is everything after a command that ends the file or may replace the
    shell.
    """
    depth, quote, joined = 0, "", False
    interactive = file.path.name in INTERACTIVE_FILES
    indented = list_indented(file) if file.shell == "xonsh" else ()
    for number, text in file.list_lines():
        masked = mask(text)
        if quote:
            # Inside a quoted text of several lines.
            quote = "" if text.count(quote) % 2 else quote
            continue
        quote = next((mark for mark in masked if mark in "\"'"), "")
        depth, commands = take_apart(text, masked, depth, file.shell)
        if depth < 0:
            return
        left = list(filter(None, (LEAVES.match(piece.strip()) for piece in SEPARATOR.split(masked)[::2])))
        interactive = interactive or bool(left)
        if not (quote or joined or number in indented):
            for command in commands:
                if LEAVES.match(mask(command)):
                    return
                yield number, command, interactive
        if any(found["replaced"] for found in left):
            return
        joined = masked.rstrip().endswith(("\\", "&&", "||", "|"))


def mask(text: str) -> str:
    """Return `text` with quoted parts and comments blanked out, at the same length."""
    masked = QUOTED.sub(lambda quoted: "_" * len(quoted[0]), text)
    masked = re.sub(r"\\.", "__", masked)
    comment = re.search(r"(?:^|\s)#", masked)
    return masked[: comment.start()] if comment else masked


def take_apart(text: str, masked: str, depth: int, shell: Shell) -> tuple[int, list[str]]:
    """Return how many conditions surround the next line, and the unconditional commands of this line."""
    opening, closing = BLOCKS[shell]
    found, before, place = [], ";", 0
    pieces = [*SEPARATOR.split(masked), ";"]
    for piece, after in zip(pieces[::2], pieces[1::2]):
        words = piece.split()
        first = words[0].partition("(")[0] if words else ""
        command = text[place : place + len(piece)].strip()
        place += len(piece) + len(after)
        if not words:
            before = after
            continue
        ended = first in closing or words.count("}") > words.count("{") or words == [")"]
        depth -= ended
        begun = first in opening or words.count("{") > words.count("}") or words == ["("]
        begun = begun or (shell == "csh" and first == "if" and words[-1] == "then")
        depth += begun
        alone = before in (";", ";;", "&") and after in (";", "&&")
        if depth == 0 and alone and not (ended or begun) and first not in ON_CONDITION:
            found.append(command)
        before = after
    return depth, found


def list_indented(file: StartFile) -> frozenset[int]:
    """Return the numbers of the lines of `file` that begin with a space: in Python, the lines of a block."""
    lines = file.contents.split(b"\n")
    return frozenset(number for number, line in enumerate(lines, 1) if line[:1].isspace())
