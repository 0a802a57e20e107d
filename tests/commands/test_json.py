"""What `--json` prints keeps its shape: scripts read it."""

from __future__ import annotations

import json
from typing import Any

from answers import read_result
from people import Person

from stackenv import __version__
from stackenv.cli.answer import Failure, describe_failure

ENVELOPE = ["format_version", "stackenv_version", "command", "result", "error"]
INFO = """
    module modulefile environment default kind description python modules packages pinned shadows
    allow_shadow platform carried stubs muted made_by owned problem hint
""".split()  # noqa: SIM905 (names read better as words)
LIST = ["module", "environment", "modulefile", "kind", "marks", "modules", "python", "description", "problem"]
CREATE = ["module", "modulefile", "environment", "modules", "packages", "use"]


def test_info(owner: Person) -> None:
    found = read_result(owner.stackenv("info", "biopy", "--json").stdout)
    assert list(found) == INFO
    assert list(found["python"]) == ["version", "executable", "module"]
    assert list(found["platform"]) == ["machine", "os", "cpu"]
    assert list(found["carried"]) == [
        "carries",
        "reason",
        "cpu",
        "any_cpu",
        "restarts",
        "by_script",
        "needs_modules",
    ]
    assert found["stubs"] == {"packages": ["tiny-stack"], "recorded": 1, "reason": ""}
    assert {tuple(package) for package in found["packages"]} == {("name", "version", "installer")}
    assert [list(package) for package in found["pinned"]] == [["name", "version", "module"]]


def test_info_of_a_broken_module_has_what_is_known_and_the_error(owner: Person) -> None:
    record = owner.home / "venvs/biopy-1.0/stackenv/record.json"
    record.rename(record.with_suffix(".aside"))
    try:
        done = owner.stackenv("info", "biopy", "--json", status=1)
    finally:
        record.with_suffix(".aside").rename(record)
    answer = json.loads(done.stdout)
    assert list(answer["result"]) == INFO
    assert answer["error"] == {
        "message": answer["result"]["problem"],
        "hint": answer["result"]["hint"],
        "status": 1,
    }
    assert answer["error"]["message"] in done.stderr


def test_info_of_an_environment_that_shadows(owner: Person) -> None:
    owner.create("shadowing", "tiny-stack==2.0", "--allow-shadow", "tiny-stack")
    found = read_result(owner.stackenv("info", "shadowing", "--json").stdout)
    assert list(found) == INFO
    assert [list(shadow) for shadow in found["shadows"]] == [["name", "version", "stack_version", "module"]]


def test_list(owner: Person) -> None:
    (found, *_) = read_result(owner.stackenv("list", "--json").stdout)
    assert list(found) == LIST


def test_create(owner: Person) -> None:
    done = owner.stackenv("create", "another", "-m", "Bundle/1", "--json")
    assert list(read_result(done.stdout)) == CREATE


def fail(person: Person, *words: str, status: int = 2) -> dict[str, Any]:
    """Return what a command prints that fails."""
    answer = json.loads(person.stackenv(*words, status=status).stdout)
    assert list(answer) == ENVELOPE
    assert (answer["format_version"], answer["stackenv_version"]) == (1, __version__)
    assert list(answer["error"]) == ["message", "hint", "status"]
    assert (answer["result"], answer["error"]["status"]) == (None, status)
    return answer


def test_an_error_is_in_the_answer_and_on_stderr(person: Person) -> None:
    answer = fail(person, "info", "nothing", "--json", status=1)
    done = person.stackenv("info", "nothing", "--json", status=1)
    assert done.stderr == f"error: {answer['error']['message']}\n\nhint: {answer['error']['hint']}\n"
    assert answer["command"] == "info"


def test_a_command_line_that_is_refused_is_answered_in_json_too(person: Person) -> None:
    for words in (
        ("kernel", "list", "--json", "--bogus"),
        ("kernel", "list", "--bogus", "--json"),
        ("kernel", "list", "too-much", "--json"),
    ):
        assert fail(person, *words)["command"] == "kernel list"
    # No name, and no environment is loaded.
    assert fail(person, "info", "--json")["command"] == "info"
    assert fail(person, "check", "--json", "--fix")["command"] == "check"


def test_without_json_stdout_has_nothing_of_an_error(person: Person) -> None:
    for words in (("info", "nothing"), ("run", "nothing", "--json")):
        assert person.stackenv(*words, status=1).stdout == ""
    for words in (("list", "--bogus"), ("bogus", "--json")):
        assert person.stackenv(*words, status=2).stdout == ""
    assert person.stackenv("list", "--json", "--help").stdout.startswith("Usage: stackenv list")


def test_what_the_system_refuses_is_said_as_on_stderr() -> None:
    error = PermissionError(13, "Permission denied", b"/project/a\xff")
    assert describe_failure(error) == Failure("/project/a\udcff: Permission denied", "", 1)
