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

from stackenv import __version__, errors, record
from stackenv.cli import answer, results, site_results
from stackenv.cli.main import stackenv
from stackenv.cli.options import EXIT_STATUS
from stackenv.configuration.site_file import SHIPPED_FILE
from stackenv.environments.info import ModuleInfo
from stackenv.environments.listing import ListedModule
from stackenv.health import finding, rules
from stackenv.jupyter.add import AddedKernel
from stackenv.jupyter.state import ListedKernel

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

The file is `/etc/stackenv/site.yaml`, or the file that the environment variable `STACKENV_SITE_CONFIG`
names. It must contain `version: 1`, and otherwise only what differs from the defaults on this page: a
mapping is merged with the default key by key, a list replaces it. `stackenv site config --init` starts a
file, `stackenv site check` checks it, and `stackenv site config` prints the configuration in use.
"""
RECORD = """\
# The record

The file `stackenv/record.json` in an environment contains all that stackenv knows about it. A newer stackenv
reads the records of all older versions, but not the other way round. `stackenv export` prints the record as
YAML.

"""
JSON = """\
# JSON

With `--json` these commands print one JSON object on stdout, and nothing else. Messages for people go to
stderr. Commands that print a file (`export`, `job`, `site config`, `site render`), a path (`site hooks`) or
what another program prints (`run`) do not have `--json`.

"""
ANSWER = """
The object has the same keys for each command:

"""
STABLE = """
The exit status is the same as without `--json`. If a command is interrupted, stdout has either this object,
with an `error.status` above 128, or nothing.

`format_version` is {}. It is raised when a key is removed or renamed, or when its meaning changes. New keys
can be added without a new version, so ignore the keys that you do not know.

In all results, `module` is the full name of a module, `modulefile` its file, `environment` the
folder of its environment, and `modules` the modules that it is based on. Sizes are in bytes, times in ISO
8601 and UTC.

The object is plain ASCII. A byte of a path that is not UTF-8 becomes a lone surrogate, such as `\\udcff` for
`0xff`; in Python, `os.fsencode` turns it back into bytes.

## Example

`stackenv list --json`:

"""
EXAMPLE = """\
{{
  "format_version": {},
  "stackenv_version": "{}",
  "command": "list",
  "result": [
    {{
      "module": "biopy/1.0",
      "modulefile": "/home/you/modules/biopy/1.0.lua",
      "environment": "/home/you/venvs/biopy-1.0",
      "loaded": false,
      "default": false,
      "kind": "venv",
      "packed": false,
      "python_version": "3.11.3",
      "modules": [
        "SciPy-bundle/2023.07-gfbf-2023a"
      ],
      "description": "Biology",
      "problem": "",
      "hint": ""
    }}
  ],
  "error": null
}}
"""
SCRIPT = """
In a script, the environments that are broken:

    stackenv list --json | jq -r '.result[] | select(.problem != "") | .module'
"""
PLANNED = """
## With --dry-run

With `--dry-run`, {} print an object with one key as `result`, as below. `clean`, `edit`, `remove` and
`update` print the same list as without it.

"""
GRAVE = """
With a problem of the level {}, the exit status is 1.
"""
# What is in `result`; those of PLANNING print a Plan with --dry-run.
RESULTS: dict[str, tuple[type, bool]] = {
    "adopt": (results.AdoptedEnvironment, False),
    "check": (results.ReportedProblem, True),
    "clean": (results.RemovableItem, True),
    "create": (results.CreatedEnvironment, False),
    "edit": (results.EditedModule, True),
    "info": (ModuleInfo, False),
    "kernel add": (AddedKernel, False),
    "kernel list": (ListedKernel, True),
    "kernel remove": (results.RemovedKernel, False),
    "list": (ListedModule, True),
    "pack": (results.PackedEnvironment, False),
    "rebuild": (results.RebuiltEnvironment, False),
    "remove": (results.RemovedModule, True),
    "rename": (results.RenamedModule, False),
    "site check": (site_results.CheckedConfiguration, False),
    "site install": (site_results.InstalledModule, False),
    "site report": (site_results.SiteReport, False),
    "site uninstall": (site_results.UninstalledModule, False),
    "unpack": (results.UnpackedEnvironment, False),
    "update": (results.UpdatedEnvironment, True),
    "usage": (results.UsageResult, False),
}
PLANNING = (
    *("adopt", "create", "kernel add", "kernel remove", "pack", "rebuild", "rename", "site install"),
    *("site uninstall", "unpack"),
)
TYPES = {"str": "text", "int": "number", "bool": "true or false", "Any": "anything"}
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


def describe_type(kind: type, annotation: str) -> tuple[str, type | None]:
    """Return the JSON type of a field of the dataclass `kind`, and the dataclass that is in it, if any."""
    bare = annotation.removesuffix(" | None").removeprefix("tuple[").removesuffix(", ...]")
    inner = getattr(inspect.getmodule(kind), bare, None)
    word = TYPES.get(bare, "object" if dataclasses.is_dataclass(inner) else "text")
    words = f"list of {word}s" if annotation.startswith("tuple[") else word
    words += " or null" if annotation.endswith(" | None") else ""
    return words, inner if word == "object" else None


def list_fields(kind: type, path: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, type and description of all that is in the dataclass `kind`, nested ones too."""
    said = {}
    for parent in filter(dataclasses.is_dataclass, kind.__mro__):
        said.update(read_parameters(parent.__doc__ or ""))
    for field in dataclasses.fields(kind):
        words, inner = describe_type(kind, str(field.type))
        yield f"{path}{field.name}", words, re.sub(r"\bNone\b", "null", said[field.name])
        if inner:
            yield from list_fields(inner, f"{path}{field.name}{'[]' if 'list' in words else ''}.")


def describe_fields(kind: type) -> str:
    """Return the table of all that is in the dataclass `kind`; what is described together is one row."""
    rows: dict[tuple[str, str], list[str]] = {}
    for path, words, said in list_fields(kind, ""):
        rows.setdefault((words, f"{path.rpartition('.')[0]}\n{said}"), []).append(f"`{path}`")
    return table(
        ("key", "type", "what it holds"),
        [(", ".join(keys), words, escape(said.partition("\n")[2])) for (words, said), keys in rows.items()],
    )


def describe_result(name: str) -> Iterator[str]:
    """Yield the section of what a command prints."""
    kind, is_list = RESULTS[name]
    about = escape((kind.__doc__ or "").partition("\n")[0])
    each = "a list, with an object for each:" if is_list else "an object:"
    yield f"\n## stackenv {name}\n\n`result` is {each} {about[:1].lower()}{about[1:]}\n\n"
    yield describe_fields(kind)


def render_json() -> str:
    commands = {
        name.partition(" ")[2]: command
        for name, command in walk(stackenv, "stackenv")
        if any("--json" in parameter.opts for parameter in command.params)
    }
    assert commands.keys() == RESULTS.keys(), "a command is missing in RESULTS"
    links = [f"- [`stackenv {name}`](#stackenv-{name.replace(' ', '-')})\n" for name in commands]
    grave = " or ".join(f"`{level}`" for level in sorted(finding.GRAVE))
    listed = {**rules.ENVIRONMENT_RULES, **rules.ACCOUNT_RULES}
    summary = [(f"`{name}`", summarise(rule)) for name, rule in listed.items()]
    sections = {name: "".join(describe_result(name)) for name in commands}
    sections["check"] += GRAVE.format(grave)
    version = answer.FORMAT_VERSION
    planning = f"{', '.join(f'`{name}`' for name in PLANNING[:-1])} and `{PLANNING[-1]}`"
    return "".join(
        (
            *(JSON, *links, ANSWER, describe_fields(answer.Answer)),
            *(STABLE.format(version), block(EXAMPLE.format(version, __version__))),
            *(SCRIPT, PLANNED.format(planning), describe_fields(answer.Plan)),
            *(*sections.values(), RULES, table(("rule", "what it reports"), summary)),
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
