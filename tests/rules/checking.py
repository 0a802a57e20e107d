"""What `stackenv check` finds in the account of a person of tests/commands."""

from __future__ import annotations

import json

from people import Person


def find(person: Person, rule: str, **changes: str) -> list[dict[str, str]]:
    """Return what `rule` finds in the account."""
    found = json.loads(person.stackenv("check", "--json", status=None, **changes).stdout)
    return [finding for finding in found if finding["rule"] == rule]


def find_one(person: Person, rule: str, **changes: str) -> dict[str, str]:
    """Return the one finding of `rule`, of the account."""
    (finding,) = find(person, rule, **changes)
    assert finding["subject"] == "your account"
    return finding


def fix(person: Person, status: int = 0, **changes: str) -> str:
    """Fix all that can be fixed; return what was said."""
    done = person.stackenv("check", "--fix", "--yes", status=status, **changes)
    return done.stdout + done.stderr
