"""Functions that return what `stackenv clean` finds."""

from __future__ import annotations

from typing import Any

from answers import read_result
from people import Person


def show(person: Person, **changes: str) -> list[dict[str, Any]]:
    return read_result(person.stackenv("clean", "--json", **changes).stdout)


def classes(person: Person) -> list[str]:
    return [item["category"] for item in show(person)]
