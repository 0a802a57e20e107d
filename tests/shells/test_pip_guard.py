"""A site's guard in /etc/pip.conf stops the OS Python, but neither conda environments nor the user's own."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from guarded import OS_PYTHON, REFUSED, REFUSED_STATUS, make_guard, make_python_environment
from in_ci import fail_or_skip
from session import differences
from stacked import open_stack

pytestmark = pytest.mark.some_shells

LOAD = "module load Anaconda3/2024.02-1"
UNLOAD = "module unload Anaconda3"
INSTALL = "python -m pip install --no-deps six"
OS_INSTALL = f"{OS_PYTHON} -m pip install --no-deps --target tried six"
NAME = "PIP_REQUIRE_VIRTUALENV"


@pytest.fixture(scope="session")
def modules():
    return open_stack("eb5-pythonpath")


@pytest.fixture
def prefix(stack, modules) -> Path:
    return make_python_environment(stack.environments / "real", modules)


@pytest.fixture
def guarded(session, prefix, modules, tmp_path):
    """A session on a site whose guard is active."""
    if subprocess.run([OS_PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        message = f"{OS_PYTHON} has no pip"
        fail_or_skip(message)
    guard = make_guard(tmp_path / "etc")
    wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": modules.wheels}
    return replace(session, environ={**session.environ, **guard, **wheels})


def test_pip_works_in_an_environment_and_is_refused_for_the_os_python(guarded, prefix) -> None:
    result = (
        guarded.snapshot("before")
        .check(OS_INSTALL, LOAD)
        .snapshot("loaded")
        .check(OS_INSTALL, "conda activate real", INSTALL)
        .snapshot("active")
        .check("conda activate --stack one", "conda deactivate", "conda deactivate")
        .snapshot("left")
        .check(OS_INSTALL, "conda activate real", UNLOAD)
        .snapshot("after")
        .check(OS_INSTALL)
        .run()
    )
    refused = REFUSED_STATUS
    assert result.statuses == [refused, 0, refused, 0, 0, 0, 0, 0, refused, 0, 0, refused], result.stderr
    assert result.stderr.count(REFUSED) == 4
    assert (prefix / "lib/python3.11/site-packages/six.py").is_file()
    assert result.snapshots["active"].environment[NAME] == "false"
    assert NAME not in result.snapshots["loaded"].environment
    assert differences(result.snapshots["loaded"], result.snapshots["left"]) == {}
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_pip_works_after_a_reload_and_an_empty_value_is_restored(guarded, prefix) -> None:
    result = (
        guarded.export(NAME, "")
        .snapshot("before")
        .check(LOAD, "conda activate real", LOAD, INSTALL, "conda deactivate", UNLOAD)
        .snapshot("after")
        .run()
    )
    assert result.statuses == [0] * 6, result.stderr
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


@pytest.mark.parametrize(
    ("dialect", "name"),
    [("bash", NAME), ("tcsh", NAME), ("fish", NAME), ("dash", "PIP_REQUIRE_VENV")],
    indirect=["dialect"],
)
def test_the_users_own_pip_variable_is_kept(guarded, name: str) -> None:
    result = (
        guarded.export(name, "1")
        .snapshot("before")
        .check(LOAD, "conda activate real")
        .snapshot("active")
        .check(INSTALL, "conda deactivate", UNLOAD)
        .snapshot("after")
        .run()
    )
    assert result.statuses == [0, 0, REFUSED_STATUS, 0, 0], result.stderr
    active = result.snapshots["active"].environment
    assert active[name] == "1" and active.keys() & {NAME, "PIP_REQUIRE_VENV"} == {name}
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


@pytest.mark.parametrize("dialect", ["ksh", "tcsh", "fish"], indirect=True)
def test_a_variable_that_the_user_sets_after_activation_is_kept(guarded, prefix) -> None:
    guarded.check(LOAD, "conda activate real").export(NAME, "1").check(INSTALL, "conda deactivate", UNLOAD)
    result = guarded.snapshot("after").run()
    assert result.statuses == [0, 0, REFUSED_STATUS, 0, 0], result.stderr
    after = result.snapshots["after"].environment
    assert after[NAME] == "1" and "STACKENV_PIP_GUARD" not in after


@pytest.mark.any_value("dialect")
@pytest.mark.parametrize("command", ["conda", "mamba"])
@pytest.mark.parametrize("dialect", ["bash", "tcsh", "fish"], indirect=True)
def test_pip_works_under_conda_run_and_conda_env_update(guarded, prefix, tmp_path, command: str) -> None:
    wanted = tmp_path / "environment.yml"
    wanted.write_text("name: real\nchannels: [nodefaults]\ndependencies:\n  - pip:\n      - pytz\n")
    result = (
        guarded.export("CONDA_OFFLINE", "1")
        .check("module load Miniforge3" if command == "mamba" else LOAD)
        .check(f"{command} run --name real {INSTALL}")
        .check(f"{command} env update --name real --file {wanted}")
        .snapshot("after")
        .run()
    )
    assert result.statuses == [0, 0, 0], result.stdout + result.stderr
    packages = prefix / "lib/python3.11/site-packages"
    assert (packages / "six.py").is_file() and (packages / "pytz").is_dir()
    assert NAME not in result.snapshots["after"].environment


@pytest.mark.parametrize("dialect", ["dash"], indirect=True)
def test_without_a_guard_no_pip_variable_is_set(session, prefix) -> None:
    result = session.check(LOAD, "conda activate real").snapshot("active").run()
    active = result.snapshots["active"].environment
    assert active["CONDA_DEFAULT_ENV"] == "real"
    assert [name for name in active if name.startswith("PIP_") or name == "STACKENV_PIP_GUARD"] == []


@pytest.mark.parametrize("dialect", ["bash"], indirect=True)
@pytest.mark.parametrize(
    ("file", "section", "status"),
    [
        (".config/pip/pip.conf", "install", 0),
        (".pip/pip.conf", "global", 0),
        # The file of the environment itself was written for this very environment, and holds.
        ("conda/envs/real/pip.conf", "global", REFUSED_STATUS),
    ],
)
def test_the_users_pip_conf_does_not_stop_pip_but_the_environments_does(
    session, stack, prefix, modules, file, section, status
) -> None:
    path = stack.home / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[{section}]\nrequire_venv = yes\n")
    wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": modules.wheels}
    at_home = replace(session, environ={**session.environ, **wheels})
    result = at_home.check(LOAD, "conda activate real", INSTALL).run()
    assert result.statuses == [0, 0, status], result.stderr


@pytest.mark.parametrize("dialect", ["bash"], indirect=True)
def test_pip_works_in_venvs_and_base_without_the_module_loaded(guarded, prefix, stack) -> None:
    # The tests' base has a pyvenv.cfg; the hook's file is copied from there to an environment without one.
    (prefix / "pip.conf").write_bytes(Path(stack.root("2024.02-1"), "pip.conf").read_bytes())
    result = (
        guarded.check(f"{prefix}/bin/{INSTALL}", f"{prefix}/bin/python -m venv {stack.home}/venv")
        .check(f"{stack.home}/venv/bin/{INSTALL}")
        .export(NAME, "1")
        .check(f"{prefix}/bin/{INSTALL}")
        .run()
    )
    assert result.statuses == [0, 0, 0, REFUSED_STATUS], result.stderr


@pytest.mark.parametrize("dialect", ["bash"], indirect=True)
def test_a_broken_pip_conf_is_reported_by_pip_itself(guarded, prefix, stack) -> None:
    (stack.home / ".config/pip").mkdir(parents=True)
    (stack.home / ".config/pip/pip.conf").write_text("require-virtualenv = true\n")
    result = guarded.check(LOAD, "conda activate real", INSTALL).run()
    assert result.statuses[:2] == [0, 0] and result.statuses[2] not in (0, REFUSED_STATUS)
    assert "stackenv" not in result.stderr and "no section headers" in result.stderr
