"""A site configuration as data with the line of every key; features of YAML that hide mistakes are errors.

PyYAML's constructor keeps no line numbers, silently takes the last of two equal keys, and expands aliases. So
the node graph is read here, and PyYAML converts only the scalars.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stackenv.configuration.faults import SHOWN_CHARACTERS, Fault, KeyPath, Place, shown
from stackenv.configuration.site_file import file_error
from stackenv.plain_files import SpecialFileError, open_file

SIZE_LIMIT_BYTES = 1024 * 1024
# The characters that YAML allows (PyYAML, Reader.NON_PRINTABLE), except those that end a line for PyYAML but
# not in editors (U+0085, U+2028, U+2029): the line numbers in errors would be wrong.
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_END = re.compile("\r\n|\n|\r")

# A site configuration has 4 levels, and conda's own configuration adds a few. The composer is recursive:
# without a limit, a file of opening brackets would end in a RecursionError.
_DEPTH_LIMIT = 20

_TAG = "tag:yaml.org,2002:"
# YAML 1.1 gives << and = a meaning that PyYAML's safe scalars do not support; here they are text.
_TEXT_TAGS = (_TAG + "str", _TAG + "merge", _TAG + "value")

# A word that contains a variable, in a list or mapping on one line.
_WORD_OF_VARIABLES = re.compile(r"[^\s,{}\[\]]*(?:\$\{\w*\}[^\s,{}\[\]$]*)+")

# conda accepts any comment that is "final" after ! and # are stripped
# (conda/common/configuration.py, ParameterFlag.from_string).
_FINAL_COMMENT = re.compile(r"#[#!\s]*final\b")
NEVER_FINAL = {
    "channels": "a plain `conda install -c X` would then have no effect",
    "channel": "it is another name for channels",
    "envs_dirs": "the module's and the user's CONDA_ENVS_PATH would then be ignored",
    "envs_path": "it is another name for envs_dirs",
    "pkgs_dirs": "the module's and the user's CONDA_PKGS_DIRS would then be ignored",
    "pkgs_path": "it is another name for pkgs_dirs",
}


@dataclass
class Document:
    """The contents of a site configuration, before they are checked.

    Parameters
    ----------
    path
        The file.
    text
        Its characters.
    data
        The top mapping, as plain Python values.
    places
        The line of every key and list item.
    faults
        The errors in the file as YAML, whatever its keys mean.
    """

    path: Path
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def blame(self, key: KeyPath, line: int, problem: str) -> None:
        """Add a fault of this file: the `key`, its `line`, and what is wrong and allowed."""
        self.faults.append(Fault(Place(self.path, line), key, problem))


def read_document(path: Path) -> Document:
    """Read a site configuration, a regular file of UTF-8 text of at most 1 MiB.

    Raises
    ------
    ConfigurationError
        The file cannot be read, is not YAML, or is not a mapping.
    """
    document = Document(path, _read_text(path))
    root = _compose(document)
    if root is None:
        raise file_error(f"{path}:1: the file is empty; allowed: a mapping, with version: 1")
    value = _value(document, root, (), _line(root))
    if not isinstance(value, dict):
        problem = f"found {shown(value)}; allowed: a mapping, with version: 1"
        raise file_error(str(Fault(Place(path, _line(root)), (), problem)))
    document.data = value
    return document


def _read_text(path: Path) -> str:
    content = _read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec removes a byte order mark before it counts, but a mark contains no line end.
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"the file is not UTF-8 ({error.reason}); allowed: UTF-8 text"
        raise file_error(f"{path}:{line}: {problem}") from error
    bad = _UNREADABLE.search(text)
    if bad:
        lines = _LINE_END.split(text[: bad.start()])
        raise file_error(
            f"{path}:{len(lines)}:{len(lines[-1]) + 1}: "
            f"control character U+{ord(bad.group()):04X}; allowed: printable text"
        )
    return text


def _read_bytes(path: Path) -> bytes:
    try:
        with open_file(path) as stream:
            content = stream.read(SIZE_LIMIT_BYTES + 1)
    except IsADirectoryError as error:
        raise file_error(f"{path}: this is a folder; allowed: a YAML file") from error
    except SpecialFileError as error:
        raise file_error(f"{path}: this is not a regular file; allowed: a YAML file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        reason = getattr(error, "strerror", None) or error
        raise file_error(f"{path}: cannot be read: {reason}") from error
    if len(content) > SIZE_LIMIT_BYTES:
        raise file_error(f"{path}: the file is too large; allowed: at most 1 MiB")
    return content


class _Refused(yaml.MarkedYAMLError):
    """A feature of YAML that is not supported in a site configuration."""


class _Composer(yaml.SafeLoader):
    """PyYAML's composer without aliases, tags and deep nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        problem = ""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            problem = "anchors (&) and aliases (*) are not supported; allowed: the value written out"
        elif getattr(event, "tag", None) is not None:
            problem = f"the tag {event.tag!r} is not supported; allowed: values without a tag (!)"
        elif self.depth >= _DEPTH_LIMIT:
            problem = f"nested too deep; allowed: {_DEPTH_LIMIT} levels"
        if problem:
            raise _Refused(problem=problem, problem_mark=event.start_mark)
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(document: Document) -> yaml.Node | None:
    loader = _Composer(document.text)
    try:
        return loader.get_single_node()
    except _Refused as error:
        mark, problem = error.problem_mark, str(error.problem)
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark, _unquoted_variable(document.text, error)
        if not problem:
            problem = "invalid YAML: " + ", ".join(filter(None, (error.context, error.problem)))
    except (ValueError, OverflowError):
        # PyYAML 6.0 passes the number in "\UFFFFFFFF" or %YAML to chr() or int() without a check.
        mark, problem = None, "invalid YAML: a number out of range"
    finally:
        loader.dispose()
    mark = mark or loader.get_mark()
    raise file_error(f"{document.path}:{mark.line + 1}:{mark.column + 1}: {problem}")


def _unquoted_variable(text: str, error: yaml.MarkedYAMLError) -> str:
    """Return the problem of ``{parent: ${WORKSPACE}}``, in which YAML reads the second brace as a mapping."""
    at = error.problem_mark.index if error.problem_mark else 0
    # The time of a search through a word grows with the square of its length.
    start = max(0, at - 200)
    found = _WORD_OF_VARIABLES.finditer(text, start, at + 200)
    word = next((match.group() for match in found if match.start() < at < match.end()), "")
    around = "[ ]" if "sequence" in (error.context or "") else "{ }"
    return f'put quotes around "{word}" inside {around}' if word else ""


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _value(document: Document, node: yaml.Node, key: KeyPath, line: int) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, key)
    if isinstance(node, yaml.SequenceNode):
        values = []
        for position, item in enumerate(node.value):
            item_key = (*key, position)
            document.places[item_key] = Place(document.path, _line(item))
            values.append(_value(document, item, item_key, _line(item)))
        return values
    return _scalar(document, node, key, line)


def _mapping(document: Document, node: yaml.MappingNode, key: KeyPath) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = _line(key_node)
        if key_node.tag not in _TEXT_TAGS:
            written = document.text[key_node.start_mark.index : key_node.end_mark.index]
            problem = f"YAML does not read the key {written[:SHOWN_CHARACTERS]!r} as text"
            document.blame(key, line, f"{problem}; allowed: text, in quotes if needed")
            continue
        name = str(key_node.value)
        value_key = (*key, name)
        if name in values:
            first = document.places[value_key].line
            document.blame(value_key, line, f"given twice, first on line {first}; allowed: once")
            continue
        document.places[value_key] = Place(document.path, line)
        _refuse_control_characters(document, name, value_key, line)
        values[name] = _value(document, value_node, value_key, line)
    return values


def _scalar(document: Document, node: yaml.Node, key: KeyPath, line: int) -> Any:
    if node.tag in _TEXT_TAGS:
        _refuse_control_characters(document, node.value, key, line)
        return node.value
    if node.tag == _TAG + "timestamp":
        document.blame(key, line, f"found the date {node.value}; allowed: a date in quotes")
        return node.value
    try:
        # Python takes a minute to convert a million digits, or refuses (3.11), and no key needs so many.
        if len(node.value) <= SHOWN_CHARACTERS:
            return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, OverflowError):
        # The patterns of YAML 1.1 also match 0x_ and 0b_.
        pass
    document.blame(key, line, f"{shown(node.value)} is not a number; allowed: text in quotes")
    return node.value


def _refuse_control_characters(document: Document, text: str, key: KeyPath, line: int) -> None:
    # Cc: control characters, Cs: half a character, Zl and Zp: line ends. Values are written to lines of Lua,
    # shell and condarc, which cannot contain any of them unescaped.
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            name = f"control character U+{ord(character):04X}"
            what = "line break" if character in "\n\r" else name
            problem = f"{shown(text)} contains a {what}; allowed: one line of printable text"
            document.blame(key, line, problem)
            return


def refuse_final_comments(document: Document) -> None:
    """Add a fault to `document` for each ``#!final`` after a key or value.

    Comments of the site configuration are not copied to conda's, so such a comment would have no effect, and
    on some keys it would be harmful if it had. Comments on their own lines are ignored.
    """
    keys_of_line = defaultdict(list)
    for key, place in document.places.items():
        keys_of_line[place.line].append(key)
    for line in _final_lines(document.text):
        key, never = _worst(keys_of_line[line])
        if never:
            problem = f"#!final on {never}: {NEVER_FINAL[never]}; allowed: no #!final here"
        else:
            problem = "#!final in a comment has no effect; allowed: the key's name in conda.final"
        document.blame(key, line, problem)


def _worst(keys: list[KeyPath]) -> tuple[KeyPath, str]:
    for key in keys:
        for step in reversed(key):
            if step in NEVER_FINAL:
                return key, str(step)
    return (keys[0] if keys else ()), ""


def _final_lines(text: str) -> Iterator[int]:
    if "final" not in text:
        return
    previous = None
    for token in yaml.scan(text):
        if previous is not None:
            # PyYAML drops comments, so anything between two tokens on one line is a comment.
            gap = text[previous.end_mark.index : token.start_mark.index]
            if _FINAL_COMMENT.match(re.split("[\r\n]", gap)[0].strip()):
                yield previous.end_mark.line + 1
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            # A comment after | or > is inside the token.
            header = re.split("[\r\n]", text[token.start_mark.index :], maxsplit=1)[0]
            if _FINAL_COMMENT.search(header):
                yield token.start_mark.line + 1
        previous = token
