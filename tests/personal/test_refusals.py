"""When a personal module cannot be loaded: the message, the hint, and that the shell is unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from condas import make_conda_user
from session import Result, Session
from shell_sessions import DIALECTS, Dialect, changed, open_session
from stacked import Stack
from users import User

from stackenv.environments.module import describe_conda_environment_module, describe_venv_module
from stackenv.modulefile.text import render_module
from stackenv.record import RECORD_FILE, Platform, Record, parse_record


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack, built_modules) -> User:
    """Return a user with the module `alpha` of a venv, and the module `one` of a conda environment."""
    user = make_conda_user(tmp_path_factory.mktemp("refusals"), one_stack, built_modules)
    both = f"{one_stack.modulepath}:{user.environ['MODULEPATH']}"
    user.environ.update(MODULEPATH=both)
    made = user.stackenv("create", "alpha", "-m", one_stack.bundle_module)
    assert made.returncode == 0, made.stderr
    return user


def prefix_of(owner: User, name: str) -> Path:
    return owner.home / {"alpha": "venvs/alpha-1.0", "one": "conda/envs/one"}[name]


def read_own_record(owner: User, name: str) -> Record:
    path = prefix_of(owner, name) / RECORD_FILE
    return parse_record(path.read_text(), str(path))


@pytest.fixture
def gone(owner: User) -> Iterator[Callable[[str], Path]]:
    """Return a function that moves the folder of an environment away; it is moved back after the test."""
    moved: list[tuple[Path, Path]] = []

    def take(name: str) -> Path:
        prefix = prefix_of(owner, name)
        moved.append((prefix, prefix.rename(prefix.with_name("elsewhere"))))
        return moved[-1][1]

    yield take
    for prefix, elsewhere in moved:
        elsewhere.rename(prefix)


def open_for(dialect: Dialect, folder: Path, owner: User, *modulepath: object) -> Session:
    places = modulepath or (owner.modules, owner.environ["MODULEPATH"])
    return open_session(dialect, folder, owner.environ, *map(str, places))


def refuse(session: Session, module: str) -> Result:
    """Return the result of a load of `module`, which must fail and change nothing."""
    result = session.snapshot("before").check(f"module load {module}").snapshot("after").run()
    assert [bool(status) for status in result.statuses] == [True], result.stderr
    assert changed(result, "before", "after") == {}
    return result


def sentence(result: Result) -> str:
    """Return the error output without the line breaks of Lmod."""
    return " ".join(result.stderr.split())


@pytest.mark.parametrize("name", ["alpha", "one"])
def test_a_missing_environment_is_refused_with_a_hint(dialect, tmp_path, owner, gone, name) -> None:
    gone(name)
    said = sentence(refuse(open_for(dialect, tmp_path, owner), name))
    assert f"{prefix_of(owner, name)}, is gone" in said
    assert f"stackenv adopt NEW_PATH {name}" in said
    assert f"stackenv remove {name}/1.0" in said


@pytest.mark.parametrize("name", ["alpha", "one"])
def test_an_environment_removed_after_the_load_is_unloaded_without_a_trace(
    dialect, tmp_path, owner, name
) -> None:
    prefix = prefix_of(owner, name)
    result = (
        open_for(dialect, tmp_path, owner)
        .snapshot("before")
        .check(f"module load {name}", f"mv {prefix} {prefix}-elsewhere", f"module unload {name}")
        .do(f"mv {prefix}-elsewhere {prefix}")
        .snapshot("after")
        .run()
    )
    assert (result.statuses, result.stderr) == ([0, 0, 0], "")
    assert changed(result, "before", "after") == {}


@pytest.mark.parametrize("name", ["bash", "fish"])
@pytest.mark.parametrize("way", ["unload", "exchange"])
def test_condas_base_is_restored_when_the_folder_is_removed_after_the_load(
    tmp_path, owner, name, way
) -> None:
    """An exchange loads `alpha` first; its code must not be mistaken for that of `one`, which is unloaded."""
    prefix = prefix_of(owner, "one")
    leave = ["module unload one"] if way == "unload" else ["module load alpha", "module unload alpha"]
    session = open_for(DIALECTS[name], tmp_path, owner).check("module load Anaconda3").snapshot("before")
    session.check("module load one", f"mv {prefix} {prefix}-elsewhere", *leave)
    result = session.do(f"mv {prefix}-elsewhere {prefix}").snapshot("after").run()
    assert set(result.statuses) == {0}, result.stderr
    assert changed(result, "before", "after") == {}


@pytest.mark.parametrize("name", ["alpha", "one"])
def test_a_missing_base_module_is_reported_with_the_modulepath_it_was_in(tmp_path, owner, name) -> None:
    said = sentence(refuse(open_for(DIALECTS["bash"], tmp_path, owner, owner.modules), name))
    record = read_own_record(owner, name)
    assert f"the module {record.modules[0]}" in said
    assert f"MODULEPATH={record.modulepath}" in said
    assert f"stackenv rebuild {name}/1.0 --module" in said


@pytest.fixture
def broken(owner: User, request: pytest.FixtureRequest) -> Iterator[str]:
    """Return a line of sh that breaks the Python of the venv, which is restored after the test."""
    folder = prefix_of(owner, "alpha") / "bin"
    kept = {path: path.readlink() for path in folder.glob("python*")}
    lines = {"gone": f"rm {folder}/python*", "dangling": f"ln -sf /nowhere/python3 {folder}/python"}
    yield lines[request.param]
    for path, target in kept.items():
        path.unlink(missing_ok=True)
        path.symlink_to(target)


@pytest.mark.parametrize("broken", ["gone", "dangling"], indirect=True)
def test_a_venv_whose_python_is_missing_is_refused_but_can_be_unloaded(tmp_path, owner, broken) -> None:
    """Its base modules are there: a load would put their Python into PATH."""
    (tmp_path / "refused").mkdir()
    loaded = open_for(DIALECTS["bash"], tmp_path, owner)
    loaded.snapshot("before").check("module load alpha", broken, "module unload alpha").snapshot("after")
    result = loaded.run()
    assert (result.statuses, result.stderr) == ([0, 0, 0], "")
    assert changed(result, "before", "after") == {}
    said = sentence(refuse(open_for(DIALECTS["bash"], tmp_path / "refused", owner), "alpha"))
    assert f"its Python, {prefix_of(owner, 'alpha')}/bin/python, is missing or a broken link" in said
    assert "To find out why: stackenv check alpha/1.0" in said
    assert "stackenv rebuild alpha/1.0" in said


def test_a_load_of_several_modules_changes_nothing_if_one_is_refused(tmp_path, owner, gone) -> None:
    gone("alpha")
    refuse(open_for(DIALECTS["bash"], tmp_path, owner), f"{owner.stack.other_module} alpha")


PLATFORMS = {
    "machine": ("aarch64", None),
    "system": (None, "rocky 9"),
    "major version": (None, "debian 1"),
}


@pytest.mark.parametrize("kind", PLATFORMS)
@pytest.mark.parametrize("name", ["alpha", "one"])
def test_an_environment_of_another_platform_is_refused_with_a_hint(tmp_path, owner, name, kind) -> None:
    record = read_own_record(owner, name)
    machine, system = PLATFORMS[kind]
    platform = Platform(machine or record.platform.machine, system or record.platform.os, record.platform.cpu)
    describe = describe_venv_module if record.kind == "venv" else describe_conda_environment_module
    modulefile = tmp_path / f"modules/{name}/1.0.lua"
    modulefile.parent.mkdir(parents=True)
    modulefile.write_text(render_module(describe(replace(record, platform=platform))))
    places = (tmp_path / "modules", owner.environ["MODULEPATH"])
    said = sentence(refuse(open_for(DIALECTS["bash"], tmp_path, owner, *places), name))
    assert f"was created on {platform.machine}, {platform.os}" in said
    assert f"stackenv export {name}/1.0" in said
    modulefile.write_text(render_module(describe(record)))
    (tmp_path / "session").rename(tmp_path / "first session")
    here = open_for(DIALECTS["bash"], tmp_path, owner, *places).check(f"module load {name}").run()
    assert (here.statuses, here.stderr) == ([0], "")
