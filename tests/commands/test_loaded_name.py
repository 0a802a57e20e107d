"""Commands without the name of an environment, in a shell that has loaded its module."""

from __future__ import annotations

import pytest
from people import COMMAND, Person

WORDS = {
    "info": "{name}",
    "export": "{name} --format requirements",
    "job": "{name} --time 5 -- python -V",
    "run": "{name} -- python -c 'import sys; print(sys.prefix)'",
    "edit": "{name} --description Changed --dry-run",
    "kernel add": "{name} --dry-run",
}


@pytest.mark.parametrize("command", list(WORDS))
def test_the_default_is_the_loaded_environment(owner: Person, command: str) -> None:
    load = "module load biopy || exit 99\n"
    named, left = (
        owner.shell(f"{load}{COMMAND} {command} {WORDS[command].format(name=name)}")
        for name in ("biopy/1.0", "")
    )
    assert (left.returncode, left.stdout) == (named.returncode, named.stdout)
    told = "changing biopy/1.0, the loaded environment\n" if command == "edit" else ""
    assert left.stderr == told + named.stderr
    without = owner.shell(f"{COMMAND} {command} {WORDS[command].format(name='')}")
    assert (without.returncode, without.stdout) == (2, "")
    assert without.stderr.startswith("error: the name of the environment is missing\n\nhint: ")


@pytest.mark.parametrize("command", ["remove --yes", "rename", "pack", "unpack", "rebuild --dry-run"])
def test_commands_that_remove_move_or_rebuild_require_a_name(owner: Person, command: str) -> None:
    before = owner.tree()
    done = owner.shell(f"module load biopy || exit 99\n{COMMAND} {command}")
    assert done.returncode == 2 and "missing argument" in done.stderr
    assert owner.tree() == before


def test_a_loaded_project_environment_is_not_mistaken_for_ones_own(owner: Person) -> None:
    project = owner.home / "project"
    project.mkdir()
    project.chmod(0o2770)
    owner.stackenv("create", "biopy", "-m", "Bundle/1", "--shared", str(project))
    load = f"module use {project}/modules; module load biopy || exit 99\n"
    for words in ("info", "run -- python -V", "job -- python -V", "edit --description x"):
        done = owner.shell(f"{load}{COMMAND} {words}")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"the loaded module biopy/1.0 is in {project}/modules" in done.stderr
        assert f"biopy/1.0 --shared {project}" in done.stderr
    command, _, rest = "run -- python -c 'import sys; print(sys.prefix)'".partition(" ")
    done = owner.shell(f"{load}{COMMAND} {command} --shared {project} {rest}")
    assert done.stdout == f"{project}/venvs/biopy-1.0\n", done.stderr
    done = owner.shell(f"{load}{COMMAND} info --shared {project}")
    assert f"{project}/venvs/biopy-1.0" in done.stdout
    # The other way round: with one's own environment loaded, the project's is not meant.
    done = owner.shell(f"module load biopy || exit 99\n{COMMAND} edit --shared {project} --description x")
    assert done.returncode == 2 and f"is in {owner.modules}" in done.stderr


def test_an_empty_name_does_not_mean_the_loaded_environment(owner: Person) -> None:
    done = owner.shell(f"module load biopy || exit 99\n{COMMAND} info ''")
    assert done.returncode != 0 and done.stdout == ""


def test_a_program_in_place_of_the_name_gets_a_hint_with_dashes(owner: Person) -> None:
    done = owner.shell(f"module load biopy || exit 99\n{COMMAND} run python -c 'print(1)'")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no environment python; ")
    typed = done.stderr.rpartition("hint: ")[2].strip()
    assert typed == "stackenv run -- python -c 'print(1)'"
    done = owner.shell(f"module load biopy || exit 99\n{typed.replace('stackenv', COMMAND, 1)}")
    assert done.stdout == "1\n", done.stderr
    # Without a loaded environment, the program has nothing to run in.
    done = owner.shell(f"{COMMAND} run python -c 'print(1)'")
    assert done.returncode == 1 and "there is no module python" in done.stderr
