"""The module of a conda environment: refusals, reloads, exchanges with others, collections."""

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


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack, built_modules: BuiltModules) -> User:
    """Return a user with the modules one and two of conda environments, and the module plain of a venv."""
    user = make_conda_user(tmp_path_factory.mktemp("contract"), one_stack, built_modules)
    done = user.run("/usr/bin/python3 -m venv --without-pip ~/plain")
    adopted = user.stackenv("adopt", str(user.home / "plain"))
    assert (done.returncode, adopted.returncode) == (0, 0), done.stderr + adopted.stderr
    return user


@pytest.fixture
def session(dialect: Dialect, tmp_path: Path, owner: User) -> Session:
    return open_session(dialect, tmp_path, owner.environ, owner.modules, owner.environ["MODULEPATH"])


def environment_of(owner: User, name: str) -> str:
    return str(owner.home / "conda/envs" / name)


def leave_out(differences: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in differences.items() if name not in names}


def test_the_load_is_refused_over_an_active_conda_environment(session: Session, owner: User) -> None:
    result = (
        session.snapshot("before")
        .check(f"module load {CONDA}", "conda activate other")
        .snapshot("active")
        .check("module load one")
        .snapshot("refused")
        .check("conda deactivate", "module load one")
        .do("python")
        .check("module purge")
        .snapshot("after")
        .run()
    )
    assert [bool(status) for status in result.statuses] == [False, False, True, False, False, False]
    assert "conda deactivate" in result.stderr
    assert environment_of(owner, "other") in "".join(line.strip() for line in result.stderr.splitlines())
    assert changed(result, "active", "refused") == {}
    assert result.stdout == "python of one\n"
    assert changed(result, "before", "after") == {}


def test_the_load_is_refused_over_a_base_activated_by_a_start_up_file(
    session: Session, built_modules
) -> None:
    if session.dialect.name not in ("bash", "zsh"):
        pytest.skip("conda's own hook is run in the shells that `conda init` knows")
    root = f"{built_modules.software}/{CONDA}"
    result = (
        session.do(f'eval "$({root}/bin/conda shell.{session.dialect.name} hook)"', "conda activate base")
        .snapshot("before")
        .check("module load one")
        .snapshot("refused")
        .check("conda deactivate", "module load one")
        .do("python")
        .run()
    )
    assert [bool(status) for status in result.statuses] == [True, False, False]
    assert "start-up file" in result.stderr
    assert changed(result, "before", "refused") == {}
    assert result.stdout == "python of one\n"


def test_a_reload_of_the_environment_changes_nothing(session: Session) -> None:
    result = (
        session.snapshot("before")
        .check("module load one")
        .snapshot("loaded")
        .check("module load one")
        .snapshot("reloaded")
        .check("conda activate other", "conda deactivate")
        .snapshot("used")
        .check("module unload one")
        .snapshot("after")
        .run()
    )
    assert (result.statuses, result.stderr) == ([0] * 5, "")
    assert changed(result, "loaded", "reloaded") == {}
    assert changed(result, "loaded", "used") == {}
    assert changed(result, "before", "after") == {}


def test_a_reload_under_another_active_environment_is_refused_and_changes_nothing(session: Session) -> None:
    result = (
        session.snapshot("before")
        .check("module load one", "conda activate other")
        .snapshot("active")
        .check("module load one")
        .snapshot("refused")
        .check("conda deactivate")
        .do("python")
        .check("module unload one")
        .snapshot("after")
        .run()
    )
    assert [bool(status) for status in result.statuses] == [False, False, True, False, False]
    assert changed(result, "active", "refused") == {}
    assert result.stdout == "python of one\n"
    assert changed(result, "before", "after") == {}


@pytest.mark.parametrize("on_top", [(), ("other",), ("--stack other",)])
def test_a_reload_of_conda_changes_nothing_but_the_order_of_lists(session: Session, on_top) -> None:
    result = (
        session.snapshot("before")
        .check("module load one")
        .snapshot("loaded")
        .check(*(f"conda activate {name}" for name in on_top))
        .snapshot("active")
        .check(f"module load {CONDA}")
        .snapshot("reloaded")
        .check(*("conda deactivate" for _ in on_top))
        .snapshot("back")
        .check("module purge")
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    # A reloaded module is the last of Lmod's lists, and comes before stackenv's `pip` on PATH.
    order = ("LOADEDMODULES", "_LMFILES_", "PATH", LIST)
    for first, last in (("active", "reloaded"), ("loaded", "back")):
        assert leave_out(changed(result, first, last), *order) == {}
        assert sorted(result.snapshots[first].path) == sorted(result.snapshots[last].path)
        assert result.snapshots[first].path[0] == result.snapshots[last].path[0]
    assert changed(result, "before", "after") == {}


EXCHANGES = {
    "swap": ("module load {0}", "module swap {0} {1}"),
    "one line": ("module load {0} {1}",),
    "load over": ("module load {0}", "module load {1}"),
}


@pytest.mark.each_pair("exchange", "pair", "dialect")
@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("pair", [("one", "two"), ("plain", "two"), ("one", "plain")])
def test_the_environment_loaded_later_replaces_the_earlier_one(session: Session, exchange: str, pair) -> None:
    commands = [command.format(*pair) for command in EXCHANGES[exchange]]
    result = (
        session.snapshot("before")
        .check(f"module load {pair[1]}")
        .snapshot("alone")
        .check(f"module unload {pair[1]}")
        .check(*commands)
        .snapshot("exchanged")
        .check(f"module unload {pair[1]}")
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert changed(result, "alone", "exchanged") == {}
    assert changed(result, "before", "after") == {}


def test_a_collection_restores_the_environment_and_conda(session: Session) -> None:
    collection = f"contract-{session.dialect.name}"
    result = (
        session.snapshot("before")
        .check("module load one", f"module save {collection}")
        .snapshot("loaded")
        .check("module purge", f"module restore {collection}")
        .snapshot("restored")
        .check("conda activate other", "conda deactivate")
        .snapshot("used")
        .check("module purge")
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert changed(result, "loaded", "restored") == {}
    assert changed(result, "loaded", "used") == {}
    assert changed(result, "before", "after") == {}


def test_a_script_with_set_eu_keeps_running(session: Session) -> None:
    if session.dialect.family != "sh":
        pytest.skip("csh and fish have no set -eu")
    session.strict = True
    result = (
        session.snapshot("before")
        .do("module load one", "python", "conda activate other", "module load two || echo refused")
        .do("conda deactivate", "module load two", "deactivate")
        .snapshot("after")
        .do("case $- in *e*u*|*u*e*) echo still strict;; esac")
        .run()
    )
    assert result.stdout.splitlines() == ["python of one", "refused", "still strict"], result.stderr
    assert changed(result, "before", "after") == {}
