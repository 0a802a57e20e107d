"""An environment's own variables (`conda env config vars set`) go with it, where conda 24.7.1 leaves some."""

from __future__ import annotations

import json

import pytest
from session import Session, differences

pytestmark = pytest.mark.some_shells

LOAD = "module load Anaconda3/2024.02-1"


def set_variables(stack, name: str, **variables: str) -> None:
    state = stack.environments / name / "conda-meta/state"
    state.write_text(json.dumps({"version": 1, "env_vars": variables}))


def test_a_variable_written_in_small_letters_goes_with_its_environment(session: Session, stack) -> None:
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
    # As conda exports it.
    assert result.snapshots["one"].environment["OF_ONE"] == "1"
    assert differences(result.snapshots["loaded"], result.snapshots["left"]) == {}
    assert result.stderr == ""


def test_a_variable_that_the_environment_below_unsets_is_not_set_to_the_mark(session, stack) -> None:
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


def test_a_name_that_no_shell_takes_does_not_stop_an_activation(session: Session, stack) -> None:
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
        "stackenv: the name of a variable has letters, digits and _ only: OF-ONE was not set\n"
    )
