"""In the seven shells, every way to leave the module of a venv removes whatever its load added."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from session import Session
from shell_sessions import Dialect, changed, open_session, which
from stacked import Stack
from users import User, make_user

pytestmark = pytest.mark.some_shells


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with `alpha`, on the first generation of modules, and `beta`, on the next."""
    user = make_user(tmp_path_factory.mktemp("shells"), one_stack)
    below = {"alpha": one_stack.bundle_module, "beta": one_stack.next_bundle_module}
    with ThreadPoolExecutor() as pool:
        for made in pool.map(lambda item: user.stackenv("create", item[0], "-m", item[1]), below.items()):
            assert made.returncode == 0, made.stderr
    return user


@pytest.fixture
def session(dialect: Dialect, tmp_path: Path, owner: User) -> Session:
    return open_session(dialect, tmp_path, owner.environ, owner.modules, owner.stack.modulepath)


def loaded(result, name: str) -> list[str]:
    """Return the modules that are loaded at a snapshot."""
    return result.snapshots[name].environment.get("LOADEDMODULES", "").split(":")


@pytest.mark.all_shells
def test_a_load_activates_the_environment_and_an_unload_leaves_no_trace(session: Session, owner) -> None:
    result = (
        session.snapshot("before")
        .check("module load alpha")
        .do(which(session.dialect, "python"))
        .snapshot("loaded")
        .check("module unload alpha")
        .snapshot("after")
        .run()
    )
    prefix = str(owner.home / "venvs/alpha-1.0")
    assert (result.statuses, result.stderr) == ([0, 0], "")
    assert result.stdout.splitlines() == [f"{prefix}/bin/python"]
    environment = result.snapshots["loaded"].environment
    assert environment["VIRTUAL_ENV"] == prefix
    assert environment["VIRTUAL_ENV_PROMPT"] == "(alpha) "
    assert not environment.keys() & {"PIP_CONSTRAINT", "UV_CONSTRAINT"}
    assert {owner.stack.python_module, owner.stack.bundle_module, "alpha/1.0"} <= set(
        loaded(result, "loaded")
    )
    assert changed(result, "before", "after") == {}


def test_deactivate_unloads_the_module(session: Session) -> None:
    result = session.snapshot("before").check("module load alpha", "deactivate").snapshot("after").run()
    assert (result.statuses, result.stderr) == ([0, 0], "")
    assert changed(result, "before", "after") == {}


def test_purge_leaves_no_trace(session: Session) -> None:
    result = session.snapshot("before").check("module load alpha", "module purge").snapshot("after").run()
    assert (result.statuses, result.stderr) == ([0, 0], "")
    assert changed(result, "before", "after") == {}


@pytest.mark.all_shells
def test_a_reload_changes_nothing(session: Session) -> None:
    result = (
        session.snapshot("before")
        .check("module load alpha")
        .snapshot("loaded")
        .check("module load alpha")
        .snapshot("reloaded")
        .check("module unload alpha")
        .snapshot("after")
        .run()
    )
    assert (result.statuses, result.stderr) == ([0] * 3, "")
    assert changed(result, "loaded", "reloaded") == {}
    assert changed(result, "before", "after") == {}


def test_module_update_changes_nothing(session: Session) -> None:
    result = (
        session.snapshot("before")
        .check("module load alpha")
        .snapshot("loaded")
        .check("module update")
        .snapshot("updated")
        # After an update, Lmod 8.6.19 no longer knows that the base modules were loaded by this one.
        .check("module purge")
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert changed(result, "loaded", "updated") == {}
    assert changed(result, "before", "after") == {}


EXCHANGES = {
    "swap": ("module load alpha", "module swap alpha beta"),
    "one line": ("module load alpha beta",),
    "load over": ("module load alpha", "module load beta"),
}


@pytest.mark.each_pair("exchange", "leave", "dialect")
@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("leave", ["module unload beta", "module purge", "deactivate"])
def test_the_environment_loaded_later_replaces_the_earlier(
    session: Session, exchange: str, leave: str, owner
) -> None:
    result = (
        session.snapshot("before")
        .check("module load beta")
        .snapshot("beta")
        .check("module unload beta", *EXCHANGES[exchange])
        .do(which(session.dialect, "python"))
        .snapshot("exchanged")
        .check(leave)
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert result.stdout.splitlines() == [f"{owner.home}/venvs/beta-1.0/bin/python"]
    assert changed(result, "beta", "exchanged") == {}
    assert changed(result, "before", "after") == {}


def test_loading_another_environment_and_the_first_again_changes_nothing(session: Session) -> None:
    result = (
        session.snapshot("before")
        .check("module load alpha")
        .snapshot("alpha")
        .check("module load beta", "module load alpha")
        .snapshot("back")
        .check("module unload alpha")
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert changed(result, "alpha", "back") == {}
    assert changed(result, "before", "after") == {}


def test_a_saved_collection_restores_the_environment(session: Session) -> None:
    collection = f"shells-{session.dialect.name}"
    result = (
        session.snapshot("before")
        .check("module load alpha", f"module save {collection}")
        .snapshot("loaded")
        .check("module purge")
        .snapshot("purged")
        .check(f"module restore {collection}")
        .snapshot("restored")
        .check(f"module restore {collection}")
        .snapshot("restored-over")
        .check("module load beta", f"module restore {collection}")
        .snapshot("restored-instead")
        .check("module purge")
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert changed(result, "before", "purged") == {}
    for name in ("restored", "restored-over", "restored-instead"):
        assert changed(result, "loaded", name) == {}, name
    assert changed(result, "before", "after") == {}


OWN = {
    "PYTHONHOME": "/opt/python of mine",
    "VIRTUAL_ENV": "/opt/environment of mine",
    "VIRTUAL_ENV_PROMPT": "(mine) ",
    "PIP_CONSTRAINT": "https://example.org/constraints.txt /opt/other.txt",
    "UV_CONSTRAINT": "/opt/uv/constraints.txt",
}


@pytest.mark.parametrize(
    "between", [(), ("module load alpha",), ("module load beta",), ("module swap alpha beta",)]
)
def test_variables_set_before_the_load_are_restored(session: Session, between: tuple[str, ...]) -> None:
    for name, value in OWN.items():
        session.export(name, value)
    result = (
        session.snapshot("before")
        .check("module load alpha")
        .snapshot("loaded")
        .check(*between, "module purge")
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert changed(result, "before", "after") == {}
    environment = result.snapshots["loaded"].environment
    assert "PYTHONHOME" not in environment
    # The module leaves these alone: every pip and uv of the shell would inherit them.
    for name in ("PIP_CONSTRAINT", "UV_CONSTRAINT"):
        assert environment[name] == OWN[name]


def test_variables_set_after_the_load_are_kept(session: Session) -> None:
    session.check("module load alpha")
    for name in ("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PYTHONHOME"):
        session.export(name, OWN[name])
    result = session.check("module unload alpha").snapshot("after").run()
    environment = result.snapshots["after"].environment
    assert {n: environment.get(n) for n in ("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PYTHONHOME")} == {
        n: OWN[n] for n in ("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PYTHONHOME")
    }


def test_unload_keeps_the_users_modules_and_removes_the_environments(session: Session, owner) -> None:
    stack = owner.stack
    result = (
        session.check(f"module load {stack.other_module} {stack.bundle_module}")
        .snapshot("own")
        .check("module load alpha", "module unload alpha")
        .snapshot("after")
        .check(f"module unload {stack.bundle_module}", "module load alpha", "deactivate")
        .snapshot("without")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert changed(result, "own", "after") == {}
    assert loaded(result, "without") == [stack.other_module]


def test_a_script_with_set_eu_runs_to_the_end(session: Session) -> None:
    if session.dialect.family != "sh":
        pytest.skip("csh and fish have no set -eu")
    session.strict = True
    result = (
        session.snapshot("before")
        .do("module load alpha", "python -c 'import numpy'", "module load alpha", "module load beta")
        .do("module unload beta", "module load alpha", "deactivate")
        .snapshot("after")
        .do("case $- in *e*u*|*u*e*) echo still strict;; esac")
        .run()
    )
    assert (result.returncode, result.stdout) == (0, "still strict\n"), result.stderr
    assert changed(result, "before", "after") == {}
