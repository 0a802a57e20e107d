"""The pages of docs/reference agree with the commands, keys, fields, statuses and variables of the code."""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from stackenv.configuration.schema import KEYS_OF_SECTION, RESERVED_SECTIONS
from stackenv.record import Record

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "docs/reference"
VARIABLES = (FOLDER / "variables.md").read_text(encoding="utf-8")
SOURCES = ("src/stackenv", "modulefiles", "hooks", "bin", "easyconfigs")
# Not an environment variable; and two that occur only in conda's answers to questions of the hook.
NOT_READ = {"STACKENV_UUID", "STACKENV_ONE", "STACKENV_TWO"}


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", CHECKOUT / "docs/reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


def read_sources() -> Iterator[str]:
    for folder in SOURCES:
        for path in (CHECKOUT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".png":
                yield path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GENERATOR.PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == GENERATOR.render_page(name), "type: python docs/reference.py"


def test_each_key_of_the_schema_has_a_heading_and_an_explanation() -> None:
    page = (FOLDER / "configuration.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"(?m)^##+ ([a-z_.]+)\n\n[^\s#D]", page))
    # The keys of the items of a list are explained with the list.
    items = {"conda.storage", "limits", *(name for name in KEYS_OF_SECTION if name.startswith("caches."))}
    keys = {
        f"{section}.{key}".lstrip(".")
        for section, names in KEYS_OF_SECTION.items()
        if section not in items
        for key in names
    }
    assert explained == keys - set(RESERVED_SECTIONS)


def test_each_field_of_the_record_has_an_explanation() -> None:
    page = (FOLDER / "record.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"(?m)^\| `(\w+)` \| (.*) \|$", page.partition("\n## ")[0]))
    assert set(rows) == {"stackenv", "record_version", *(field.name for field in dataclasses.fields(Record))}
    assert "" not in rows.values()


def test_exactly_the_variables_of_stackenv_are_documented() -> None:
    found = {
        name for text in read_sources() for name in re.findall(r"(?<![A-Z_])STACKENV_[A-Z_]*[A-Z]", text)
    }
    found |= {
        name for text in read_sources() for name in re.findall(r"(?<![A-Z_])STACKENV_[A-Z_]+(?=_\W)", text)
    }
    named = {name for name in re.findall(r"`(STACKENV_[A-Z_]+)`", VARIABLES)}
    # Variables with a placeholder at their end.
    named = {re.sub(r"_(N|NAME)$", "", name) for name in named}
    assert found - NOT_READ - {"STACKENV_HIDDEN"} == named


def test_each_variable_that_the_commands_read_is_documented() -> None:
    read = {
        name
        for path in (CHECKOUT / "src/stackenv").rglob("*.py")
        for name in re.findall(r"environ(?:\.get\(|\[|\.pop\()\"([A-Z_a-z]+)\"", path.read_text())
    }
    patterns = re.findall(r"`([A-Z_a-z]+\*?)`", VARIABLES)
    assert {name for name in read if not any(fnmatch.fnmatchcase(name, p) for p in patterns)} == set()
    assert len(read) > 20
