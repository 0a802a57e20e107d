"""Shells that have loaded a module of stackenv 0.1, which set the constraints for the whole shell."""

from __future__ import annotations

from pathlib import Path

import pytest
from old_modules import VARIABLES, render_old
from shell_sessions import Dialect, changed, open_session
from stacked import Stack
from users import User, make_user

pytestmark = pytest.mark.some_shells


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with the environments alpha and beta, each with an old and a new modulefile."""
    user = make_user(tmp_path_factory.mktemp("old"), one_stack)
    for name in ("alpha", "beta"):
        made = user.stackenv("create", name, "-m", one_stack.bundle_module)
        assert made.returncode == 0, made.stderr
        modulefile = user.modules / name / "1.0.lua"
        modulefile.with_name("new").write_text(modulefile.read_text())
        modulefile.with_name("old").write_text(render_old(modulefile, user.home / f"venvs/{name}-1.0"))
    return user


def use(owner: User, which: str) -> str:
    """Return the line that installs the old or the new modulefiles of both environments."""
    return "; ".join(
        f"cp {owner.modules}/{name}/{which} {owner.modules}/{name}/1.0.lua" for name in ("alpha", "beta")
    )


LEFT = {
    "unload": ("module unload alpha",),
    "purge": ("module purge",),
    "deactivate": ("deactivate",),
    "reload": ("module load alpha", "module unload alpha"),
    "another": ("module load beta", "module unload beta"),
}


@pytest.mark.each_value("own", "leave", "dialect")
@pytest.mark.parametrize("own", ["", "/opt/one.txt /opt/two.txt", "https://example.org/c.txt"])
@pytest.mark.parametrize("leave", LEFT)
def test_a_shell_with_an_old_module_loaded_is_left_without_a_trace(
    dialect: Dialect, tmp_path: Path, owner: User, own: str, leave: str
) -> None:
    session = open_session(dialect, tmp_path, owner.environ, owner.modules, owner.stack.modulepath)
    for variable in VARIABLES if own else ():
        session.export(variable, own)
    result = (
        session.do(use(owner, "old"))
        .snapshot("before")
        .check("module load alpha")
        .snapshot("loaded")
        .do(use(owner, "new"))
        .check(*LEFT[leave])
        .snapshot("after")
        .do("printenv > printed")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    url = f"file:{owner.home}/venvs/alpha-1.0/stackenv/constraints.txt"
    for variable in VARIABLES:
        assert result.snapshots["loaded"].environment[variable].split() == [url, *own.split()]
    assert changed(result, "before", "after") == {}
    # Lmod's own variables, which snapshots leave out, hold nothing of it either.
    kept = [line.partition("=")[0] for line in (session.folder / "printed").read_text().splitlines()]
    assert [name for name in kept if name.startswith("__LMOD_") and "_CONSTRAINT" in name] == []


def test_a_constraint_added_after_loading_an_old_module_is_kept(
    dialect: Dialect, tmp_path: Path, owner: User
) -> None:
    ours = f"file:{owner.home}/venvs/alpha-1.0/stackenv/constraints.txt"
    session = open_session(dialect, tmp_path, owner.environ, owner.modules, owner.stack.modulepath)
    result = (
        session.do(use(owner, "old"))
        .export("PIP_CONSTRAINT", "/opt/first.txt")
        .check("module load alpha")
        .do(use(owner, "new"))
        .export("PIP_CONSTRAINT", f"{ours} /opt/first.txt /opt/second.txt")
        .check("module unload alpha")
        .snapshot("after")
        .run()
    )
    assert (set(result.statuses), result.stderr) == ({0}, "")
    assert result.snapshots["after"].environment["PIP_CONSTRAINT"] == "/opt/first.txt /opt/second.txt"
