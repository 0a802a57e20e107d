"""The module of a conda environment and the module of conda: loaded and unloaded in any order."""

from __future__ import annotations

from pathlib import Path

import pytest
from built import BuiltModules
from condas import CONDA, LIST, make_conda_user
from session import Session
from shell_sessions import Dialect, changed, open_session
from stacked import Stack
from users import User

pytestmark = [pytest.mark.some_shells, pytest.mark.both_activations]

UNLOAD_CONDA = "module unload Anaconda3"


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack, built_modules: BuiltModules) -> User:
    """Return a user with the modules one and two of conda environments."""
    return make_conda_user(tmp_path_factory.mktemp("contract"), one_stack, built_modules)


@pytest.fixture
def session(dialect: Dialect, tmp_path: Path, owner: User) -> Session:
    return open_session(dialect, tmp_path, owner.environ, owner.modules, owner.environ["MODULEPATH"])


def environment_of(owner: User, name: str) -> str:
    return str(owner.home / "conda/envs" / name)


def leave_out(differences: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in differences.items() if name not in names}


@pytest.mark.all_shells
def test_loading_activates_the_environment_and_unloading_leaves_no_trace(session, owner) -> None:
    result = (
        session.export("STACKENV_TEST_LIST", "/opt/mine")
        .snapshot("before")
        .check("module load one")
        .snapshot("loaded")
        .do("python")
        .check("module unload one")
        .snapshot("after")
        .run()
    )
    prefix = environment_of(owner, "one")
    assert (result.statuses, result.stderr, result.stdout) == ([0, 0], "", "python of one\n")
    loaded = result.snapshots["loaded"]
    wanted = {
        "CONDA_PREFIX": prefix,
        "CONDA_DEFAULT_ENV": "one",
        "CONDA_SHLVL": "1",
        "STACKENV_TEST_ONE": "1",
        "STACKENV_TEST_LIST": f"{prefix}/lib:/opt/mine",
    }
    assert {name: loaded.environment.get(name) for name in wanted} == wanted
    assert loaded.path[0] == f"{prefix}/bin"
    assert f"{Path(loaded.environment['CONDA_EXE']).parent}" not in loaded.path
    assert set(loaded.environment["LOADEDMODULES"].split(":")) == {CONDA, "one/1.0"}
    assert changed(result, "before", "after") == {}


def test_the_users_own_value_of_a_packages_variable_is_restored(session: Session) -> None:
    result = (
        session.export("STACKENV_TEST_ONE", "mine")
        .snapshot("before")
        .check("module load one")
        .snapshot("loaded")
        .check("module load one", "module unload one")
        .snapshot("after")
        .run()
    )
    assert (result.statuses, result.stderr) == ([0] * 3, "")
    assert result.snapshots["loaded"].environment["STACKENV_TEST_ONE"] == "1"
    assert changed(result, "before", "after") == {}


def test_unloading_removes_what_a_packages_deactivate_script_leaves(session: Session) -> None:
    result = (
        session.export("STACKENV_TEST_LIST", "/opt/mine")
        .snapshot("before")
        .check("module load two", "conda activate other", "conda deactivate")
        .snapshot("back")
        .check("module unload two")
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert len(result.snapshots["back"].environment["STACKENV_TEST_LIST"].split(":")) > 2
    assert changed(result, "before", "after") == {}


@pytest.mark.parametrize("leave", ["deactivate", "module purge"])
def test_deactivate_and_purge_leave_no_trace(session: Session, leave: str) -> None:
    result = session.snapshot("before").check("module load one", leave).snapshot("after").run()
    assert (result.statuses, result.stderr) == ([0, 0], "")
    assert changed(result, "before", "after") == {}


@pytest.mark.parametrize("stack", ["", "--stack "])
def test_conda_deactivate_returns_to_the_environment_of_the_module(session: Session, stack: str) -> None:
    result = (
        session.check("module load one")
        .snapshot("loaded")
        .check(f"conda activate {stack}other")
        .do("python")
        .snapshot("top")
        .check("conda activate --stack third")
        .do("python")
        .check("conda deactivate")
        .snapshot("top-again")
        .check("conda deactivate")
        .snapshot("back")
        .do("python")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert result.stdout.split("\n")[:3] == ["python of other", "python of third", "python of one"]
    assert changed(result, "top", "top-again") == {}
    # With --stack, conda runs the scripts of the lower environment once more, without stackenv as well.
    assert leave_out(changed(result, "loaded", "back"), *([LIST] if stack else [])) == {}


def test_only_conda_activate_changes_the_prompt_and_deactivate_restores_it(session: Session) -> None:
    session.interactive = True
    dialect = session.dialect
    if dialect.family == "csh":
        session.do("set prompt = '%# '")
    session.do(dialect.prompt(f"{session.folder}/p0"))
    for number, command in enumerate(["module load one", "conda activate other", "conda deactivate"], 1):
        session.do(command, dialect.prompt(f"{session.folder}/p{number}"))
    result = session.do("module unload one", dialect.prompt(f"{session.folder}/p4")).run()
    seen = [(session.folder / f"p{number}").read_text() for number in range(5)]
    assert "(other) " in seen[2], result.stderr
    assert seen[0] == seen[1] == seen[3] == seen[4]


@pytest.mark.each_value("on_top", "dialect")
@pytest.mark.parametrize("on_top", [(), ("other",), ("other", "third"), ("--stack other",)])
def test_the_environment_still_works_when_conda_is_unloaded_first(session: Session, owner, on_top) -> None:
    result = (
        session.snapshot("before")
        .check("module load one", *(f"conda activate {name}" for name in on_top))
        .check(UNLOAD_CONDA)
        .snapshot("left")
        .do("python")
        .check("module unload one")
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert result.stdout == "python of one\n"
    left = result.snapshots["left"].environment
    assert (left["CONDA_PREFIX"], left["CONDA_SHLVL"]) == (environment_of(owner, "one"), "1")
    assert not {"CONDA_PREFIX_1", "CONDA_EXE", "STACKENV_CONDA_ROOT", "STACKENV_TEST_OTHER"} & set(left)
    assert "Anaconda3" not in left["PATH"]
    assert left["STACKENV_TEST_ONE"] == "1"
    assert changed(result, "before", "after") == {}


@pytest.mark.each_value("on_top", "dialect")
@pytest.mark.parametrize("on_top", [(), ("other",), ("other", "third"), ("--stack other",)])
def test_conda_still_works_when_the_environment_is_unloaded_first(session: Session, on_top) -> None:
    result = (
        session.snapshot("before")
        .check(f"module load {CONDA}")
        .snapshot("conda")
        .check("module load one", *(f"conda activate {name}" for name in on_top), "module unload one")
        .snapshot("left")
        .check("conda activate other")
        .do("python")
        .check("conda deactivate")
        .snapshot("used")
        .check(UNLOAD_CONDA)
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert result.stdout == "python of other\n"
    assert changed(result, "conda", "left") == {}
    assert changed(result, "conda", "used") == {}
    assert changed(result, "before", "after") == {}


@pytest.mark.parametrize("leave", ["module unload one", "module purge", "deactivate"])
def test_leaving_the_module_also_leaves_an_environment_activated_on_top(session: Session, leave: str) -> None:
    result = (
        session.snapshot("before")
        .check("module load one", "conda activate other", leave)
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert changed(result, "before", "after") == {}
