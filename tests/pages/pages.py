"""The commands on a page of docs/, and what came of them when they were typed.

In a block ```console a line that begins with `$ ` is typed; what stands below it is what it prints on both
outputs, where `...` is for anything. A command with nothing below it may print what it likes, but must
succeed; with `# fails` behind it, it must fail. In a block ```sh each line is typed. A block ```bash that
begins with `#!` is a job script, which tests/slurm submits. A comment <!-- not run: REASON --> above a block
keeps it from being run.
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
# Between what commands have printed; no program prints it.
MARK = "\x1e"
# Runs a script and returns what it printed on both outputs.
Run = Callable[[str], str]


@dataclass(frozen=True)
class Command:
    """A command of a page, and the lines that it is to print; None where the page does not say."""

    typed: str
    printed: str | None

    @property
    def fails(self) -> bool:
        return self.typed.endswith(FAILS)


@dataclass(frozen=True)
class JobScript:
    """A script for Slurm on a page, by the page's path below docs/."""

    page: str
    text: str


def list_job_scripts() -> list[JobScript]:
    """Return the job scripts of all pages that are run."""
    return [
        JobScript(str(page.relative_to(DOCS)), block["text"])
        for page in sorted(DOCS.rglob("*.md"))
        for block in BLOCK.finditer(page.read_text(encoding="utf-8"))
        if block["kind"] == "bash" and block["text"].startswith("#!") and not block["reason"]
    ]


def list_pages() -> list[str]:
    """Return the pages that have blocks which are typed, by their paths below docs/."""
    return [
        str(page.relative_to(DOCS))
        for page in sorted(DOCS.rglob("*.md"))
        if any(block["kind"] in TYPED for block in BLOCK.finditer(page.read_text(encoding="utf-8")))
    ]


def read_commands(page: str) -> list[Command]:
    """Return the commands of `page` that are run, in their order."""
    return [
        command
        for block in BLOCK.finditer((DOCS / page).read_text(encoding="utf-8"))
        if block["kind"] in TYPED and not block["reason"]
        for command in read_block(block["kind"], textwrap.dedent(block["text"]))
    ]


def read_block(kind: str, text: str) -> Iterator[Command]:
    """Yield the commands of a block; a line that ends in a backslash goes on in the next."""
    if kind == "sh":
        for line in text.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                yield Command(line, None)
        return
    for part in re.split(r"(?m)^\$ ", text)[1:]:
        typed, _, printed = re.sub(r"\\\n> ", "", part).partition("\n")
        yield Command(typed, printed.strip("\n") or None)


def type_in(commands: list[Command], run: Run, begin: str = "") -> list[str]:
    """Type `commands` in one shell, behind `begin`; return what is not as its page says."""
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
