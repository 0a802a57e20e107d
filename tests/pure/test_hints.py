"""Commands in hints are safe to paste, although others choose the names of files in shared folders."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import stackenv
from stackenv.errors import StackenvError
from stackenv.output import format_count
from stackenv.packing.tree import read_tree

SOURCES = sorted(Path(stackenv.__file__).parent.rglob("*.py"))
COMMAND = re.compile(r"(?:^|[^\w-])(?:rm|mv|touch|ls|df|du|chmod|cd|cp)(?: -\w+| [a-z]+[-+=]\w+)* $")
NOUNS = re.compile(
    r" (?:[a-z]+ )?(?:packages|files(?!, links)|programs|processes|faults|lines|environments|modules|users"
    r"|folders)\b"
)
# Values that the code has already quoted for sh.
QUOTED = {"adopt.py": {"old", "new"}, "remove.py": {"files"}}


def list_unquoted(text: str, quoted: set[str]) -> Iterator[str]:
    """Yield the values that an f-string of the Python code `text` puts after a command unquoted."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for before, value in zip(node.values, node.values[1:]):
            if not isinstance(before, ast.Constant) or not isinstance(value, ast.FormattedValue):
                continue
            words = ast.unparse(value.value)
            if (
                COMMAND.search(before.value)
                and not re.search(r"quote|shlex\.join", words)
                and words not in quoted
            ):
                yield f"{node.lineno}: {before.value[-20:]}{{{words}}}"


def list_counted_by_hand(text: str) -> Iterator[str]:
    """Yield the numbers that an f-string of the Python code `text` puts before a noun in plural by itself."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, behind in zip(node.values, node.values[1:]):
            if not isinstance(value, ast.FormattedValue) or not isinstance(behind, ast.Constant):
                continue
            words = ast.unparse(value.value)
            number = re.search(r"\blen\(|count|number|files|inodes|entries|^lines$", words)
            if number and "format_count" not in words and NOUNS.match(behind.value):
                yield f"{node.lineno}: {{{words}}}{behind.value[:30]}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_counts_in_messages_are_formatted_by_format_count(source: Path) -> None:
    assert list(list_counted_by_hand(source.read_text())) == []


def test_the_search_for_counts_finds_only_those_without_format_count() -> None:
    assert list(list_counted_by_hand('f"{len(scripts)} programs"')) != []
    assert list(list_counted_by_hand("f\"{format_count(len(scripts), 'program')} in\"")) == []


def test_format_count_uses_the_singular_for_one_only() -> None:
    counted = [format_count(number, "process", "processes") for number in (0, 1, 2)]
    assert counted == ["0 processes", "1 process", "2 processes"]
    assert [format_count(number, "file") for number in (1, 1000)] == ["1 file", "1,000 files"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_values_after_a_command_in_a_message_are_quoted(source: Path) -> None:
    assert list(list_unquoted(source.read_text(), QUOTED.get(source.name, set()))) == []


def test_the_search_for_unquoted_values_finds_only_unquoted_values() -> None:
    assert list(list_unquoted('f"look: ls -ld {path.parent}; rm -r {x}"', set())) != []
    assert list(list_unquoted('f"rm -r {shlex.quote(path)}; {path} is full"', set())) == []


def test_a_file_name_with_shell_syntax_is_quoted_in_the_hint(tmp_path: Path) -> None:
    odd = tmp_path / "x; touch y"
    os.mkfifo(odd)
    with pytest.raises(StackenvError) as caught:
        read_tree(tmp_path)
    assert shlex.split(caught.value.hint)[-2:] == ["rm", str(odd)]
