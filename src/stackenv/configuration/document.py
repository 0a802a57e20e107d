"""A site configuration as data with the line of every key; YAML's freedoms that hide mistakes are errors.

PyYAML's constructor keeps no lines, takes the last of two equal keys without a word and expands
aliases; so the node graph is read here, and PyYAML converts only the scalars.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stackenv.configuration.faults import SHOWN_CHARACTERS, Fault, KeyPath, Place, file_error, shown
from stackenv.configuration.source import read_source

# A site configuration is 4 levels deep; conda's own configuration adds a few. Composing recurses: without a
# limit, a file of opening brackets ends in a RecursionError.
_DEPTH_LIMIT = 20

_TAG = "tag:yaml.org,2002:"
# YAML 1.1 gives << and = a meaning that PyYAML's safe scalars do not have; here they are text.
_TEXT_TAGS = (_TAG + "str", _TAG + "merge", _TAG + "value")


@dataclass
class Document:
    """What a site configuration says, before it is known to be right.

    Parameters
    ----------
    path
        The file.
    text
        Its characters.
    data
        The top mapping, of plain Python values.
    places
        The line of every key and list item.
    faults
        What is wrong with the file as YAML, whatever its keys mean.
    """

    path: Path
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def blame(self, key: KeyPath, line: int, problem: str) -> None:
        """Add a fault of this file.

        Parameters
        ----------
        key
            The key that is wrong.
        line
            Its line, counted from 1.
        problem
            What is wrong; what is allowed.
        """
        self.faults.append(Fault(Place(self.path, line), key, problem))


def read_document(path: Path) -> Document:
    """Read a site configuration.

    Parameters
    ----------
    path
        A regular file of UTF-8 text, at most 1 MiB.

    Returns
    -------
    Document
        The data with its lines, and faults such as a repeated key.

    Raises
    ------
    ConfigurationError
        The file cannot be read, is not YAML, or is not a mapping.
    """
    document = Document(path, read_source(path))
    root = _compose(document)
    if root is None:
        raise file_error(f"{path}:1: the file is empty; allowed: a mapping, with version: 1")
    value = _value(document, root, (), _line(root))
    if not isinstance(value, dict):
        problem = f"found {shown(value)}; allowed: a mapping, with version: 1"
        raise file_error(str(Fault(Place(path, _line(root)), (), problem)))
    document.data = value
    return document


class _Refused(yaml.MarkedYAMLError):
    """A part of YAML that a site configuration has no use for."""


class _Composer(yaml.SafeLoader):
    """PyYAML's composer without aliases, tags and deep nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        problem = ""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            problem = "anchors (&) and aliases (*) are not read; allowed: the value written out"
        elif getattr(event, "tag", None) is not None:
            problem = f"the tag {event.tag!r} is not read; allowed: values without a tag (!)"
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
        said = ", ".join(filter(None, (error.context, error.problem)))
        mark, problem = error.problem_mark, f"not YAML: {said}"
    except (ValueError, OverflowError):
        # PyYAML 6.0 gives the number in "\UFFFFFFFF" or %YAML to chr() or int() unchecked.
        mark, problem = None, "not YAML: a number out of range"
    finally:
        loader.dispose()
    mark = mark or loader.get_mark()
    raise file_error(f"{document.path}:{mark.line + 1}:{mark.column + 1}: {problem}")


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
            problem = f"the key {written[:SHOWN_CHARACTERS]!r} is read as a value that is not text"
            document.blame(key, line, f"{problem}; allowed: text, in quotes if need be")
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
        # Python converts a million digits in a minute, or refuses to (3.11), and no key wants them.
        if len(node.value) <= SHOWN_CHARACTERS:
            return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, OverflowError):
        # The patterns of YAML 1.1 also match 0x_ and 0b_.
        pass
    document.blame(key, line, f"{shown(node.value)} is not a number; allowed: text in quotes")
    return node.value


def _refuse_control_characters(document: Document, text: str, key: KeyPath, line: int) -> None:
    # Cc: control, Cs: half a character, Zl and Zp: ends of lines. Values become lines of Lua,
    # shell and condarc, and none of these can hold one of them as it is.
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            name = f"control character U+{ord(character):04X}"
            what = "line break" if character in "\n\r" else name
            problem = f"{shown(text)} contains a {what}; allowed: one line of printable text"
            document.blame(key, line, problem)
            return
