"""The generated pages of docs/reference, from what stackenv itself has: click, the schema, docstrings.

`python docs/reference.py` writes them, in an environment with stackenv; tests/pure/test_reference.py fails
when they are out of date.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from stackenv import errors, record
from stackenv.cli import answer
from stackenv.cli.main import stackenv
from stackenv.cli.options import EXIT_STATUS
from stackenv.configuration.site_file import SHIPPED_FILE
from stackenv.health import finding, rules

FOLDER = Path(__file__).parent / "reference"
GENERATED = "<!-- Written by `python docs/reference.py`; do not edit. -->\n\n"
# What Markdown would take for its own, in texts that are written for a terminal.
MARKUP = re.compile(r"([\\*_<>\[\]|])")


def escape(text: str) -> str:
    """Return `text` as Markdown shows it; what is in backticks stays code."""
    parts = text.split("`")
    return "`".join(part if number % 2 else MARKUP.sub(r"\\\1", part) for number, part in enumerate(parts))


def code(text: str) -> str:
    """Return `text` as code in a cell of a table."""
    escaped = text.replace("|", r"\|")
    return f"`{escaped}`"


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table, its last line ended; empty without rows."""
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) if rows else ""


CONFIGURATION = """\
# Site configuration

The file is `/etc/stackenv/site.yaml`, or what `STACKENV_SITE_CONFIG` names. It says `version: 1`, and
beyond that only what differs from the defaults on this page: a mapping is merged with them key by key, a
list replaces them. `stackenv site config --init` begins one, `stackenv site check` checks it, and `stackenv
site config` prints the one in use.
"""
RECORD = """\
# The record

What is known of an environment is in the file `stackenv/record.json` in it. A later stackenv reads records
of older ones, never the other way round. `stackenv export` shows it as YAML.

"""
JSON = """\
# JSON

With `--json` these commands print one object on stdout, and nothing else. Messages for people go to stderr.

"""
ANSWER = """
Each command prints the same keys:

"""
FAILURE = """
`error` has the keys below. The exit status is the same as without `--json`. A command that is interrupted by
Ctrl-C prints nothing on stdout.

"""
VERSIONS = """
## Versions of the format

`format_version` is {}. It is raised when a key is removed or renamed, or when the meaning of its value
changes. New keys can be added without a new version, so ignore the keys that you do not know.
"""
FINDINGS = """
## Findings

`stackenv check --json` prints a list of findings. Those of the levels {} make the exit status 1.

"""
RULES = """
## Rules

The value of `rule`, and what `stackenv edit --mute` takes. `unchecked` is in the place of a rule that
failed.

"""
STATUSES = """\
# Exit statuses

`stackenv check` has status 1 when something is broken or open to others; warnings leave it at 0. `stackenv
run` has the status of the command that it runs.

"""
FIELDS = ("field", "what it holds")
RECORD_PARTS = (
    *(record.Package, record.Platform, record.Python, record.Carried, record.Stub, record.PackedImage),
)


def block(text: str) -> str:
    """Return a block of code, as it is."""
    return textwrap.indent(textwrap.dedent(text).strip("\n"), "    ") + "\n"


def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield each command that the help shows, by its full name."""
    yield name, command
    below = getattr(command, "commands", {})
    for word in sorted(below):
        if not below[word].hidden:
            yield from walk(below[word], f"{name} {word}")


def describe_help(text: str) -> Iterator[str]:
    """Yield the paragraphs of a command's help; one behind a backspace is an example."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b\n"):
            title, _, lines = paragraph[2:].partition("\n")
            yield f"{escape(title)}\n\n{block(lines)}" if lines else f"{escape(title)}\n"
        else:
            yield f"{escape(' '.join(paragraph.split()))}\n"


def describe_options(command: click.Command, name: str) -> str:
    """Return the table of the command's options, but --help, which each has."""
    context = click.Context(command, info_name=name)
    found = (p.get_help_record(context) for p in command.params if isinstance(p, click.Option))
    rows = [(code(words), escape(" ".join(text.split()))) for words, text in filter(None, found)]
    return table(("option", "what it does"), rows)


def render_commands() -> str:
    text = "# Commands\n\nEach command has `--help`; `stackenv --version` prints the version.\n"
    for name, command in walk(stackenv, "stackenv"):
        # With the settings of the whole command: a command keeps the help option of the first context that
        # asks.
        context = click.Context(command, **stackenv.context_settings)
        usage = [name, *command.collect_usage_pieces(context)]
        text += f"\n## {name}\n\n" + block(" ".join(usage)) + "\n"
        text += "\n".join(describe_help(command.help or ""))
        options = describe_options(command, name)
        text += f"\n{options}" if options else ""
    return text


def read_keys() -> Iterator[tuple[str, str, str]]:
    """Yield each key of the shipped site configuration: its name, its comment, its default in Markdown."""
    path: list[str] = []
    comment: list[str] = []
    lines = SHIPPED_FILE.read_text(encoding="utf-8").splitlines()
    while lines:
        line = lines.pop(0)
        key = re.fullmatch(r"( *)([a-z_]+):(.*)", line)
        if key:
            path = [*path[: len(key[1]) // 2], key[2]]
            items = list(take_items(lines, len(key[1])))
            del lines[: len(items)]
            default = block("\n".join(items)) if items else code(key[3].strip()) if key[3] else ""
            yield ".".join(path), "\n".join(comment), default
        comment = [*comment, line.strip()[1:].removeprefix(" ")] if line.lstrip().startswith("#") else []


def take_items(lines: list[str], indent: int) -> Iterator[str]:
    """Yield the first of `lines`, the items of a list that are indented by more than `indent`."""
    if lines and lines[0].lstrip().startswith("- "):
        for line in lines:
            if not line.startswith(" " * (indent + 1)):
                return
            yield line


def describe_comment(text: str) -> str:
    """Return a comment of the configuration as Markdown: what is indented in it is an example."""
    parts: list[tuple[bool, list[str]]] = []
    for line in text.splitlines():
        indented = line.startswith("  ")
        if not parts or parts[-1][0] != indented:
            parts.append((indented, []))
        parts[-1][1].append(line)
    return "\n".join(
        block("\n".join(lines)) if indented else f"{escape(' '.join(lines))}\n" for indented, lines in parts
    )


def render_configuration() -> str:
    text = CONFIGURATION
    for name, comment, value in read_keys():
        level = "###" if "." in name else "##"
        text += f"\n{level} {name}\n\n{describe_comment(comment)}"
        if value:
            text += f"\nDefault: {value}\n" if value.startswith("`") else f"\nDefault:\n\n{value}"
    return text


def read_parameters(docstring: str) -> dict[str, str]:
    """Return the section `Parameters` of a docstring, in one line each, by their names."""
    section = textwrap.dedent(docstring.partition("Parameters\n")[2].partition("\n")[2])
    found = re.findall(r"(?m)^([a-z_0-9, ]+)\n((?:    .+\n?)+)", section)
    return {name: " ".join(text.split()) for names, text in found for name in names.split(", ")}


def render_record() -> str:
    said = read_parameters(record.Record.__doc__ or "")
    rows = [
        ("`stackenv`", "The UUID by which stackenv knows its own."),
        ("`record_version`", f"{record.RECORD_VERSION}"),
        *((f"`{field.name}`", escape(said[field.name])) for field in dataclasses.fields(record.Record)),
    ]
    text = RECORD
    text += table(FIELDS, rows)
    for part in RECORD_PARTS:
        doc = part.__doc__ or ""
        names = [field.name for field in dataclasses.fields(part)]
        about = " ".join(doc.partition("Parameters")[0].split())
        text += f"\n## {part.__name__}\n\n{escape(about)}\n\n"
        parameters = read_parameters(doc)
        if parameters:
            text += table(FIELDS, [(f"`{name}`", escape(parameters[name])) for name in names])
        else:
            text += f"Fields: {', '.join(f'`{name}`' for name in names)}\n"
    return text


def render_exit_statuses() -> str:
    said = re.findall(r"(?:: |, )([\d, or]*\d) ([^,.]+)", EXIT_STATUS)
    kinds: dict[str, list[str]] = {}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.StackenvError):
            kinds.setdefault(str(kind.status), []).append(f"`{kind.__name__}`")
    rows = [(status, escape(words), ", ".join(kinds.get(status, []))) for status, words in said]
    return STATUSES + table(("status", "meaning", "raised in the sources as"), rows)


def describe_fields(kind: type) -> str:
    """Return the table of the fields of the dataclass `kind`."""
    said = read_parameters(kind.__doc__ or "")
    names = [field.name for field in dataclasses.fields(kind)]
    return table(("key", "what it holds"), [(f"`{name}`", escape(said[name])) for name in names])


def render_json() -> str:
    links = [
        f"- [`{name}`](commands.md#{name.replace(' ', '-')})\n"
        for name, command in walk(stackenv, "stackenv")
        if any("--json" in parameter.opts for parameter in command.params)
    ]
    grave = ", ".join(f"`{level}`" for level in sorted(finding.GRAVE))
    listed = {**rules.ENVIRONMENT_RULES, **rules.ACCOUNT_RULES}
    summary = [(f"`{name}`", summarise(rule)) for name, rule in listed.items()]
    return "".join(
        (
            *(JSON, *links, ANSWER, describe_fields(answer.Answer)),
            *(FAILURE, describe_fields(answer.Failure), VERSIONS.format(answer.FORMAT_VERSION)),
            *(FINDINGS.format(grave), describe_fields(finding.Finding)),
            *(RULES, table(("rule", "what it reports"), summary)),
        )
    )


def summarise(function: Any) -> str:
    """Return the first sentence of a rule's docstring, without the word that each begins with."""
    sentence = (function.__doc__ or "").partition("\n")[0].removeprefix("Yield ")
    return escape(sentence[:1].upper() + sentence[1:])


PAGES = {
    "commands.md": render_commands,
    "configuration.md": render_configuration,
    "exit-statuses.md": render_exit_statuses,
    "json.md": render_json,
    "record.md": render_record,
}


def render_page(name: str) -> str:
    """Return the text of the page `name` as it is to be now."""
    text = PAGES[name]()
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{GENERATED}{rest.lstrip()}"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for page in PAGES:
        (FOLDER / page).write_text(render_page(page), encoding="utf-8")
