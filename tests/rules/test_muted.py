"""A rule of `stackenv check` that is muted for one environment, with a reason."""

from __future__ import annotations

from answers import read_result
from people import Person

REASON = "numpy 2 is meant, says Ana"


def test_a_muted_warning_is_hidden_and_its_reason_is_shown(person: Person) -> None:
    person.create("made", "tiny-stack==2.0", "--allow-shadow", "tiny-stack")
    person.stackenv("edit", "made", "--forbid-shadow", "tiny-stack")
    shown = person.stackenv("check", "made")
    assert "[shadows]" in shown.stdout
    dry = person.stackenv("edit", "made", "--mute", "shadows", "--reason", REASON, "--dry-run")
    assert f"mute shadows: {REASON}" in dry.stdout
    person.stackenv("edit", "made", "--mute", "shadows", "--reason", REASON)
    shown = person.stackenv("check", "made")
    assert "[shadows]" not in shown.stdout
    assert f"muted in made/1.0: shadows ({REASON})" in shown.stderr
    (found,) = (
        f for f in read_result(person.stackenv("check", "made", "--json").stdout) if f["rule"] == "shadows"
    )
    assert found["muted_reason"] == REASON
    assert f"shadows ({REASON})" in person.stackenv("info", "made").stdout
    # Only this environment mutes the rule, also after its record is written again.
    person.stackenv("edit", "made", "--refresh")
    (person.home / "venvs/made-1.0/stackenv/record.json").unlink()
    person.stackenv("edit", "made", "--refresh")
    assert read_result(person.stackenv("info", "made", "--json").stdout)["muted"] == [
        {"rule": "shadows", "reason": REASON}
    ]
    person.stackenv("edit", "made", "--unmute", "shadows")
    assert "[shadows]" in person.stackenv("check", "made").stdout


def test_a_broken_environment_is_reported_despite_a_muted_rule(person: Person) -> None:
    place = person.create("made")
    person.stackenv("edit", "made", "--mute", "managed-files", "--reason", "x")
    (place / "stackenv/constraints.txt").unlink()
    shown = person.stackenv("check", "made", status=1)
    assert "[managed-files]" in shown.stdout


def test_invalid_mute_options_are_refused(person: Person) -> None:
    person.create("made")
    for words, told in (
        (("--mute", "shadow", "--reason", "x"), "did you mean: shadows; rules for environments: "),
        (("--mute", "shadows"), "--mute and --reason require each other"),
        (("--mute", "shadows", "--reason", " "), "--mute and --reason require each other"),
        (("--reason", "x", "--description", "y"), "--mute and --reason require each other"),
        (("--unmute", "shadows"), "shadows is not muted in made/1.0"),
        (("--refresh", "--all", "--mute", "shadows", "--reason", "x"), "--all"),
    ):
        name = () if "--all" in words else ("made",)
        assert told in person.stackenv("edit", *name, *words, status=2).stderr
