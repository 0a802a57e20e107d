"""docs/users/projects.md for the tests: the commands of its sections and table, and how they are run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from built import CHECKOUT
from users import User

PAGE = CHECKOUT / "docs/users/projects.md"
REFUSED = "# refused"
# Separates the outputs of two commands; no program prints it.
MARK = "\x1e"
SHOW = """\
show() {
    echo
    printf '%sMARK' "$1"
    for file in "$SITE"/numpy-*.dist-info/INSTALLER; do
        [ ! -e "$file" ] || echo $(cat "$file")
    done
    [ ! -e "$SITE/numpy" ] || printf '+ code'
    printf 'MARK'
}
"""


@dataclass(frozen=True)
class Ran:
    """A command of the page, its exit status and output, and which numpy the environment had afterwards.

    `numpy` is the INSTALLER of each numpy there, and `+ code` if there is more than metadata.
    """

    command: str
    status: int
    output: str
    numpy: str


def read_page() -> dict[str, list[str]]:
    """Return the commands of each section of the page, by title; blocks are indented by four spaces."""
    sections: dict[str, list[str]] = {}
    title = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        heading = re.fullmatch(r"#+ (.+)", line)
        title = heading.group(1) if heading else title
        if line.startswith("    "):
            sections.setdefault(title, []).append(line.strip())
    return sections


def read_rows() -> list[str]:
    """Return the commands in the first column of the page's table."""
    text = PAGE.read_text(encoding="utf-8").partition("## What does not work")[2]
    return re.findall(r"(?m)^\| `([^`]+)` \|", text)


def type_in(user: User, folder: Path, commands: Sequence[str], begin: str, **changes: str) -> list[Ran]:
    """Run `commands` after `begin` in one shell, in `folder`; return the outcome of each."""
    show = SHOW.replace("MARK", MARK)
    lines = [begin, f"cd {folder}", show, f"printf '{MARK}'"]
    for command in commands:
        lines += [command, "show $?"]
    done = user.run("exec 2>&1\n" + "\n".join(lines), **changes)
    _, *parts = done.stdout.split(MARK)
    # For each command: its output, which ends with its status; then which numpy is there.
    assert len(parts) == 2 * len(commands) + 1, done.stdout
    ran = []
    for command, output, numpy in zip(commands, parts[0::2], parts[1::2]):
        printed, _, status = output.rpartition("\n")
        ran.append(Ran(command, int(status), printed.strip("\n"), " ".join(numpy.split())))
    return ran


def assert_as_promised(ran: Sequence[Ran]) -> None:
    """Assert that only commands marked `# refused` failed, and that none installed a real numpy."""
    for one in ran:
        assert (one.status != 0) == (REFUSED in one.command), one
        assert one.numpy == "stackenv", one
