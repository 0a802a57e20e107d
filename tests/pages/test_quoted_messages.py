"""The messages in the columns "what you see" of the pages are messages that are really printed."""

from __future__ import annotations

import re

from built import CHECKOUT
from pages import DOCS

SAID = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((CHECKOUT / "tests/pure/golden/said").iterdir())
)
# Messages of other programs.
OTHERS = {
    "Python": ("ModuleNotFoundError: No module named 'numpy'",),
    "Lmod": ("Lmod has detected the following error: ... is not available",),
    "the system": ("Illegal instruction", "Disk quota exceeded"),
    "the shell": ("conda: command not found",),
    "conda": (
        "Run 'conda init' before 'conda activate'",
        "CondaError: Run 'conda init' before 'conda activate'",
        "CommandNotFoundError: Your shell has not been properly configured to use 'conda activate'",
    ),
    "mamba": ("'mamba' is running as a subprocess and can't modify the parent shell",),
    "Slurm": ("execve(): python: No such file or directory",),
}
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")


def list_quoted_messages(text: str) -> list[str]:
    """Return the code of two or more words in the columns "what you see" of the page `text`."""
    found, is_in_table = [], False
    for line in text.splitlines():
        if not line.startswith("|"):
            is_in_table = False
        elif line.startswith("| what you see |"):
            is_in_table = True
        elif is_in_table:
            found += [code.strip() for _, code in CODE.findall(line.split(" | ")[0])]
    return [code for code in found if " " in code]


def is_said(message: str) -> bool:
    """Return whether stackenv prints all parts of `message` around `...`; a word may fill a placeholder."""
    return all(
        re.search(
            "".join(
                rf"(?:{re.escape(token)}|\{{[^{{}}]*\}})" if token[:1].isalnum() else re.escape(token)
                for token in re.split(r"(\w[\w./-]*\w|\w)", part.strip())
            ),
            SAID,
        )
        for part in message.split("...")
    )


def test_every_quoted_message_exists_in_stackenv_or_a_listed_program() -> None:
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}
    quoted = {path.name: list_quoted_messages(text) for path, text in pages.items()}
    assert quoted["jobs.md"] and quoted["broken.md"]
    every = {message for messages in quoted.values() for message in messages}
    others = {message for messages in OTHERS.values() for message in messages}
    assert others <= every
    assert every - others, "no message of stackenv is quoted"
    assert [message for message in sorted(every - others) if not is_said(message)] == []


def test_an_outdated_quoted_message_is_detected() -> None:
    text = (
        "| what you see | what to do |\n|---|---|\n| `` a `b` is gone; hint: ...``, or `x` | `type this` |\n"
    )
    assert list_quoted_messages(text) == ["a `b` is gone; hint: ..."]
    assert is_said("this shell has no function `mamba`; hint: ...")
    assert not is_said("this shell has no conda function")
