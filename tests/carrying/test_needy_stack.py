"""Checks of the two kinds of stacks that the other tests in this folder use."""

from __future__ import annotations

from pathlib import Path

import pytest
from needy_stack import FIND, FIND_BY_NAME, KINDS, NeedleStack, make_needle_stack
from users import User, make_user


@pytest.fixture(scope="module", params=["eb5-pythonpath", "eb4-prefixes"])
def base(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=KINDS)
def user(request: pytest.FixtureRequest, base: str, tmp_path_factory: pytest.TempPathFactory) -> User:
    stack = make_needle_stack(tmp_path_factory, base, request.param)
    return make_user(tmp_path_factory.mktemp(request.param), stack)


def needle_stack_of(user: User) -> NeedleStack:
    assert isinstance(user.stack, NeedleStack)
    return user.stack


def test_both_stacks_find_numpy_and_the_library_with_the_module(user: User) -> None:
    found = user.run(
        f"module load {user.stack.bundle_module} && python -c 'import numpy; {FIND}' && "
        f"python -c '{FIND_BY_NAME}'"
    )
    assert found.stdout == "10\n10\n", found.stderr
    stack = needle_stack_of(user)
    shown = user.run(f"module load {user.stack.bundle_module}; echo $LD_LIBRARY_PATH")
    assert shown.stdout.strip().split(":") == stack.library_folders
    other = user.run(f"module load {stack.other_version} && python -c '{FIND}'")
    assert other.stdout == "20\n", other.stderr


def test_only_the_rpath_stack_works_without_ld_library_path(user: User) -> None:
    stack = needle_stack_of(user)
    load = f"module load {user.stack.bundle_module}; unset LD_LIBRARY_PATH"
    found = user.run(f"{load}; python -c '{FIND}'")
    if stack.kind == "rpath":
        assert found.stdout == "10\n", found.stderr
    else:
        assert found.returncode == 1
        assert "ImportError: libneedle.so.1: cannot open shared object file" in found.stderr
    # An RPATH belongs to one file; a search by name does not use it.
    by_name = user.run(f"{load}; python -c '{FIND_BY_NAME}'")
    assert by_name.returncode == 1 and "OSError: libneedle.so.1: cannot open" in by_name.stderr


def test_the_module_that_shares_the_compiler_loads_nothing_else(user: User) -> None:
    stack = needle_stack_of(user)
    shown = user.run(f"module load {stack.sharing}; echo $LOADEDMODULES; echo $LD_LIBRARY_PATH; which python")
    modules, libraries, *python = shown.stdout.splitlines()
    assert modules.split(":") == [stack.compiler, stack.sharing]
    assert libraries == stack.library_folders[1] and Path(libraries).is_dir()
    assert not [path for path in python if path.startswith((stack.folder, stack.software))]
