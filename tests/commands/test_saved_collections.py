"""Collections saved by Lmod: commands name those that a change breaks, and their hints save them again."""

from __future__ import annotations

from pathlib import Path

import pytest
from people import Person

from stackenv.lmod.collections import list_collections

LISTED = "module --terse list 2>&1; exit $status"


def save(person: Person, load: str, name: str, **changes: str) -> None:
    """Load modules in a fresh shell and save them as a collection."""
    done = person.shell(f"module load {load} && module save {name}", **changes)
    assert done.returncode == 0, done.stderr


def restore(person: Person, name: str, **changes: str) -> tuple[int, list[str]]:
    """Restore a collection in a fresh shell; return the status and the modules that are then loaded."""
    done = person.shell(f"module restore {name} 2>/dev/null; status=$?; {LISTED}", **changes)
    return done.returncode, done.stdout.split()


def read_advice(told: str) -> dict[str, str]:
    """Return the suggested command for each collection that the output of a command names."""
    lines = [line for line in told.splitlines() if "`module restore " in line]
    return {line.split("`")[1]: line.partition("to save the collection again: ")[2] for line in lines}


def obey(person: Person, command: str, **changes: str) -> None:
    """Run `command` in a fresh shell without the person's own modules on MODULEPATH."""
    done = person.shell(f'module unuse "$HOME/modules"\n{command}', **changes)
    assert done.returncode == 0, done.stderr


def test_a_rebuild_on_other_modules_says_how_to_save_each_collection_again(person: Person) -> None:
    person.create("it")
    person.create("other")
    save(person, "it", "mine")
    save(person, "Extra/1 it/1.0", "default")
    save(person, "Bundle/1 it", "more")
    save(person, "other", "others")
    assert read_advice(person.stackenv("rebuild", "it").stderr) == {}
    assert restore(person, "mine")[0] == 0
    advice = read_advice(person.stackenv("rebuild", "it", "-m", "Bundle/2").stderr)
    assert list(advice) == [f"module restore {name}" for name in ("default", "mine", "more")]
    for name in ("default", "mine", "more"):
        # Lmod 8.6.19 refuses the whole collection; 8.7.60 loads the modules saved in it.
        status, loaded = restore(person, name)
        assert (status, loaded) == (1, ["No", "modules", "loaded"]) or "Bundle/1" in loaded
        obey(person, advice[f"module restore {name}"])
        status, loaded = restore(person, name)
        assert status == 0 and {"Bundle/2", "it/1.0"} <= set(loaded)
        assert ("Extra/1" in loaded) == (name == "default")
    assert restore(person, "others")[0] == 0


def test_an_edit_of_the_modules_says_how_to_save_each_collection_again(person: Person) -> None:
    person.create("it")
    save(person, "it", "mine")
    assert read_advice(person.stackenv("edit", "it", "--description", "mine").stderr) == {}
    advice = read_advice(person.stackenv("edit", "it", "-m", "Bundle/1", "-m", "Extra/1").stderr)
    obey(person, advice["module restore mine"])
    status, loaded = restore(person, "mine")
    assert status == 0 and {"Bundle/1", "Extra/1", "it/1.0"} <= set(loaded)


@pytest.mark.parametrize(
    ("words", "loaded"), [("rename it that", {"that/1.0", "Extra/1"}), ("remove it --yes", {"Extra/1"})]
)
def test_a_rename_or_removal_says_how_to_fix_each_collection(
    person: Person, words: str, loaded: set[str]
) -> None:
    person.create("it")
    save(person, "it", "alone")
    save(person, "it Extra", "more")
    advice = read_advice(person.stackenv(*words.split()).stderr)
    assert list(advice) == ["module restore alone", "module restore more"]
    for command in advice.values():
        obey(person, command)
    status, found = restore(person, "more")
    assert status == 0 and loaded <= set(found) and "it/1.0" not in found
    listed = person.shell("module --terse savelist 2>&1").stdout.split()
    assert listed == (["more"] if "remove" in words else ["alone", "more"])


def test_a_collection_of_one_lmod_system_is_reported_with_its_system(person: Person) -> None:
    person.create("it")
    save(person, "it", "mine", LMOD_SYSTEM_NAME="epyc")
    told = person.stackenv("rebuild", "it", "-m", "Bundle/2").stderr
    assert "`module restore mine` on epyc fails or restores the old it/1.0" in told
    obey(person, read_advice(told)["module restore mine"], LMOD_SYSTEM_NAME="epyc")
    assert restore(person, "mine", LMOD_SYSTEM_NAME="epyc")[0] == 0


def test_collections_are_read_from_the_two_folders_of_lmod_only(person: Person, tmp_path: Path) -> None:
    person.create("it")
    for name in ("mine", "later", "gone"):
        save(person, "it", name)
    person.shell("module disable gone")
    old, new = person.home / ".lmod.d", person.home / ".config/lmod"
    new.mkdir(parents=True, exist_ok=True)
    # Lmod 8.7 and later store collections in both folders or only in the second.
    (new / "mine").write_text((old / "mine").read_text())
    (old / "later").rename(new / "later")
    (old / "broken").write_text("_ModuleTable_ = os.exit(1)")
    (old / "large").write_text(" " * 2_000_000)
    (old / "pipe").mkdir()
    (old / ".cache").mkdir()
    (old / ".cache/spider").write_text((old / "mine").read_text())
    found = list_collections({"HOME": str(person.home)})
    assert [(item.name, [saved.typed for saved in item.modules][-1]) for item in found] == [
        ("later", "it"),
        ("mine", "it"),
    ]
