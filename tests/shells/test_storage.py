"""Where packages and environments are stored, and which values of the user are kept."""

from __future__ import annotations

import pytest
from session import differences

pytestmark = [pytest.mark.some_shells, pytest.mark.site_install, pytest.mark.with_mamba]


@pytest.fixture
def workspace(stack, session):
    """A module like the site's: it prepends to CONDA_ENVS_PATH and sets PYTHONPATH."""
    folder = stack.folder("work space")
    modulefile = stack.folder("more") / "Workspace/1.0.lua"
    modulefile.parent.mkdir()
    modulefile.write_text(
        f'setenv("WORKSPACE", "{folder}")\n'
        f'prepend_path("CONDA_ENVS_PATH", "{folder}/conda/envs")\n'
        f'prepend_path("PYTHONPATH", "{folder}/PyPackages/lib")\n'
    )
    session.environ = {
        **session.environ,
        "MODULEPATH": f"{session.environ['MODULEPATH']}:{modulefile.parents[1]}",
    }
    return folder


def test_a_users_own_package_cache_is_kept(session, stack) -> None:
    session.environ = {**session.environ, "CONDA_PKGS_DIRS": "/data/mine"}
    result = (
        session.snapshot("before")
        .check(stack.load)
        .snapshot("loaded")
        .check(stack.load, stack.unload)
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert result.snapshots["loaded"].environment["CONDA_PKGS_DIRS"] == "/data/mine"
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_a_users_own_environment_folders_stay_first(session, stack) -> None:
    session.environ = {**session.environ, "CONDA_ENVS_PATH": "/data/mine:/data/more"}
    result = (
        session.snapshot("before")
        .check(stack.load)
        .snapshot("loaded")
        .check(stack.load, stack.unload)
        .snapshot("after")
        .run()
    )
    loaded = result.snapshots["loaded"].environment["CONDA_ENVS_PATH"]
    assert loaded == f"/data/mine:/data/more:{stack.environments}"
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_a_list_that_already_has_the_modules_folder_is_unchanged(session, stack) -> None:
    session.environ = {**session.environ, "CONDA_ENVS_PATH": f"{stack.environments}:/data/more"}
    result = (
        session.snapshot("before")
        .check(stack.load)
        .snapshot("loaded")
        .check(stack.load, stack.unload)
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    loaded = result.snapshots["loaded"].environment["CONDA_ENVS_PATH"]
    assert loaded == f"{stack.environments}:/data/more"
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_conda_envs_path_is_not_set_if_the_user_has_conda_envs_dirs(session, stack) -> None:
    session.environ = {**session.environ, "CONDA_ENVS_DIRS": "/data/mine"}
    result = (
        session.snapshot("before")
        .check(stack.load)
        .snapshot("loaded")
        .check(f"{stack.command} --version", stack.unload)
        .snapshot("after")
        .run()
    )
    assert "CONDA_ENVS_PATH" not in result.snapshots["loaded"].environment
    assert result.statuses == [0, 0, 0], result.stderr
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


@pytest.mark.parametrize("variable", ["CONDA_PKGS_DIRS", "CONDA_ENVS_PATH"])
def test_a_variable_exported_after_the_load_survives_the_unload(session, variable: str, stack) -> None:
    result = (
        session.check(stack.load)
        .export(variable, "/data/mine")
        .check(stack.load)
        .snapshot("reloaded")
        .check(stack.unload)
        .snapshot("after")
        .run()
    )
    assert set(result.statuses) == {0}, result.stderr
    assert result.snapshots["reloaded"].environment[variable].split(":")[0] == "/data/mine"
    assert result.snapshots["after"].environment[variable] == "/data/mine"


@pytest.mark.parametrize("first", ["Workspace", "conda"])
@pytest.mark.parametrize("out_first", ["Workspace", "conda"])
def test_the_folder_of_the_workspace_module_comes_first_in_any_load_order(
    session, stack, workspace, first: str, out_first: str
) -> None:
    loads = [stack.load, "module load Workspace"][:: -1 if first == "Workspace" else 1]
    unloads = [stack.unload, "module unload Workspace"][:: -1 if out_first == "Workspace" else 1]
    result = (
        session.snapshot("before")
        .check(*loads)
        .snapshot("both")
        .check(loads[0], stack.load)
        .snapshot("reloaded")
        .check(unloads[0])
        .snapshot("one")
        .check(unloads[1])
        .snapshot("after")
        .run()
    )
    shots = result.snapshots
    theirs, ours = f"{workspace}/conda/envs", str(stack.environments)
    assert shots["both"].environment["CONDA_ENVS_PATH"] == f"{theirs}:{ours}"
    assert shots["reloaded"].environment["CONDA_ENVS_PATH"] == f"{theirs}:{ours}"
    left = ours if out_first == "Workspace" else theirs
    assert shots["one"].environment["CONDA_ENVS_PATH"] == left
    assert differences(shots["before"], shots["after"]) == {}
    assert result.statuses == [0] * 6


@pytest.mark.each_value("first", "words", "dialect")
@pytest.mark.parametrize("words", ["create -n", "create --name=", "env create -n", "env create --file"])
@pytest.mark.parametrize("first", ["Workspace", "conda"])
def test_a_new_environment_is_created_in_the_workspace_modules_folder(
    session, stack, workspace, first: str, words: str
) -> None:
    """mamba reads CONDA_ENVS_PATH from its end, and would create the environment in the home."""
    new = "new" if not words.endswith("--file") else "environment.yml"
    (session.folder / "environment.yml").write_text("name: new\nchannels: [nodefaults]\ndependencies: []\n")
    quiet = "-q" if words.startswith("env") else "-q -y"
    loads = [stack.load, "module load Workspace"][:: -1 if first == "Workspace" else 1]
    result = (
        session.check(*loads)
        .check(f"{stack.command} {words}{'' if words[-1] == '=' else ' '}{new} {quiet} --offline")
        .check(f"{stack.command} activate new")
        .snapshot("active")
        .run()
    )
    assert result.statuses == [0] * 4, result.stdout + result.stderr
    assert result.snapshots["active"].environment["CONDA_PREFIX"] == f"{workspace}/conda/envs/new"


def test_the_load_works_without_home(session, stack) -> None:
    session.environ = {k: v for k, v in session.environ.items() if k != "HOME"}
    if session.dialect.name == "fish":
        pytest.skip("fish 3.6 itself does not start properly without HOME")
    result = (
        session.snapshot("before")
        .check(stack.load)
        .snapshot("loaded")
        .check(stack.unload)
        .snapshot("after")
        .run()
    )
    assert result.statuses == [0, 0], result.stderr
    loaded = result.snapshots["loaded"].environment
    # zsh takes HOME from the user account if it is unset.
    assert ("CONDA_PKGS_DIRS" in loaded) == ("HOME" in loaded)
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
