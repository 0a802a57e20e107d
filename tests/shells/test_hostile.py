"""Names, paths and variables that often break shell code."""

from __future__ import annotations

from dataclasses import replace

import pytest
from environments import make_environment
from session import differences

pytestmark = [pytest.mark.some_shells, pytest.mark.both_activations, pytest.mark.with_mamba]

NAMES = [
    "it's",
    "a b",
    'quo"te',
    "semi;touch pwned",
    "back`touch pwned`tick",
    "ünï-ñ",
    "bang!x",
    "$(touch pwned)",
]


@pytest.fixture
def hostile(stack, session, tmp_path):
    """The same stack with a home whose path has spaces, quotes, a dollar, a semicolon and an umlaut."""
    home = tmp_path / "h o'm\"e $x;`y` ünï"
    home.mkdir()
    session.environ = {**session.environ, "HOME": str(home)}
    return replace(stack, home=home)


def test_a_home_with_odd_characters_reaches_conda_unchanged(session, hostile, stack) -> None:
    result = (
        session.snapshot("before")
        .check(stack.load)
        .snapshot("loaded")
        .check(stack.unload)
        .snapshot("after")
        .run()
    )
    loaded = result.snapshots["loaded"].environment
    assert loaded["CONDA_ENVS_PATH"] == str(hostile.environments)
    assert loaded["CONDA_PKGS_DIRS"] == str(hostile.home / "conda/pkgs")
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
    assert result.stderr == ""


@pytest.mark.parametrize("name", NAMES)
def test_an_environment_with_an_odd_name_activates_and_deactivates(
    session, hostile, name: str, stack
) -> None:
    prefix = make_environment(hostile.environments / name, "STACKENV_TEST_HOSTILE")
    result = (
        session.check(stack.load)
        .snapshot("loaded")
        .check(f"{stack.command} activate {session.dialect.quote(name)}")
        .snapshot("active")
        .check(f"{stack.command} deactivate")
        .snapshot("left")
        .check(f"{stack.command} activate {session.dialect.quote(str(prefix))}", stack.load)
        .snapshot("reloaded")
        .check(stack.unload)
        .run()
    )
    active = result.snapshots["active"]
    assert active.environment["CONDA_PREFIX"] == str(prefix), result.stderr
    assert active.path[0] == f"{prefix}/bin"
    assert active.environment["STACKENV_TEST_HOSTILE"] == "1"
    assert differences(result.snapshots["loaded"], result.snapshots["left"]) == {}
    if session.dialect.family != "csh" or "!" not in name:
        # In csh, Lmod itself writes a `!` in PATH as `\\!` (shells/Csh.lua, expandVar, 8.6.19).
        assert result.snapshots["reloaded"].path[0] == f"{prefix}/bin"
    assert result.statuses == [0] * 6
    assert not (session.folder / "pwned").exists()


def test_poisoned_python_variables_do_not_reach_conda(session, stack) -> None:
    poison = stack.folder("poison")
    for module in ("json", "conda", "site", "ruamel", "requests", "re"):
        (poison / f"{module}.py").write_text("raise SystemExit('poisoned')\n")
    session.environ = {
        **session.environ,
        "PYTHONPATH": str(poison),
        "PYTHONHOME": "/nowhere",
        "PYTHONSTARTUP": "/nowhere/start.py",
    }
    result = (
        session.snapshot("before")
        .check(
            stack.load,
            f"{stack.command} activate one",
            f"{stack.command} env list",
            f"{stack.command} deactivate",
            f"{stack.command} activate two",
        )
        .check(stack.unload)
        .snapshot("after")
        .run()
    )
    assert result.statuses == [0] * 6, result.stderr
    assert "poisoned" not in result.stderr
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_odd_path_entries_survive_load_activation_and_unload(session, stack) -> None:
    path = session.environ["PATH"] + ":/opt/it's here/bin:/opt/$x/bin"
    session.environ = {**session.environ, "PATH": path}
    result = (
        session.snapshot("before")
        .check(stack.load, f"{stack.command} activate one", stack.load)
        .snapshot("active")
        .check(f"{stack.command} deactivate", stack.unload)
        .snapshot("after")
        .run()
    )
    assert result.statuses == [0] * 5, result.stderr
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
    assert result.snapshots["active"].path[-2:] == ["/opt/it's here/bin", "/opt/$x/bin"]
