"""`rebuild` and `create --from`, killed at each step: the old environment is there, or the new one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from answers import read_result
from built import SITE_CONFIGURATION, BuiltModules
from killing import kill_at, kill_exactly_at, stop_at
from stacked import Stack
from trees import describe_tree
from users import User, make_user

SWITCH = "stays until `stackenv clean`"
# The beginnings of the steps, in their order; a test compares them with the output of a dry run.
VENV = (
    "check that it/1.0 has not changed meanwhile",
    "create the folder ",
    "create a venv with Python ",
    "set the import order",
    "install with pip: six",
    "write the record in ",
    "check that everything works",
    "point ",
)
CONDA = (
    "check that it/1.0 has not changed meanwhile",
    "create the folder ",
    "install with conda: ",
    "write into ",
    "capture its activation",
    "write the record in ",
    "check that everything works",
    "point ",
)
# Too fast for a kill that waits for their messages: the modules are loaded already.
QUICK = VENV[-3:-1]
# Without the first step, which every create has.
FROM = (*VENV[1:-1], "write the modulefile ")


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with the environment it/1.0 of the first generation, and its export in it.yaml."""
    owner = make_user(tmp_path_factory.mktemp("rebuild-interrupted"), one_stack)
    made = owner.stackenv("create", "it", "six", "-m", one_stack.bundle_module)
    assert made.returncode == 0, made.stderr
    file = owner.home.parent / "it.yaml"
    file.write_text(owner.stackenv("export", "it").stdout)
    return owner


@pytest.fixture(scope="module")
def conda_owner(
    tmp_path_factory: pytest.TempPathFactory, one_stack: Stack, built_modules: BuiltModules
) -> User:
    """Return a user with the conda environment it/1.0."""
    owner = make_user(tmp_path_factory.mktemp("rebuild-interrupted-conda"), one_stack)
    configuration = owner.home.parent / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION)
    owner.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
    made = owner.stackenv("create", "it", "--conda", "activating")
    assert made.returncode == 0, made.stderr
    return owner


def describe_home(user: User) -> dict[str, tuple[str, str]]:
    """Return the files of the home, except the caches of Python and conda."""
    found = describe_tree(user.home)
    own = ("__pycache__", ".conda", "conda/pkgs", ".cache")
    return {path: entry for path, entry in found.items() if not any(name in path for name in own)}


def require_all_steps(user: User, steps: tuple[str, ...], *arguments: str) -> None:
    """Fail unless `steps` are all the lines that a dry run of `stackenv ARGUMENTS` prints."""
    printed = user.stackenv(*arguments, "--dry-run").stdout.splitlines()
    assert len(printed) == len(steps), printed
    assert all(line.startswith(step) for line, step in zip(printed, steps)), printed


def require_whole(user: User, before: dict[str, tuple[str, str]], old: Path, variable: str) -> str:
    """Fail unless the next command leaves the old state or a complete new environment; return its prefix."""
    listed = user.stackenv("list", "--json")
    assert listed.returncode == 0, listed.stderr
    (entry,) = read_result(listed.stdout)
    loaded = user.run(f'module use ~/modules; module load it && echo "${variable}"; python -c "import six"')
    assert loaded.stdout.strip() == entry["environment"], loaded.stderr
    assert not list((user.modules / ".stackenv").iterdir())
    assert list((user.home.parent / "tmp").iterdir()) == []
    now = describe_home(user)
    record = old / "stackenv/record.json"
    if entry["environment"] == str(old):
        assert now == before
    else:
        assert json.loads(record.read_text())["replaced_by"] == entry["environment"]
    changed = ("modules/it/1.0.lua", str(record.relative_to(user.home)))
    assert {path: now.get(path) for path in before if path not in changed} == {
        path: before[path] for path in before if path not in changed
    }
    return entry["environment"]


def test_the_tested_steps_are_all_steps_of_rebuild_and_create_from(owner: User) -> None:
    require_all_steps(owner, VENV, "rebuild", "it", "-m", owner.stack.next_bundle_module)
    file = str(owner.home.parent / "it.yaml")
    require_all_steps(owner, FROM, "create", "again", "--from", file)


@pytest.mark.any_value("step", of=2)
@pytest.mark.parametrize("step", FROM)
def test_a_killed_create_from_leaves_nothing(owner: User, step: str) -> None:
    before = describe_home(owner)
    kill_at(owner, step, ("create", "again", "--from", str(owner.home.parent / "it.yaml")))
    listed = owner.stackenv("list", "--json")
    names = [entry["module"] for entry in read_result(listed.stdout)]
    if "again/1.0" in names:
        # The command was faster than the kill.
        assert owner.stackenv("remove", "again", "--yes").returncode == 0
    else:
        assert "was interrupted; its changes to again/1.0 were undone" in listed.stderr or (
            step == "create the folder "
        )
    assert describe_home(owner) == before


@pytest.mark.any_value("step", of=2)
@pytest.mark.parametrize("step", VENV[:-1])
def test_a_venv_rebuild_killed_before_the_switch_changes_nothing(owner: User, step: str) -> None:
    before, old = describe_home(owner), owner.home / "venvs/it-1.0"
    words = ("rebuild", "it", "-m", owner.stack.next_bundle_module)
    if step in QUICK:
        kill_exactly_at(owner, step, words)
    else:
        kill_at(owner, step, words, after_s=0.03)
    assert require_whole(owner, before, old, "VIRTUAL_ENV") == str(old)


def test_ctrl_c_undoes_a_rebuild_at_once(owner: User) -> None:
    before = describe_home(owner)
    status, words = stop_at(
        owner, "install with pip", ("rebuild", "it", "-m", owner.stack.next_bundle_module)
    )
    assert status == 130, words
    assert words.splitlines()[-1] == "error: interrupted by SIGINT; all changes were undone"
    assert describe_home(owner) == before


def test_a_venv_rebuild_killed_at_the_switch_is_finished_or_undone(owner: User) -> None:
    before, old = describe_home(owner), owner.home / "venvs/it-1.0"
    words = ("rebuild", "it", "-m", owner.stack.next_bundle_module)
    kill_at(owner, SWITCH, words)
    prefix = require_whole(owner, before, old, "VIRTUAL_ENV")
    if prefix == str(old):
        done = owner.stackenv(*words)
        assert done.returncode == 0, done.stderr
    assert not list((owner.home / "venvs/it-1.0-2/stackenv").glob("unfinished-*"))
    assert read_result(owner.stackenv("check", "it", "--json").stdout) == []
    (item,) = read_result(owner.stackenv("clean", "--json").stdout)
    assert (item["category"], item["paths"]) == ("old-rebuilds", [str(old)])


def test_the_tested_steps_are_all_steps_of_a_conda_rebuild(conda_owner: User) -> None:
    require_all_steps(conda_owner, CONDA, "rebuild", "it")


@pytest.mark.any_value("step", of=2)
@pytest.mark.parametrize("step", CONDA)
def test_a_killed_conda_rebuild_leaves_the_old_or_the_new_environment(conda_owner: User, step: str) -> None:
    before = describe_home(conda_owner)
    (entry,) = read_result(conda_owner.stackenv("list", "--json").stdout)
    old = Path(entry["environment"])
    if step in QUICK:
        kill_exactly_at(conda_owner, step, ("rebuild", "it"))
    else:
        kill_at(conda_owner, SWITCH if step == "point " else step, ("rebuild", "it"))
    now = require_whole(conda_owner, before, old, "CONDA_PREFIX")
    assert now == str(old) or step == "point "
