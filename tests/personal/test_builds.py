"""Builds from source get what they require, or the stack's packages; the constraints never apply to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stacked import Stack, open_stack
from users import User, make_once, make_user

pytestmark = pytest.mark.each_value("builder", "way")

PIPS = {"bundled": "", "recent": "pip install -q pip==25.2"}
# One stack for each way in which modules provide packages.
WAYS = ("eb5-pythonpath", "eb5-prefixes")


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> Stack:
    return open_stack(request.param)


@pytest.fixture(scope="module", params=PIPS)
def builder(request: pytest.FixtureRequest, way: Stack, tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user with an environment whose pip is as old as the stack, or recent."""
    pip = request.param

    def make(folder: Path) -> None:
        user = make_user(folder, way)
        made = user.stackenv("create", "it", load=[way.bundle_module])
        assert made.returncode == 0, made.stderr
        done = user.run(f"module use ~/modules; module load it || exit 1\n{PIPS[pip]}")
        assert done.returncode == 0, done.stderr

    return make_user(make_once(tmp_path_factory, f"builds-{way.name}-{pip}", make), way)


def install(user: User, command: str, check: str) -> list[str]:
    """Install with `command`, in the environment, into a separate folder; return what `check` then prints."""
    done = user.run(
        "module use ~/modules; module load it || exit 1\naside=$(mktemp -d)\n"
        f"{command} --no-deps --target $aside && PYTHONPATH=$aside:$PYTHONPATH python -c '{check}'"
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.splitlines()[-1].split()


def test_an_sdist_that_needs_a_newer_setuptools_is_built(builder: User) -> None:
    check = "import needs_new_setuptools as n; print(n.__file__)"
    (found,) = install(builder, "pip install --no-cache-dir needs-new-setuptools", check)
    assert found.endswith("/needs_new_setuptools/__init__.py")


def test_an_sdist_that_needs_another_numpy_is_built_and_the_stacks_numpy_is_kept(builder: User) -> None:
    check = "import numpy, needs_numpy_two as n; print(n.NUMPY, numpy.__file__)"
    built_with, used = install(builder, "pip install --no-cache-dir needs-numpy-two", check)
    assert built_with == "2.1.1"
    assert used.startswith(f"{builder.stack.software}/{builder.stack.bundle_module}/")


def test_the_users_own_constraints_apply_to_builds_as_in_plain_pip(builder: User) -> None:
    """They are the user's decision: up to pip 25.2 they also apply to what a build requires."""
    (builder.home / "own.txt").write_text("setuptools<70\n")
    done = builder.run(
        "export PIP_CONSTRAINT=$HOME/own.txt; module use ~/modules; module load it\n"
        "pip install --no-cache-dir --target $(mktemp -d) needs-new-setuptools"
    )
    assert done.returncode != 0
    assert "setuptools<70" in done.stdout + done.stderr


def test_uv_builds_the_same_sdists_when_pythonpath_is_hidden(builder: User) -> None:
    """uv's isolated builds see PYTHONPATH, and a module's old packages in it: the user must hide it."""
    uv = "env -u PYTHONPATH uv pip install --no-index --no-cache"
    check = "import needs_new_setuptools as n; print(n.__file__)"
    assert install(builder, f"{uv} needs-new-setuptools", check)[0].endswith("setuptools/__init__.py")
    check = "import needs_numpy_two as n; print(n.NUMPY)"
    assert install(builder, f"{uv} needs-numpy-two", check) == ["2.1.1"]


def test_a_build_that_needs_the_stacks_numpy_fails_with_a_hint_that_works(way: Stack, tmp_path: Path) -> None:
    user = make_user(tmp_path, way)
    isolated = user.stackenv("create", "it", "needs-stack-numpy", load=[way.bundle_module])
    assert isolated.returncode == 10
    assert "--no-build-isolation" in isolated.stderr
    assert f"the modules provide it (numpy 1.25.1, {way.bundle_module})" in isolated.stderr
    assert not list((user.home / "venvs").iterdir())
    made = user.stackenv(
        "create", "it", "needs-stack-numpy", "--no-build-isolation", load=[way.bundle_module]
    )
    assert made.returncode == 0, made.stderr
    used = user.run(
        f"{made.stdout}python -c 'import needs_stack_numpy.total as t; print(t.total([1, 2]), t.NUMPY)'"
    )
    assert used.stdout.split() == ["3.0", "1.25.1"], used.stderr
    record = json.loads((user.home / "venvs/it-1.0/stackenv/record.json").read_text())
    (built,) = (p for p in record["packages"] if p["name"] == "needs-stack-numpy")
    sdist = next(Path(way.wheels).glob("needs_stack_numpy-*.tar.gz"))
    assert built["source"] == sdist.name
