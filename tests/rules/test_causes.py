"""Causes before effects: a fix that another fault would make fail is not tried before that is fixed."""

from __future__ import annotations

import pytest
from people import Person

from stackenv.environments.context import open_context
from stackenv.health.check import ACCOUNT, look
from stackenv.health.finding import Finding, MoveAside, RunCommand
from stackenv.health.fixing import Fixing


def test_a_declined_fix_is_asked_once_and_dependent_fixes_are_skipped(
    person: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    condarc = person.home / ".condarc"
    condarc.write_text("a: 1\na: 2\na: 3\n")
    for name in ("HOME", "STACKENV_SITE_CONFIG", "MODULEPATH"):
        monkeypatch.setenv(name, person.environ[name])
    asked: list[str] = []
    # Stands in for the question on a terminal; the answer is always no.
    fixing = Fixing(open_context(None), lambda _, finding: bool(asked.append(finding.where)))
    account = look(None, fixing.context)[0]
    assert [f.fix for f in account[1] if f.rule == "condarc"] == [
        (MoveAside(str(condarc), condarc.read_bytes(), f"{condarc}.moved-aside"),)
    ] * 2
    broken = Finding("missing-files", "broken", "gone", "", "", "", (RunCommand(("conda", "install")),))
    assert not fixing.fix_all([account, ("it/1.0", [broken])])
    assert asked == [f"{condarc}:2"]
    assert "it/1.0: gone" in capsys.readouterr().err and condarc.exists()


@pytest.mark.parametrize("dry_run", [True, False])
def test_conda_fixes_are_skipped_after_its_configuration_is_moved_aside(
    person: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], dry_run: bool
) -> None:
    condarc = person.home / ".condarc"
    condarc.write_text("channels: [mine\n")
    for name in ("HOME", "STACKENV_SITE_CONFIG", "MODULEPATH"):
        monkeypatch.setenv(name, person.environ[name])
    context = open_context(None)
    found = [f for f in look(None, context)[0][1] if f.rule == "condarc"]
    fix = Finding("missing-files", "broken", "gone", "", "", "", (RunCommand(("false", "conda", "install")),))
    groups = [(ACCOUNT, found), ("it/1.0", [fix])]
    assert not Fixing(context, lambda *_: True, dry_run).fix_all(groups)
    said = capsys.readouterr()
    moved = "would be" if dry_run else "was"
    assert f"skipped: conda's configuration {moved} moved aside; write a correct one, then run" in said.err
    assert "false conda" not in said.out + said.err
    assert condarc.exists() == dry_run
