"""An environment's own variables (`conda env config vars set`) end with it, also where conda 24.7.1 fails."""

from __future__ import annotations

import json

import pytest
from session import Session, differences

pytestmark = pytest.mark.some_shells

LOAD = "module load Anaconda3/2024.02-1"


def set_variables(stack, name: str, **variables: str) -> None:
    state = stack.environments / name / "conda-meta/state"
    state.write_text(json.dumps({"version": 1, "env_vars": variables}))


def test_a_lowercase_variable_is_removed_by_deactivation(session: Session, stack) -> None:
    set_variables(stack, "one", of_one="1")
    result = (
        session.check(LOAD)
        .snapshot("loaded")
        .check("conda activate one")
        .snapshot("one")
        .check("conda deactivate")
        .snapshot("left")
        .run()
    )
    # conda exports it in capitals.
    assert result.snapshots["one"].environment["OF_ONE"] == "1"
    assert differences(result.snapshots["loaded"], result.snapshots["left"]) == {}
    assert result.stderr == ""


def test_a_variable_unset_by_the_lower_environment_stays_unset(session, stack) -> None:
    set_variables(stack, "one", OF_ONE="***unset***")
    result = (
        session.check(LOAD, "conda activate one")
        .snapshot("one")
        .check("conda activate two", "conda deactivate")
        .snapshot("back")
        .run()
    )
    assert "OF_ONE" not in result.snapshots["back"].environment
    assert differences(result.snapshots["one"], result.snapshots["back"]) == {}


def test_an_invalid_variable_name_does_not_stop_an_activation(session: Session, stack) -> None:
    set_variables(stack, "one", OF_ONE="1", **{"OF-ONE": "2"})
    result = (
        session.check(LOAD)
        .snapshot("loaded")
        .check("conda activate one")
        .snapshot("one")
        .check("conda deactivate")
        .snapshot("left")
        .run()
    )
    assert result.snapshots["one"].environment["OF_ONE"] == "1"
    assert differences(result.snapshots["loaded"], result.snapshots["left"]) == {}
    assert result.statuses == [0, 0, 0]
    assert result.stderr == (
        "stackenv: the variable OF-ONE was not set: names of variables have letters, digits and _ only\n"
    )


@pytest.mark.both_activations
def test_a_lowercase_variable_is_removed_after_a_second_activation(session: Session, stack) -> None:
    """`conda install` and similar commands end by activating the active environment again."""
    set_variables(stack, "one", my_token="1")
    result = (
        session.check(LOAD)
        .snapshot("loaded")
        .check("conda activate one")
        .snapshot("one")
        .check("conda activate one")
        .snapshot("again")
        .check("conda deactivate")
        .snapshot("left")
        .run()
    )
    assert result.snapshots["one"].environment["MY_TOKEN"] == "1"
    assert differences(result.snapshots["one"], result.snapshots["again"]) == {}
    assert differences(result.snapshots["loaded"], result.snapshots["left"]) == {}


@pytest.mark.both_activations
@pytest.mark.each_value("users", "again")
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    "users",
    [("http_proxy",), ("HTTP_PROXY",), ("http_proxy", "HTTP_PROXY")],
    ids=["small", "capitals", "both"],
)
def test_deactivation_restores_the_users_own_values(
    session: Session, stack, users: tuple[str, ...], again: bool
) -> None:
    set_variables(stack, "one", http_proxy="http://env")
    set_variables(stack, "two", http_proxy="http://two")
    for name in users:
        session.export(name, f"http://site/{name}")
    session.check(LOAD).snapshot("loaded").check("conda activate one").snapshot("one")
    if again:
        session.check("conda activate one").check("conda activate two", "conda deactivate")
        session.snapshot("again")
    result = session.check("conda deactivate").snapshot("left").run()
    assert result.snapshots["one"].environment["HTTP_PROXY"] == "http://env"
    if again:
        assert differences(result.snapshots["one"], result.snapshots["again"]) == {}
    assert differences(result.snapshots["loaded"], result.snapshots["left"]) == {}


def test_unload_restores_the_users_own_value(session: Session, stack) -> None:
    set_variables(stack, "one", http_proxy="http://env")
    session.export("http_proxy", "http://site")
    result = (
        session.snapshot("before")
        .check(LOAD, "conda activate one", "conda activate one", "module unload Anaconda3")
        .snapshot("after")
        .run()
    )
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
