"""How often each command starts Lmod, counted by strace: at a large site each start takes a second."""

from __future__ import annotations

import pytest
from built import BuiltModules
from condas import CONDA, make_conda_user
from forked import COMMAND
from stacked import Stack
from users import User, make_user

LMOD_PROGRAMS = ("lmod", "spider")


def count_starts(user: User, line: str, first: str = ":") -> list[str]:
    """Return the processes of Lmod that `stackenv LINE` starts, in a shell that has run `first`."""
    trace = user.home.parent / "trace"
    strace = f"strace -f -qq -s 999 -e trace=execve -e status=successful -o {trace}"
    done = user.run(f'{first}\n{strace} "{COMMAND}" {line}')
    assert done.returncode == 0, done.stderr
    programs = [text.split('"')[1] for text in trace.read_text().splitlines() if 'execve("' in text]
    assert COMMAND in programs, "strace saw nothing"
    return [program for program in programs if program.rpartition("/")[2] in LMOD_PROGRAMS]


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with two environments based on the bundle, and a venv without a module."""
    user = make_user(tmp_path_factory.mktemp("starts"), one_stack)
    for name in ("one", "two"):
        made = user.stackenv("create", name, "-m", one_stack.bundle_module)
        assert made.returncode == 0, made.stderr
    made = user.run(f"module load {one_stack.python_module}; python -m venv --without-pip venvs/mine")
    assert made.returncode == 0, made.stderr
    return user


STARTS = {
    # Loaded modules are unloaded first, in a process of their own: Lmod cannot unload and load at once. Where
    # what is carried is recorded, the modules are loaded once more, as in another user's session.
    "create new": 3,
    "create bare --no-carry": 2,
    "create {other} --version 9 --dry-run": 2,
    "adopt venvs/mine --dry-run": 2,
    "rebuild one": 3,
    "rebuild one -m {bundle} --dry-run": 2,
    "edit one --refresh": 3,
    "edit one --no-carry": 0,
    "edit one --carry": 3,
    "check one": 2,
    # Both environments are based on the same modules.
    "check": 2,
    # A conda counts that comes from no module, so the modules are unloaded first.
    "clean --dry-run": 1,
    # None of these commands depends on what modules set.
    "edit one --description words": 0,
    "update one --dry-run": 0,
    "rename one three --dry-run": 0,
    "remove one --dry-run": 0,
    "export one": 0,
    "info one": 0,
    "list": 0,
    "list --json": 0,
    "usage": 0,
}


@pytest.mark.parametrize("line", STARTS)
def test_commands_start_lmod_only_as_often_as_needed(owner: User, line: str) -> None:
    stack = owner.stack
    words = line.format(other=stack.other_module.split("/")[0], bundle=stack.bundle_module)
    assert len(count_starts(owner, words, f"module load {stack.bundle_module}")) == STARTS[line]


def test_search_paths_set_by_the_user_cause_no_additional_lmod_start(owner: User) -> None:
    first = f"export LD_LIBRARY_PATH=~/lib PYTHONPATH=~/own; module load {owner.stack.bundle_module}"
    assert len(count_starts(owner, "create own", first)) == STARTS["create new"]


def test_create_with_nothing_loaded_starts_lmod_once(owner: User) -> None:
    assert len(count_starts(owner, f"create alone -m {owner.stack.bundle_module} --dry-run")) == 1


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("check o", "one"),
        ("rebuild one -m {bundle}", "{bundle}"),
        ("create x --module={bundle}", "--module={bundle}"),
    ],
)
def test_completion_does_not_start_lmod(owner: User, typed: str, offered: str) -> None:
    bundle = owner.stack.bundle_module
    line, answer = (f"stackenv {typed}".format(bundle=bundle), owner.home / "answer")
    assert count_starts(owner, f"> {answer}", f"export _STACKENV_COMPLETE='{line}'") == []
    assert f"plain\t{offered.format(bundle=bundle)}\t\n" in answer.read_text()


def test_create_of_a_conda_environment_starts_lmod_at_most_three_times(
    tmp_path_factory: pytest.TempPathFactory, one_stack: Stack, built_modules: BuiltModules
) -> None:
    user = make_conda_user(tmp_path_factory.mktemp("conda"), one_stack, built_modules)
    other = f"module use {one_stack.modulepath}; module load {one_stack.other_module}"
    line = f"create {one_stack.other_module.split('/')[0].lower()} --conda --dry-run"
    assert len(count_starts(user, line)) == 2
    assert len(count_starts(user, line, other)) == 3
    assert len(count_starts(user, line, f"module load {CONDA}")) == 2
