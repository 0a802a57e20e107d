"""All texts that stackenv shows to people, in golden files that can be read in one sitting.

    STACKENV_UPDATE_GOLDEN=1 python -m pytest tests/pure/test_said.py; git diff tests/pure/golden/said

`help.txt` has the help of each command as on a terminal of 80 columns. Each other file has the texts of one
folder of the sources: strings of two or more words that are not docstrings.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stackenv.cli.main import stackenv

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = CHECKOUT / "src/stackenv"
GOLDEN = Path(__file__).parent / "golden/said"
TOP = "top"
FOLDERS = [TOP, *sorted(path.name for path in SOURCES.iterdir() if path.is_dir() and any(path.glob("*.py")))]
# Two words with a space between them, one of which has three or more letters.
SENTENCE = re.compile(r"[^\W\d_]{3}.* .*[^\W\d_]|[^\W\d_].* .*[^\W\d_]{3}", re.DOTALL)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'')
# The labels of the arguments of a call, by the end of the name that is called.
LABELS = {
    "Error": ("error", "hint"),
    "Finding": ("", "", "finding", "where", "why", "hint"),
    "print_message": ("message",),
    "print_warning": ("warning", "hint"),
    "print_error": ("error", "hint"),
    "print_aside": ("message",),
    "confirm": ("question", "hint"),
}
# The beginning of each line but the first and empty ones.
INDENTED = re.compile(r"(?<=\n)(?=[^\n])")
COMMENT = re.compile(r"\s*(#|--|\{#)")


def list_sources(folder: str) -> list[Path]:
    """Return the Python sources of `folder`; those in no folder belong to TOP."""
    found = SOURCES.glob("*.py") if folder == TOP else (SOURCES / folder).rglob("*.py")
    return sorted(path for path in found if not path.is_symlink())


def render_text(node: ast.expr) -> str:
    """Return the text of a string; values of an f-string are shown as expressions in braces."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.JoinedStr)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"  # type: ignore[attr-defined]
        for part in node.values
    )


def label_children(node: ast.AST, label: str) -> Iterator[tuple[ast.AST, str]]:
    """Yield the children of `node`, each with the label of the texts in it."""
    arguments: dict[ast.AST, str] = {}
    if isinstance(node, ast.Call):
        label = ""
        called = ast.unparse(node.func).rpartition(".")[2]
        kind = next((kind for kind in LABELS if called.endswith(kind)), "")
        arguments = dict(zip(node.args, LABELS.get(kind, ())))
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.keyword):
                yield child, child.arg if child.arg in ("help", "hint", "message") else ""
            elif isinstance(child, ast.AST):
                yield child, arguments.get(child, label)


def find_texts(node: ast.AST, label: str = "") -> Iterator[str]:
    """Yield the texts in `node`, each after its label, in the order of the file and without docstrings."""
    for child, its_label in label_children(node, label):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.JoinedStr) or (
            isinstance(child, ast.Constant) and isinstance(child.value, str)
        ):
            text = render_text(child)
            yield f"{its_label}: {text}" if its_label and SENTENCE.search(text) else text
        else:
            yield from find_texts(child, its_label)


def find_quoted(text: str) -> Iterator[str]:
    """Yield the quoted strings in the Lua or shell code `text`, without those in comments."""
    for line in text.splitlines():
        if not COMMENT.match(line):
            yield from (double or single for double, single in QUOTED.findall(line))


def read_texts(path: Path) -> Iterator[str]:
    """Yield all texts of the file `path` that may be sentences."""
    text = path.read_text(encoding="utf-8")
    is_python = path.suffix == ".py" or text.startswith(("#!/usr/bin/env python", "#!/usr/bin/python"))
    found = find_texts(ast.parse(text)) if is_python else find_quoted(text)
    yield from dict.fromkeys(filter(SENTENCE.search, found))


def render_folder(paths: list[Path], root: Path) -> str:
    """Return the texts of `paths`, each after a dash, under the names of their files."""
    parts = []
    for path in paths:
        texts = [
            # Pagers and git treat a file with a NUL as binary.
            f"- {text.strip()}".replace("\0", "\\0").replace("\n", "\n  ").replace("\n  \n", "\n\n")
            for text in read_texts(path)
        ]
        if texts:
            parts.append("\n".join([f"{path.relative_to(root)}:", *texts]))
    return "\n\n".join(parts) + "\n"


def list_commands(command: click.Command, name: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of `command` and of all its subcommands."""
    yield tuple(name.split())
    if isinstance(command, click.Group):
        for key in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), key)
            assert child is not None
            if not child.hidden:
                yield from list_commands(child, f"{name} {key}")


def render_help() -> str:
    """Return the help of all commands, one after another."""
    parts = []
    for _, *words in list_commands(stackenv, "stackenv"):
        shown = CliRunner().invoke(
            stackenv, [*words, "--help"], prog_name="stackenv", terminal_width=80, max_content_width=80
        )
        assert shown.exit_code == 0, shown.output
        parts.append(f"$ {' '.join(['stackenv', *words, '--help'])}\n{shown.output}")
    return "\n".join(parts)


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("STACKENV_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, __doc__


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_texts_of_a_source_folder_match_its_golden_file(folder: str) -> None:
    compare(f"{folder}.txt", render_folder(list_sources(folder), SOURCES))


def test_the_texts_of_modulefiles_match_their_golden_file() -> None:
    root = CHECKOUT / "modulefiles"
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()]
    texts = [path for path in paths if path.suffix not in (".png", ".svg", ".pyc")]
    compare("modulefiles.txt", render_folder(texts, root))


def test_the_help_of_all_commands_matches_its_golden_file() -> None:
    compare("help.txt", render_help())


def test_there_are_no_golden_files_of_missing_folders() -> None:
    names = {f"{name}.txt" for name in (*FOLDERS, "modulefiles", "help")}
    assert {path.name for path in GOLDEN.iterdir()} == names
