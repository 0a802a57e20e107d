"""Reads the commands on a page of docs/, runs them, and compares their output with the page.

In a ```console block each line that begins with `$ ` is a command. The lines below it are its output, stdout
and stderr together; `...` stands for any text. A command without lines below it may print anything but must
succeed; with `# fails` at its end it must fail. In a ```sh block each line is a command. A ```bash block that
begins with `#!` is a job script, which tests/slurm submits. A block below a comment
<!-- not run: REASON --> is not run.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from built import CHECKOUT

DOCS = CHECKOUT / "docs"
BLOCK = re.compile(
    r"(?ms)(?:^ *<!-- not run: (?P<reason>[^\n]+) -->\n+)?^ *```(?P<kind>\w+)\n(?P<text>.*?)^ *```$"
)
TYPED = ("console", "sh")
FAILS = "  # fails"
# Separates the outputs of the commands; no program prints it.
MARK = "\x1e"
# Runs a script and returns its output, stdout and stderr together.
Run = Callable[[str], str]


@dataclass(frozen=True)
class Command:
    """A command of a page, and its expected output; None where the page shows no output."""

    typed: str
    printed: str | None

    @property
    def fails(self) -> bool:
        return self.typed.endswith(FAILS)


@dataclass(frozen=True)
class JobScript:
    """A Slurm job script on a page; `page` is the path of the page below docs/."""

    page: str
    text: str


def list_job_scripts() -> list[JobScript]:
    """Return the job scripts of all pages, without those that are marked as not run."""
    return [
        JobScript(str(page.relative_to(DOCS)), block["text"])
        for page in sorted(DOCS.rglob("*.md"))
        for block in BLOCK.finditer(page.read_text(encoding="utf-8"))
        if block["kind"] == "bash" and block["text"].startswith("#!") and not block["reason"]
    ]


def list_pages() -> list[str]:
    """Return the paths below docs/ of the pages that have command blocks."""
    return [
        str(page.relative_to(DOCS))
        for page in sorted(DOCS.rglob("*.md"))
        if any(block["kind"] in TYPED for block in BLOCK.finditer(page.read_text(encoding="utf-8")))
    ]


def read_commands(page: str) -> list[Command]:
    """Return the commands of `page` in their order, without the blocks that are marked as not run."""
    return [
        command
        for block in BLOCK.finditer((DOCS / page).read_text(encoding="utf-8"))
        if block["kind"] in TYPED and not block["reason"]
        for command in read_block(block["kind"], textwrap.dedent(block["text"]))
    ]


def read_block(kind: str, text: str) -> Iterator[Command]:
    """Yield the commands of a block; a line that ends in a backslash continues on the next line."""
    if kind == "sh":
        for line in text.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                yield Command(line, None)
        return
    for part in re.split(r"(?m)^\$ ", text)[1:]:
        typed, _, printed = re.sub(r"\\\n> ", "", part).partition("\n")
        yield Command(typed, printed.strip("\n") or None)


def type_in(commands: list[Command], run: Run, begin: str = "") -> list[str]:
    """Run `commands` in one shell, after `begin`; return those whose result differs from the page."""
    lines = [begin, f"printf '{MARK}'"]
    for command in commands:
        lines += [command.typed, f"printf '{MARK}%s{MARK}' $?"]
    _, *parts = run("\n".join(lines)).split(MARK)
    assert len(parts) == 2 * len(commands) + 1, parts
    wrong = []
    for command, printed, status in zip(commands, parts[0::2], parts[1::2]):
        if (status != "0") != command.fails or not matches(command.printed, printed.strip("\n")):
            wrong.append(f"$ {command.typed}\n{printed.rstrip()}\n[status {status}]")
    return wrong


def matches(wanted: str | None, printed: str) -> bool:
    if wanted is None:
        return True
    pattern = ".*".join(re.escape(part) for part in wanted.split("..."))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None
