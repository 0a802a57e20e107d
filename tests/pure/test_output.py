"""Printed text: in each encoding, with any bytes in names, without control characters, wrapped at words."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stackenv import output
from stackenv.configuration.site_file import SHIPPED_FILE
from stackenv.terminal import HINT_UNIT, UNIT, abbreviate_home, wrap

# In UTF-8 locales other than C.UTF-8, and in other encodings, Python's stdout is strict.
STRICT = """\
import sys
from stackenv.cli.start import main
sys.stdout.reconfigure(encoding=sys.argv.pop(1), errors="strict")
sys.exit(main())
"""


NAME = b"\xff \xe2\x86\x92"


@pytest.mark.parametrize(("encoding", "printed"), [("utf-8", NAME), ("latin-1", b"\xff \\u2192")])
def test_a_path_of_any_bytes_is_printed_in_each_encoding(
    tmp_path: Path, encoding: str, printed: bytes
) -> None:
    path = tmp_path / os.fsdecode(NAME)
    shutil.copy(SHIPPED_FILE, path)
    done = subprocess.run(
        [sys.executable, "-I", "-c", STRICT, encoding, "site", "check", path],
        env={"LANG": "C.UTF-8", "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == bytes(tmp_path) + b"/" + printed + b": OK\n"


ODD = "a\x1b[31mb\x07\x9b2J\nc\td\u202ee\udcfff\xa0\xfc"
ONE_LINE = "a\\x1b[31mb\\x07\\x9b2J\\nc\\td\\u202ee\udcfff\xa0\xfc"


class Stream(io.StringIO):
    """A stream that records what is written, and may claim to be a terminal."""

    def __init__(self, is_terminal: bool = False) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


def test_terminal_control_characters_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = Stream(), Stream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    output.print_line(ODD)
    output.print_steps([ODD])
    output.print_table(("A", "B"), [(ODD, "b")])
    output.print_message(ODD)
    *lines, titles, row = out.getvalue().split("\n")[:-1]
    assert lines == [ONE_LINE, ONE_LINE] and titles.split() == ["A", "B"] and row == f"{ONE_LINE}   b"
    # A message may have several lines.
    assert err.getvalue() == f"{ONE_LINE}\n".replace("\\n", "\n").replace("\\t", "\t")


def test_a_table_escapes_control_characters_in_values_but_not_its_own_style(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = Stream(is_terminal=True)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    output.print_table(("NAME",), [("\x1b[31mred",)])
    assert "\\x1b[31mred" in out.getvalue() and "\x1b[31m" not in out.getvalue()
    assert "\x1b[1mNAME" in out.getvalue()


TABLE = [
    ("a/1.0", "-", "3.9", "-", "/home/ann/my  env", "5 kB"),
    ("b/2.0", "", "3.10", "-", "/other", "11 kB"),
]
TITLES = ("MODULE", "STATE", "PYTHON", "MODULES", "ENVIRONMENT", "SIZE")


def test_a_table_hides_empty_columns_on_a_terminal_but_not_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    out = Stream(is_terminal=True)
    monkeypatch.setattr(sys, "stdout", out)
    output.print_table(TITLES, TABLE)
    # Versions are aligned to the left, sizes to the right.
    assert out.getvalue().splitlines() == [
        "MODULE   PYTHON   ENVIRONMENT    SIZE",
        "a/1.0    3.9      ~/my  env      5 kB",
        "b/2.0    3.10     /other        11 kB",
    ]
    piped = Stream()
    monkeypatch.setattr(sys, "stdout", piped)
    output.print_table(TITLES, TABLE)
    assert piped.getvalue().split("\n")[0].split() == list(TITLES)
    assert "/home/ann/my  env" in piped.getvalue()


def test_progress_is_shown_only_if_there_is_something_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Stream(is_terminal=True)
    monkeypatch.setattr(sys, "stderr", err)
    with output.showing_progress("reading files", 0):
        pass
    assert err.getvalue() == ""
    with output.showing_progress("reading files", 1) as advance:
        advance(1)
    assert "reading files" in err.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60])
def test_wrapping_changes_no_words_and_does_not_split_commands(width: int) -> None:
    command, quoted = (
        "stackenv rebuild biopy/1.0 -m SciPy-bundle/2023.11-gfbf-2023b",
        "`module spider SciPy-bundle`",
    )
    text = f"its modules are gone, so that it cannot be loaded; on others: {command}; {quoted}, lists them"
    lines = wrap(text, width).splitlines()
    assert " ".join(lines) == text
    assert [line for line in lines if line.strip("; ") == command or (command in line and len(line) <= width)]
    assert any(quoted in line for line in lines)
    assert all(len(line) <= width or line.rstrip(";,") in (command, quoted) for line in lines)
    assert wrap(text, None) == text


PIECES = (
    "~/my  env  with  blanks",
    "touch '/scratch/my env/.kept;1/undo'",
    "'/scratch/a group'\"'\"'s  env/image'",
    'eb --hooks="$(stackenv site hooks)" --force EASYCONFIG',
    "unsquashfs -d FOLDER '/project/a group/image.squashfs'",
    "env A='1; 2' PROGRAM",
    "command -v squashfuse fusermount3",
)


@pytest.mark.parametrize("width", [10, 30, 50])
@pytest.mark.parametrize("piece", PIECES)
def test_wrapping_does_not_split_paths_with_blanks_or_quoted_commands(piece: str, width: int) -> None:
    text = f"if that is the user's own: {piece}; and the site's other users' files, too"
    lines = wrap(text, width).splitlines()
    assert " ".join(lines) == text
    assert any(piece in line for line in lines)
    # The apostrophes of "user's" and "users'" do not quote the text between them.
    assert "the user's own" in text and max(len(line) for line in lines if piece not in line) <= max(width, 7)


def test_a_leading_command_is_recognized_only_in_a_hint() -> None:
    text = "stackenv kernel foo not found in ~/.local"
    assert wrap(text, 30, unit=UNIT) == "stackenv kernel foo not found\nin ~/.local"
    assert wrap(text, 30, unit=HINT_UNIT) == text


SAID = Path(__file__).parent / "golden/said"
# Words that occur before an option or a quoted name and are not programs.
PROSE = {"add", "choose", "in", "with", "without"}
PART = re.compile(r"(?<=[;:]) ")
PLACE = re.compile(r"\{(?:quote_word|shlex\.quote)\([^{}]*\)\}")
CALL = re.compile(r"([a-z][\w.-]*) (?:--?\w|')")


def test_commands_in_messages_are_recognized_up_to_the_prose_after_them() -> None:
    files = [path for path in SAID.glob("*.txt") if path.name not in ("modulefiles.txt", "help.txt")]
    lines = [line[2:] for path in files for line in path.read_text().splitlines()]
    texts = [PLACE.sub("'/a b'", line) for line in lines]
    seen = 0
    for text in (text for text in texts if not text.startswith("error: ")):
        for part in PART.split(text.removeprefix("hint: "))[not text.startswith("hint: ") :]:
            unit = HINT_UNIT.match(part)
            call = CALL.match(part)
            if call and call[1] not in PROSE:
                assert unit and len(unit[0]) > len(call[1]) + 2, part
            if unit and " " in unit[0] and part[0] != "`" and text.startswith("hint: "):
                seen += 1
                assert not re.search(r",? which | shows? | lists? .* (your|all)", unit[0]), part
    assert seen > 100


def test_wrapped_lines_keep_their_indentation_and_start_after_the_label() -> None:
    assert wrap("one:\n  two three", 12, 4) == "one:\n      two\n      three"


HOME_SHOWN = {
    "its environment /home/ann is gone": "its environment ~ is gone",
    "ls -ld /home/ann/a; rm `/home/ann/b`": "ls -ld ~/a; rm `~/b`",
    "/home/ann/.bashrc:1, /home/ann/c": "~/.bashrc:1, ~/c",
    # Not every shell expands ~ there, and pip does not expand it in a constraint.
    "cd '/home/ann/a b'; A=/home/ann/a": "cd '/home/ann/a b'; A=/home/ann/a",
    "[install] constraint = /home/ann/a": "[install] constraint = /home/ann/a",
    "/home/anna/a": "/home/anna/a",
}


@pytest.mark.parametrize("text", HOME_SHOWN)
def test_the_home_is_abbreviated_only_where_a_shell_expands_it(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert abbreviate_home(text) == HOME_SHOWN[text]
