"""`stackenv check`: its output, its exit statuses, and `--fix`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from findings import read_findings
from people import COMMAND, Person, make_person, make_site

from stackenv import STACKENV_UUID


def check(person: Person, *arguments: str, status: int = 0, **changes: str) -> list[dict[str, str]]:
    return read_findings(person.stackenv("check", *arguments, "--json", status=status, **changes).stdout)


def test_check_reports_no_problems(person: Person) -> None:
    person.create("biopy")
    done = person.stackenv("check", "biopy")
    assert done.stdout == "no problems found: 1 environment\n"
    assert person.stackenv("doctor", "biopy").stdout == done.stdout


@pytest.mark.parametrize("options", [["--yes"], ["--dry-run"]])
def test_fix_reports_no_problems_and_nothing_else(person: Person, options: list[str]) -> None:
    done = person.stackenv("check", "--fix", *options)
    assert (done.stdout, done.stderr) == ("no problems found: 0 environments and your account\n", "")


@pytest.mark.parametrize(("options", "status"), [(["--yes"], 1), (["--dry-run"], 0)])
def test_fix_shows_what_cannot_be_fixed_automatically(
    person: Person, options: list[str], status: int
) -> None:
    shutil.rmtree(person.create("alone"))
    found = check(person, status=1)
    assert found and not any(finding["fix_steps"] for finding in found)
    done = person.stackenv("check", "--fix", *options, status=status)
    shown = " ".join(done.stdout.split())
    assert all(finding["hint"] in shown for finding in found)
    assert done.stderr == "none of these can be fixed automatically; run the command shown under each\n"


def test_findings_are_in_the_order_of_the_environments(person: Person) -> None:
    # The environments are examined in parallel; none of their records exists.
    names = [f"{name}/1.0" for name in "abcdefg"]
    for number, name in enumerate(names):
        path = person.modules / f"{name}.lua"
        path.parent.mkdir(parents=True)
        record = person.home / f"gone{number}/stackenv/record.json"
        path.write_text(f"-- {STACKENV_UUID} stackenv\n-- record: {record}\n")
    (person.home / ".condarc").write_text("channels: [")
    found = check(person, status=1)
    assert list(dict.fromkeys(finding["module"] for finding in found)) == ["", *names]
    assert found == check(person, status=1)


def test_check_and_a_dry_run_of_fix_change_nothing(person: Person) -> None:
    person.create("biopy")
    modulefile = person.modules / "biopy/1.0.lua"
    modulefile.write_text(modulefile.read_text() + "-- by hand\n")
    before = person.tree()
    check(person)
    person.stackenv("check", "--fix", "--dry-run")
    assert person.tree() == before


def test_fix_rewrites_a_modulefile_changed_by_hand_and_keeps_a_copy(person: Person) -> None:
    person.create("biopy")
    modulefile = person.modules / "biopy/1.0.lua"
    as_written = modulefile.read_text()
    modulefile.write_text(as_written + "-- by hand\n")
    (found,) = check(person, "biopy")
    assert (found["rule"], found["level"]) == ("modulefile-changed", "warning")
    person.stackenv("check", "--fix", "--yes")
    assert modulefile.read_text() == as_written
    assert (person.modules / "biopy/1.0.lua.orig").read_text() == as_written + "-- by hand\n"
    assert check(person) == []


def test_missing_base_modules_are_reported_with_a_replacement(tmp_path: Path) -> None:
    person = make_person(tmp_path, make_site(tmp_path / "site"))
    person.create("biopy")
    Path(person.site.modulepath, "Bundle/1.lua").unlink()
    (found,) = check(person, status=1)
    assert (found["rule"], found["level"]) == ("modules-gone", "broken")
    assert "Bundle/1" in found["what"]
    assert found["hint"] == "stackenv rebuild biopy/1.0 -m Bundle/2"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("channels: [a\nb: 1\n", ":2"),
        ("- a list\n", ":1"),
        ("a: 'open\n", ":2"),
        ("a: 1\n# caf\xe9\n", ":2"),
        ("channels: [a]\nb: 1\nchannels: [c]\n", ":3"),
        ("x: 2024-99-99\n", ""),
        ("x: " + 3000 * "[", ""),
    ],
)
def test_an_invalid_condarc_is_reported_with_its_line_if_known(person: Person, text: str, line: str) -> None:
    condarc = person.home / ".condarc"
    condarc.write_text(text, encoding="latin-1")
    (found,) = check(person, status=1)
    assert (found["module"], found["rule"]) == ("", "condarc")
    assert found["where"] == f"{condarc}{line}"


def test_fix_changes_nothing_without_a_terminal_to_ask_on(person: Person) -> None:
    person.create("biopy")
    modulefile = person.modules / "biopy/1.0.lua"
    modulefile.write_text(modulefile.read_text() + "-- by hand\n")
    before = person.tree()
    done = person.stackenv("check", "--fix", status=2)
    assert "the input is not a terminal" in done.stderr
    assert person.tree() == before


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-"])
@pytest.mark.parametrize("words", ["check --fix", "remove biopy"])
def test_fix_and_remove_change_nothing_when_the_input_is_closed(
    person: Person, words: str, closed: str
) -> None:
    person.create("biopy")
    modulefile = person.modules / "biopy/1.0.lua"
    modulefile.write_text(modulefile.read_text() + "-- by hand\n")
    before = person.tree()
    done = person.shell(f"{COMMAND} {words} {closed}")
    assert done.returncode == 2 and "the input is not a terminal; nothing was changed" in done.stderr
    assert "Traceback" not in done.stderr
    assert person.tree() == before


def test_clean_with_closed_input_removes_nothing(person: Person) -> None:
    person.create("left")
    (person.modules / "left/1.0.lua").unlink()
    before = person.tree()
    done = person.shell(f"{COMMAND} clean <&-")
    assert done.returncode == 0 and "there is no terminal to ask on" in done.stderr
    assert person.tree() == before


@pytest.mark.parametrize(
    ("closed", "status", "said"),
    [(">&-", 1, "cannot write the output: Bad file descriptor"), ("2>&-", 0, "")],
)
def test_list_with_closed_stdout_or_stderr_shows_no_traceback(
    person: Person, closed: str, status: int, said: str
) -> None:
    done = person.shell(f"{COMMAND} list --json {closed}")
    assert done.returncode == status and said in done.stderr and "Traceback" not in done.stderr


def test_yes_without_fix_and_json_with_fix_are_refused(person: Person) -> None:
    assert "--fix" in person.stackenv("check", "--yes", status=2).stderr
    assert "--json" in person.stackenv("check", "--json", "--fix", status=2).stderr
