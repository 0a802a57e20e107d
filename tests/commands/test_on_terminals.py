"""The output on terminals of several widths, with and without colour, and in a pipe."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable

import pytest
from in_ci import fail_or_skip
from people import COMMAND, Person
from terminals import COMPINIT, SHELLS, Terminal, show

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
RED, YELLOW, CYAN, END = "\x1b[31m\x1b[1m", "\x1b[33m\x1b[1m", "\x1b[36m", "\x1b[0m"
# These commands only show something and change nothing.
LOOKS = {
    "check": ["check"],
    "list": ["list"],
    "usage": ["usage"],
    "kernel list": ["kernel", "list"],
    "info": ["info", "biopy"],
    "clean": ["clean", "--dry-run"],
    "site report": ["site", "report", "Bundle", "--root", "modules"],
}
SPACED = "spaced  out  environment"
# A single word, path, quotation or command: the only text that may be longer than a line.
WHOLE = re.compile(
    r"(?:\S|  )+|`[^`]+`\S*|'[^']+'\S*|(?:chmod|conda|jupyter|ls|ml|mv|rm|stackenv) (?:'[^']+'|[^;'])+;?"
)
# Everything up to the last line that a progress display erases.
ERASED = re.compile(r"(?s).*\x1b\[2K")


@pytest.fixture(scope="module")
def owner(new_person: Callable[[], Person]) -> Person:
    """Return a person whose account has findings of the levels broken, insecure and warning."""
    owner = new_person()
    owner.create("biopy", "tiny-own", "--description", "Biology of the sea")
    owner.create("open")
    (owner.home / "venvs/open-1.0").chmod(0o777)
    modulefile = owner.modules / "open/1.0.lua"
    modulefile.write_text(modulefile.read_text() + "-- by hand\n")
    # The name has double spaces, which would be visible if they were collapsed.
    owner.create("lost", "--path", str(owner.home / "venvs" / SPACED))
    shutil.rmtree(owner.home / "venvs" / SPACED)
    (owner.home / "venvs/left-over").mkdir()
    (owner.home / ".cache/pip/http").mkdir(parents=True)
    (owner.home / ".cache/pip/http/one").write_bytes(b"x" * 5000)
    return owner


def look(owner: Person, name: str, columns: int = 80, **changes: str) -> str:
    """Return what the command LOOKS[name] shows on a terminal, without what it erases again."""
    _, shown = show([COMMAND, *LOOKS[name]], {**owner.environ, **changes}, owner.home, columns)
    return ERASED.sub("", shown)


def test_findings_are_coloured_by_level_and_hints_are_coloured(owner: Person) -> None:
    shown = look(owner, "check")
    assert f"  {RED}broken:{END} its environment" in shown
    assert f"  {RED}insecure:{END} " in shown
    assert f"  {YELLOW}warning:{END} " in shown
    assert f"    {CYAN}hint:{END}  " in shown
    # Without colours, the words are the same.
    assert COLOUR.sub("", shown) == look(owner, "check", NO_COLOR="1")


def test_an_error_and_its_hint_are_coloured(owner: Person) -> None:
    status, shown = show([COMMAND, "info", "nothing"], owner.environ, owner.home)
    assert status and shown.startswith(f"{RED}error:{END} ") and f"\n\n{CYAN}hint:{END} " in shown
    status, shown = show([COMMAND, "info", "--nothing"], owner.environ, owner.home)
    assert status == 2 and shown.startswith(f"{RED}error:{END} no such option")
    assert "\n\nUsage: stackenv info [OPTIONS]" in shown and shown.endswith(" stackenv info --help\n")


@pytest.mark.parametrize("name", LOOKS)
def test_no_color_and_dumb_terminals_get_no_colour(owner: Person, name: str) -> None:
    assert not COLOUR.search(look(owner, name, NO_COLOR="1"))
    _, shown = show([COMMAND, *LOOKS[name]], {**owner.environ, "TERM": "dumb"}, owner.home)
    assert "\x1b" not in shown


@pytest.mark.parametrize("name", LOOKS)
def test_a_pipe_gets_no_escape_sequences_unless_force_color_is_set(owner: Person, name: str) -> None:
    done = owner.stackenv(*LOOKS[name], status=None)
    assert "\x1b" not in done.stdout + done.stderr
    demanded = owner.stackenv(*LOOKS[name], status=None, FORCE_COLOR="1")
    assert COLOUR.sub("", demanded.stdout) == done.stdout
    if name != "kernel list":
        assert demanded.stdout != done.stdout
    both = owner.stackenv(*LOOKS[name], status=None, FORCE_COLOR="1", NO_COLOR="1")
    assert both.stdout == done.stdout


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("name", LOOKS)
def test_lines_fit_each_terminal_width_and_no_name_is_cut(owner: Person, name: str, columns: int) -> None:
    shown = ESCAPE.sub("", look(owner, name, columns))
    for line in shown.splitlines():
        # A longer line has only a name, a path or a command after its label.
        words = re.sub(r"^ *(\w[\w ]*(:| {2,}))? *", "", line)
        assert len(line) <= columns or WHOLE.fullmatch(words), line
    piped = owner.stackenv(*LOOKS[name], status=None)
    home = f"{owner.home}/"
    missing = {word.replace(home, "~/") for word in (piped.stdout + piped.stderr).split()}
    missing -= {word.replace(home, "~/") for word in shown.split()}
    # A terminal leaves out a column in which all values are "-".
    missing -= {"-", *re.findall(r"\b[A-Z]+\b", piped.stdout.partition("\n")[0])}
    assert not missing, shown
    assert (SPACED in shown) == (SPACED in piped.stdout + piped.stderr), shown
    assert SPACED in shown or name not in ("check", "list")


def test_a_terminal_shows_the_home_as_a_tilde_and_a_pipe_full_paths(owner: Person) -> None:
    shown = ESCAPE.sub("", look(owner, "check"))
    assert "    where: ~/modules/lost/1.0.lua" in shown and f" {owner.home}" not in shown
    assert f"    where: {owner.home}/modules/lost/1.0.lua" in owner.stackenv("check", status=1).stdout


def test_lines_in_a_pipe_are_not_wrapped(owner: Person) -> None:
    lines = owner.stackenv("check", status=1).stdout.splitlines()
    assert max(map(len, lines)) > 120
    # Each line begins with its label; none is the rest of a wrapped one.
    assert all(re.match(r"\S.*:$|  \w+: |    (where|why|hint): |$", line) for line in lines)


@pytest.mark.parametrize("shell", SHELLS)
def test_errors_are_red_and_their_command_is_unbroken_in_each_shell(owner: Person, shell: str) -> None:
    if not shutil.which(shell):
        fail_or_skip(f"no {shell}")
    environ = {**owner.environ, "PATH": f"{os.path.dirname(COMMAND)}:{owner.environ['PATH']}"}  # noqa: PTH120
    terminal = Terminal(SHELLS[shell], {**environ, "TERM": "xterm-256color"}, owner.home, columns=60)
    try:
        terminal.type(COMPINIT if shell == "zsh" else "true")
        shown = terminal.type("stackenv create biopy -m Bundle/1")
        assert f"{RED}error:{END} " in shown and "stackenv remove biopy/1.0\r\n" in shown
        unset = "set -gx NO_COLOR 1" if shell == "fish" else "export NO_COLOR=1"
        plain = terminal.type(f"{unset}; stackenv create biopy -m Bundle/1")
        assert "error: the module" in plain and RED not in plain
    finally:
        terminal.close()


def test_quiet_keeps_the_result_errors_and_questions(owner: Person) -> None:
    made = owner.stackenv("create", "quiet", "-m", "Bundle/1", "--quiet")
    assert (made.stdout, made.stderr) == ("ml use ~/modules; ml quiet\n", "")
    failed = owner.stackenv("create", "quiet", "-q", "-m", "Bundle/1", status=9)
    assert failed.stdout == "" and failed.stderr.startswith("error: ") and "\n\nhint: " in failed.stderr
    status, shown = show([COMMAND, "remove", "quiet", "-q"], owner.environ, owner.home, typed="n\n")
    # The question is preceded by what will be removed.
    assert status == 1 and "venvs/quiet-1.0" in shown.partition("Remove quiet/1.0? [y/N]: n")[0] != shown
    gone = owner.stackenv("remove", "quiet", "-q", "--yes")
    assert (gone.stdout, gone.stderr) == ("", "")


def test_quiet_cannot_be_combined_with_verbose(owner: Person) -> None:
    done = owner.stackenv("create", "both", "-q", "-v", status=2)
    assert done.stderr.startswith("error: `--quiet` cannot be combined with `--verbose`")


def test_long_commands_end_with_a_line_that_says_what_was_done(person: Person) -> None:
    steps = {
        (
            "create",
            "one",
            "tiny-own",
            "-m",
            "Bundle/1",
        ): r"Created one/1.0 \(1 package\) on Bundle/1, in ",
        ("rename", "one", "two"): "Renamed one/1.0 to two/1.0; ",
        ("rebuild", "two"): r"Rebuilt two/1.0 \(1 package\) on Bundle/1, in ",
        ("clean", "--yes"): "Removed [0-9.]+ .?B, [0-9,]+ files",
        ("remove", "two", "--yes"): "Removed two/1.0",
    }
    for words, last in steps.items():
        done = person.stackenv(*words)
        assert re.match(last, done.stderr.splitlines()[-1]), done.stderr


def test_a_terminal_keeps_the_results_and_repeats_no_line(person: Person) -> None:
    def lines_of(*words: str, typed: str = "") -> list[str]:
        status, shown = show([COMMAND, *words], person.environ, person.home, 200, typed)
        assert status == 0, shown
        kept = (ERASED.sub("", line) for line in shown.splitlines())
        return [ESCAPE.sub("", line).strip() for line in kept if ESCAPE.sub("", line).strip()]

    made = lines_of("create", "one", "-m", "Bundle/1")
    assert made[-1] == "ml use ~/modules; ml one"
    assert not [line for line in made if line.startswith("write the modulefile")], made
    assert [line for line in made if line.startswith("Created one/1.0 ")]
    assert (
        f"write the modulefile {person.modules}/two/1.0.lua"
        in person.stackenv("create", "two", "-m", "Bundle/1").stderr
    )
    modulefile = person.modules / "one/1.0.lua"
    modulefile.write_text(modulefile.read_text() + "-- by hand\n")
    rebuilt = lines_of("rebuild", "one")
    assert not [line for line in rebuilt if line.startswith("point ")], rebuilt
    # A modulefile that was edited by hand is still reported.
    assert [line for line in rebuilt if line.startswith("keep ") and "by hand" in line], rebuilt
    removed = lines_of("remove", "one", typed="y\n")
    assert len([line for line in removed if line.startswith("remove the modulefile ")]) == 1, removed
    assert len(removed) == len(set(removed)) and removed[-1] == "Removed one/1.0"
    cleaned = lines_of("clean", typed="y\n")
    assert len([line for line in cleaned if line.startswith("delete the environment ")]) <= 1, cleaned
    assert len(cleaned) == len(set(cleaned))
