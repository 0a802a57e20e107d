"""`stackenv list`: the state that it shows for each module."""

from __future__ import annotations

from answers import read_result
from people import COMMAND, Person
from terminals import read_table


def read_states(person: Person) -> dict[str, str]:
    return {row[0]: row[2] for row in read_table(person.stackenv("list").stdout)}


def test_loaded_default_packed_and_broken_are_marked(person: Person) -> None:
    for version in ("1.0", "2.0"):
        person.create("two", "--version", version)
    person.create("lost")
    person.create("packed")
    assert set(read_states(person).values()) == {"-"}
    person.stackenv("edit", "two/2.0", "--default")
    person.stackenv("pack", "packed")
    (person.home / "venvs/lost-1.0/stackenv/record.json").write_text("{")
    assert read_states(person) == {
        "lost/1.0": "broken",
        "packed/1.0": "packed",
        "two/1.0": "-",
        "two/2.0": "default",
    }
    shown = person.shell(f"module load two; {COMMAND} list --json").stdout
    listed = {found["module"]: (found["loaded"], found["default"]) for found in read_result(shown)}
    assert (listed["two/2.0"], listed["two/1.0"]) == ((True, True), (False, False))
