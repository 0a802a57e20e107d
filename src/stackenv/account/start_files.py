"""The files that a user's shells read when they start, and the commands in them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stackenv.plain_files import read_file_bytes

Shell = Literal["sh", "zsh", "csh", "fish", "xonsh"]
# bash reads .bashrc.d if the .bashrc from /etc/skel does so, as on RHEL 9.
HOME_FILES: Mapping[Shell, tuple[str, ...]] = {
    "sh": (
        *(".profile", ".bash_profile", ".bash_login", ".bashrc", ".bash_aliases", ".bashrc.d/*"),
        *(".kshrc", ".mkshrc"),
    ),
    "zsh": (".zshenv", ".zprofile", ".zshrc", ".zlogin"),
    "csh": (".tcshrc", ".cshrc", ".login"),
    "xonsh": (".xonshrc",),
}
CONFIG_FILES: Mapping[Shell, tuple[str, ...]] = {
    "fish": ("fish/config.fish", "fish/conf.d/*.fish"),
    "xonsh": ("xonsh/rc.xsh", "xonsh/rc.d/*.xsh", "xonsh/rc.d/*.py"),
}
# -n reads the file and never runs it. Without extglob, bash rejects valid lines that use its patterns.
SYNTAX_CHECKS: Mapping[Shell, tuple[str, ...]] = {
    "sh": ("bash", "--norc", "-O", "extglob", "-n"),
    "zsh": ("zsh", "-f", "-n"),
}
TIMEOUT_S = 10
# What separates the commands of one line.
QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*\"""")
SEPARATOR = re.compile(r"\s*(?:;|&&|\|\||(?<!\S)(?:then|do|else|and|or|not|\{|\})(?!\S))\s*")
# A shell does not run the bodies of functions when it starts.
FUNCTIONS: Mapping[Shell, re.Pattern[str]] = {
    **dict.fromkeys(
        ("sh", "zsh"), re.compile(r"(\s*)(?:function\s+\S+\s*(?:\(\s*\))?|[\w:.+-]+\s*\(\s*\))\s*(.*)")
    ),
    "fish": re.compile(r"(\s*)function\s+\S+(.*)"),
    "xonsh": re.compile(r"(\s*)def\s+\w+\(()"),
}
ENDS: Mapping[Shell, str] = {"sh": "}", "zsh": "}", "fish": "end"}
HERE_DOCUMENT = re.compile(r"""(?<!<)<<-?\s*(["'\\]?)([A-Za-z_]\w*)\1""")
VALUE = r"""("[^"]*"|'[^']*'|[^\s;"'#]\S*)"""
# The commands that give an exported variable its value; {0} is its name.
ASSIGNMENTS: Mapping[Shell, tuple[str, ...]] = {
    **dict.fromkeys(
        ("sh", "zsh"),
        (rf"(?:\\?export|declare|typeset)\b.*\s{{0}}\+?={VALUE}", rf"{{0}}\+?={VALUE}\s*(?:#.*)?$"),
    ),
    "csh": (rf"setenv\s+{{0}}\s+{VALUE}",),
    "fish": (rf"set\s+(?:-\S+\s+)*(?:-\w*x\w*|--export)\s+(?:-\S+\s+)*{{0}}\s+{VALUE}",),
    "xonsh": (r"\${0}\s*(?:=|\.\w+\()\s*(.+)",),
}


@dataclass(frozen=True)
class StartFile:
    """A start-up file that exists and can be read.

    Parameters
    ----------
    path
        The path that the shell opens; it can be a link.
    shell
        Its dialect; `sh` for ksh and bash.
    contents
        Its bytes.
    """

    path: Path
    shell: Shell
    contents: bytes

    def list_lines(self) -> Iterator[tuple[int, str]]:
        """Yield number and text of each line that runs at the start, without comments and function bodies.

        Bytes that are not UTF-8 are kept.
        """
        lines = [line.decode("utf-8", "surrogateescape").rstrip() for line in self.contents.split(b"\n")]
        index = 0
        while index < len(lines):
            text, last = lines[index], find_end_of_function(lines, index, self.shell)
            if last is None and text and not text.lstrip().startswith("#"):
                yield index + 1, text.strip()
                last = find_end_of_document(lines, index)
            index = (index if last is None else last) + 1

    def list_commands(self) -> Iterator[tuple[int, str]]:
        """Yield line number and text of each command; several commands of one line are yielded separately."""
        for number, text in self.list_lines():
            yield from ((number, command) for command in split_commands(text) if command)

    def list_assignments(self, names: Sequence[str]) -> Iterator[tuple[int, str, str]]:
        """Yield line, name and value for each assignment of one of the variables `names` in the file."""
        patterns = {
            name: [re.compile(pattern.format(name)) for pattern in ASSIGNMENTS[self.shell]] for name in names
        }
        for number, command in self.list_commands():
            for name in names:
                found = next(filter(None, (pattern.match(command) for pattern in patterns[name])), None)
                value = found.group(1).strip("\"'") if found else ""
                if value and value not in (f"${name}", f"${{{name}}}"):
                    yield number, name, value

    @property
    def hindrance(self) -> str:
        """Return why stackenv cannot change the file; empty if it can."""
        status = self.path.stat()
        if status.st_uid != os.geteuid():
            return "the file is not yours"
        if not status.st_mode & stat.S_IWUSR:
            return "the file is read-only"
        real = Path(os.path.realpath(self.path))
        if not (os.access(real.parent, os.W_OK) and os.access(self.path.parent, os.W_OK)):
            return "its folder is read-only"
        return ""


def split_commands(text: str) -> Iterator[str]:
    """Yield the commands of a line; separators inside quotes do not split it."""
    start = 0
    for found in SEPARATOR.finditer(QUOTED.sub(lambda quoted: "'" * len(quoted[0]), text)):
        yield text[start : found.start()]
        start = found.end()
    yield text[start:]


def find_end_of_function(lines: Sequence[str], index: int, shell: Shell) -> int | None:
    """Return the last line of the function that begins in line `index`; None if none begins, or none ends."""
    definition, end = FUNCTIONS.get(shell), ENDS.get(shell, "")
    begun = definition.match(lines[index]) if definition else None
    if not begun:
        return None
    indent, rest = begun.groups()
    if not end:
        below = range(index + 1, len(lines))
        ends = (n for n in below if lines[n] and len(lines[n]) - len(lines[n].lstrip()) <= len(indent))
        return next(ends, len(lines)) - 1
    end = ")" if rest.startswith("(") else end
    before = "" if end == ")" else r"(?:^|[\s;])"
    if re.search(rf"{before}{re.escape(end)}\s*;?\s*(?:#.*)?$", rest):
        return index
    return next((n for n in range(index + 1, len(lines)) if lines[n].startswith(indent + end)), None)


def find_end_of_document(lines: Sequence[str], index: int) -> int | None:
    """Return the last line of the here-document that begins in line `index`; None if there is none."""
    found = HERE_DOCUMENT.search(lines[index]) if "((" not in lines[index] else None
    if not found:
        return None
    return next((n for n in range(index + 1, len(lines)) if lines[n].strip() == found[2]), None)


def list_start_files(home: Path, environ: Mapping[str, str]) -> Iterator[StartFile]:
    """Yield the start-up files of the shells of the user at `home`; a file with several names once."""
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    zsh = Path(environ.get("ZDOTDIR") or home)
    places = [(home, HOME_FILES), (config, CONFIG_FILES)]
    if zsh != home:
        places.append((zsh, {"zsh": HOME_FILES["zsh"]}))
    seen = set()
    for folder, table in places:
        for shell, patterns in table.items():
            for path in (path for pattern in patterns for path in list_read(folder, pattern)):
                # The shell cannot read an unreadable file either.
                with contextlib.suppress(OSError):
                    status = path.stat()
                    identity = (status.st_dev, status.st_ino)
                    if stat.S_ISREG(status.st_mode) and identity not in seen:
                        yield StartFile(path, shell, read_file_bytes(path))
                        seen.add(identity)


def list_read(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield the files that a shell reads for `pattern` below `folder`; a * does not match hidden files."""
    for path in sorted(folder.glob(pattern)):
        if not (pattern.endswith("*") and path.name.startswith(".")):
            yield path


def parses(shell: Shell, contents: bytes) -> bool:
    """Return whether `contents` is syntactically valid for `shell`; none of it is run.

    It counts as valid if the shell is not installed, and for shells in which removing earlier lines cannot
    make a line invalid.
    """
    words = SYNTAX_CHECKS.get(shell)
    program = words and shutil.which(words[0], path="/usr/bin:/bin:/usr/local/bin")
    if not words or not program:
        return True
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            # The caller's ENV, BASH_ENV and ZDOTDIR would make the shell read files.
            [program, *words[1:]],
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "ZDOTDIR": "/nonexistent"},
            input=contents,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return done.returncode == 0
    return False
