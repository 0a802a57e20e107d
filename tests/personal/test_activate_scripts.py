"""The activate scripts of venv, virtualenv and uv beside a personal module: both can be left in any order."""

from __future__ import annotations

from pathlib import Path

import pytest
from session import Session
from shell_sessions import Dialect, changed, open_session, which
from stacked import Stack
from users import User, make_user

pytestmark = pytest.mark.some_shells

MAKERS = {
    "venv": "python -m venv --without-pip {}",
    "virtualenv": "virtualenv --quiet --no-download --no-pip --python $(command -v python) {}",
    "uv": "uv venv --quiet --python $(command -v python) {}",
}


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with the module alpha, and an environment by each maker that has no module."""
    user = make_user(tmp_path_factory.mktemp("scripts"), one_stack)
    made = user.stackenv("create", "alpha", "-m", one_stack.bundle_module)
    assert made.returncode == 0, made.stderr
    script = " && ".join(command.format(f"~/of-{name}") for name, command in MAKERS.items())
    done = user.run(f"module load {one_stack.python_module} && {script}")
    assert done.returncode == 0, done.stderr
    return user


@pytest.fixture
def session(dialect: Dialect, tmp_path: Path, owner: User) -> Session:
    session = open_session(dialect, tmp_path, owner.environ, owner.modules, owner.stack.modulepath)
    # venv's script changes the prompt, and expects that the shell has one.
    return session.do({"csh": "set prompt = '> '", "sh": "PS1='$ '", "fish": ":"}[dialect.family])


def prefix_of(kind: str, owner: User) -> str:
    return f"{owner.home}/venvs/alpha-1.0" if kind == "the same" else f"{owner.home}/of-{kind}"


def activate(dialect: Dialect, prefix: str) -> str:
    """Return the line that activates the environment at `prefix` in this shell."""
    word = {
        "csh": "source {}/bin/activate.csh",
        "fish": "source {}/bin/activate.fish",
        "sh": ". {}/bin/activate",
    }
    return word[dialect.family].format(prefix)


@pytest.mark.each_pair("kind", "first_in", "first_out", "dialect")
@pytest.mark.parametrize("kind", [*MAKERS, "the same"])
@pytest.mark.parametrize("first_in", ["script", "module"])
@pytest.mark.parametrize("first_out", ["script", "module"])
def test_activate_script_and_module_can_be_left_in_any_order(
    session: Session, owner: User, kind: str, first_in: str, first_out: str
) -> None:
    prefixes = {"script": prefix_of(kind, owner), "module": prefix_of("the same", owner)}
    enter = {"script": activate(session.dialect, prefixes["script"]), "module": "module load alpha"}
    leave = {"script": "deactivate", "module": "module unload alpha"}
    second_in, second_out = ("module" if name == "script" else "script" for name in (first_in, first_out))
    where = which(session.dialect, "python")
    result = (
        # Once without the module: what the script itself leaves behind is not stackenv's.
        session.do(enter["script"], "deactivate")
        .snapshot("before")
        .do(enter[first_in], enter[second_in], where)
        .do(leave[first_out], where)
        .snapshot("between")
        .do(leave[second_out])
        .snapshot("after")
        .run()
    )
    assert result.stderr == ""
    assert result.stdout.splitlines() == [f"{prefixes[name]}/bin/python" for name in (second_in, second_out)]
    if second_out == "script":
        assert result.snapshots["between"].environment["VIRTUAL_ENV"] == prefixes["script"]
        assert owner.stack.software not in result.snapshots["between"].environment["PATH"]
    else:
        assert owner.stack.python_module in result.snapshots["between"].environment["LOADEDMODULES"]
    assert changed(result, "before", "after") == {}


@pytest.mark.parametrize("kind", ["venv", "the same"])
@pytest.mark.parametrize("first_in", ["script", "module"])
def test_a_module_reloaded_beside_an_activate_script_wins_and_both_can_be_left(
    session: Session, owner: User, kind: str, first_in: str
) -> None:
    enter = [activate(session.dialect, prefix_of(kind, owner)), "module load alpha"]
    result = (
        session.do(enter[0], "deactivate")
        .snapshot("before")
        .do(*(enter if first_in == "script" else enter[::-1]), "module load alpha")
        .do(which(session.dialect, "python"), "deactivate", "module unload alpha")
        .snapshot("after")
        .run()
    )
    assert result.stderr == ""
    assert result.stdout.splitlines() == [f"{prefix_of('the same', owner)}/bin/python"]
    assert changed(result, "before", "after") == {}


def test_a_reload_after_the_scripts_deactivate_restores_the_module_completely(session, owner: User) -> None:
    result = (
        session.do(activate(session.dialect, prefix_of("venv", owner)), "deactivate")
        .snapshot("before")
        .check("module load alpha")
        .snapshot("loaded")
        .do(activate(session.dialect, prefix_of("venv", owner)), "deactivate")
        .check("module load alpha")
        .snapshot("reloaded")
        .check("deactivate")
        .snapshot("after")
        .run()
    )
    assert (result.statuses, result.stderr) == ([0, 0, 0], "")
    assert changed(result, "loaded", "reloaded") == {}
    assert changed(result, "before", "after") == {}


@pytest.mark.parametrize("kind", [*MAKERS, "the same"])
@pytest.mark.parametrize("dialect", ["fish"], indirect=True)
def test_a_fish_script_restores_the_module_when_an_activate_script_is_left(
    session: Session, owner: User, kind: str
) -> None:
    """fish reports when an activate script sets VIRTUAL_ENV. Also twice, and with the module left first."""
    enter = activate(session.dialect, prefix_of(kind, owner))
    result = (
        # Once without the module: what the script itself leaves behind is not stackenv's.
        session.do(enter, "deactivate")
        .snapshot("before")
        .do("module load alpha")
        .snapshot("loaded")
        .do(enter, "deactivate")
        .snapshot("back")
        .do(enter, enter, which(session.dialect, "python"), "deactivate")
        .snapshot("again")
        .do(
            enter, "module unload alpha", "deactivate", "module load alpha", enter, "deactivate", "deactivate"
        )
        .snapshot("after")
        .run()
    )
    assert result.stderr == ""
    assert result.stdout.splitlines() == [f"{prefix_of(kind, owner)}/bin/python"]
    assert changed(result, "loaded", "back") == {}
    assert changed(result, "loaded", "again") == {}
    assert changed(result, "before", "after") == {}


FUNCTIONS = {
    "sh": "deactivate() { echo of the user; }",
    "csh": "alias deactivate 'echo of the user'",
    "fish": "function deactivate; echo of the user; end",
}


def test_a_deactivate_defined_by_the_user_before_the_load_is_kept(session: Session) -> None:
    result = (
        session.do(FUNCTIONS[session.dialect.family])
        .snapshot("before")
        .check("module load alpha", "deactivate", "module unload alpha", "deactivate")
        .snapshot("after")
        .run()
    )
    assert (result.statuses, result.stderr) == ([0] * 4, "")
    assert result.stdout == "of the user\n" * 2
    assert changed(result, "before", "after") == {}


def test_a_deactivate_defined_by_the_user_after_the_load_is_kept(session: Session) -> None:
    if not session.dialect.shows_functions:
        pytest.skip(f"{session.dialect.name} has nothing that shows a function, and so whose it is")
    result = (
        session.check("module load alpha")
        .do(FUNCTIONS[session.dialect.family])
        .check("module unload alpha", "deactivate")
        .run()
    )
    assert (result.statuses, result.stderr, result.stdout) == ([0] * 3, "", "of the user\n")


ALIASES = {
    "sh": "alias deactivate='echo alias'",
    "csh": "alias deactivate 'echo alias'",
    "fish": "alias deactivate 'echo alias'",
}


def test_a_deactivate_alias_in_an_interactive_shell_is_kept(session: Session) -> None:
    session.interactive = True
    expand = {"bash": "shopt -s expand_aliases", "zsh": "setopt aliases"}.get(session.dialect.name, ":")
    result = (
        session.do(expand, ALIASES[session.dialect.family])
        .check("module load alpha", "deactivate")
        .do(which(session.dialect, "python"))
        .check("module unload alpha", "deactivate")
        .run()
    )
    assert result.statuses == [0] * 4, result.stderr
    assert result.stdout.splitlines()[::2] == ["alias", "alias"]
    assert "alpha-1.0" in result.stdout.splitlines()[1]
