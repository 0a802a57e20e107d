"""Runs of `stackenv check` in the account of a person of tests/commands."""

from __future__ import annotations

from pathlib import Path

from answers import read_result
from people import MINOR, Person

SITE = f"lib/python{MINOR}/site-packages"


def check(person: Person, *names: str, **changes: str) -> list[dict[str, str]]:
    """Return the findings of all rules in the account and all environments, or in the named one."""
    return read_result(person.stackenv("check", *names, "--json", status=None, **changes).stdout)


def find(person: Person, rule: str, *names: str, **changes: str) -> list[dict[str, str]]:
    """Return the findings of `rule` in the account and all environments, or in the named one."""
    return [finding for finding in check(person, *names, **changes) if finding["rule"] == rule]


def take_one(found: list[dict[str, str]]) -> dict[str, str]:
    """Return the only finding in `found`; if there are none or several, fail and show them."""
    assert len(found) == 1, f"{len(found)} findings instead of 1: {found}"
    return found[0]


def find_one(person: Person, rule: str, **changes: str) -> dict[str, str]:
    """Return the only finding of `rule`, which must be about the account."""
    found = check(person, **changes)
    by_rule = [finding for finding in found if finding["rule"] == rule]
    assert len(by_rule) == 1, f"{rule} has {len(by_rule)} findings: {by_rule or found}"
    assert by_rule[0]["module"] == ""
    return by_rule[0]


def fix(person: Person, status: int = 0, **changes: str) -> str:
    """Fix everything that can be fixed; return the output."""
    done = person.stackenv("check", "--fix", "--yes", status=status, **changes)
    return done.stdout + done.stderr


def install(site: Path, name: str, version: str, *lines: str, files: str = "") -> None:
    """Write the metadata of a package, as pip does."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
    (info / "METADATA").write_text(f"{text}\n")
    (info / "INSTALLER").write_text("pip\n")
    (info / "RECORD").write_text(f"{info.name}/METADATA,,\n{files}")
