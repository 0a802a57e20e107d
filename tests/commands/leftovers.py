"""What `stackenv clean` finds, as the tests read it."""

from __future__ import annotations

import json
from typing import Any

from people import Person


def show(person: Person, **changes: str) -> list[dict[str, Any]]:
    return json.loads(person.stackenv("clean", "--json", **changes).stdout)


def classes(person: Person) -> list[str]:
    return [item["class"] for item in show(person)]
