"""Conflicts of environments: loaded ones, names of modules, environments that are being created."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from built import BuiltModules
from condas import CONDA
from stacked import Stack
from test_adopt_conda import make_environment
from test_interrupted import SLOW, Running, wait_until
from trees import describe_tree
from users import User, make_user

LOAD = "module use ~/modules; module load biopy"


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with the module biopy, based on the bundle, and a venv of the same Python."""
    user = make_user(tmp_path_factory.mktemp("collisions"), one_stack)
    made = user.stackenv("create", "biopy", load=[one_stack.bundle_module])
    assert made.returncode == 0, made.stderr
    venv = user.run(f"module load {one_stack.python_module}; python -m venv --without-pip venvs/mine")
    assert venv.returncode == 0, venv.stderr
    return user


def read_modules(prefix: Path) -> list[str]:
    return json.loads((prefix / "stackenv/record.json").read_text())["modules"]


def test_a_new_environment_is_based_on_the_base_modules_of_the_loaded_one(owner: User) -> None:
    made = owner.run(f"{LOAD}; module load {owner.stack.other_module}; stackenv create over")
    assert made.returncode == 0, made.stderr
    assert (
        "biopy/1.0, which is loaded, is the module of an environment: its recorded base modules"
        in made.stderr
    )
    beneath = [owner.stack.bundle_module, owner.stack.other_module]
    assert read_modules(owner.home / "venvs/over-1.0") == beneath
    used = owner.run(
        "module use ~/modules; module load over; python -c 'import numpy, sys; print(sys.prefix)'"
    )
    assert used.stdout.strip() == f"{owner.home}/venvs/over-1.0", used.stderr


def test_an_adopted_environment_is_based_on_the_base_modules_of_the_loaded_one(owner: User) -> None:
    adopted = owner.run(f"{LOAD}; stackenv adopt venvs/mine")
    assert adopted.returncode == 0, adopted.stderr
    assert read_modules(owner.home / "venvs/mine") == [owner.stack.bundle_module]
    used = owner.run(
        "module use ~/modules; module load mine; python -c 'import numpy, sys; print(sys.prefix)'"
    )
    assert used.stdout.strip() == f"{owner.home}/venvs/mine", used.stderr


def test_an_environment_loaded_from_another_folder_is_recognized_without_its_variables(
    owner: User, tmp_path: Path
) -> None:
    shutil.copytree(owner.modules, tmp_path / "others")
    come = f"module use {tmp_path}/others; module load biopy; unset STACKENV_ENVIRONMENT VIRTUAL_ENV"
    made = owner.run(f"{come}; stackenv create elsewhere")
    assert made.returncode == 0, made.stderr
    assert read_modules(owner.home / "venvs/elsewhere-1.0") == [owner.stack.bundle_module]


@pytest.mark.parametrize("named", ["biopy", "biopy/1.0"])
@pytest.mark.parametrize("command", ["create it", "create it --conda", "adopt venvs/mine it"])
def test_an_environment_is_refused_as_a_base_module(owner: User, command: str, named: str) -> None:
    venv = owner.home / "venvs/mine"
    if (venv / "stackenv").exists():
        assert owner.stackenv("remove", "mine", "--yes").returncode == 0
    before = describe_tree(owner.home)
    refused = owner.run(f"module use ~/modules; stackenv {command} -m {named}")
    assert refused.returncode == 2, refused.stderr
    assert (
        "biopy/1.0 is the module of an environment, and no other environment can be based on it"
        in refused.stderr
    )
    assert f"-m {owner.stack.bundle_module}" in refused.stderr
    assert describe_tree(owner.home) == before


@pytest.mark.parametrize("which", ["bundle_module", "python_module"])
@pytest.mark.parametrize("command", ["create {name}", "create {name} --dry-run", "adopt venvs/plain {name}"])
def test_the_name_of_a_base_module_is_refused(user: User, which: str, command: str) -> None:
    module = getattr(user.stack, which)
    name = module.split("/")[0]
    made = user.run(f"module load {user.stack.python_module}; python -m venv --without-pip venvs/plain")
    assert made.returncode == 0, made.stderr
    before = describe_tree(user.home)
    refused = user.stackenv(*command.format(name=name).split(), load=[user.stack.bundle_module])
    assert refused.returncode == 2, refused.stderr
    assert f"{name} is also the name of its base module {module}" in refused.stderr
    assert describe_tree(user.home) == before


def test_a_site_modules_name_gives_a_warning_and_an_own_modules_name_does_not(owner: User) -> None:
    name = owner.stack.other_module.split("/")[0]
    made = owner.run(f"module load {owner.stack.bundle_module}; stackenv create {name} --version 99")
    assert made.returncode == 0, made.stderr
    assert f"warning: a module of this name already exists: {owner.stack.other_module}" in made.stderr
    exact = owner.run(
        f"module use ~/modules; module load {name}/99; python -c 'import sys; print(sys.prefix)'"
    )
    assert exact.stdout.strip() == f"{owner.home}/venvs/{name}-99", exact.stderr
    own = owner.run(
        f"module use ~/modules; module load {owner.stack.bundle_module};"
        " stackenv create biopy --version 2.0 --dry-run"
    )
    assert own.returncode == 0 and "warning: " not in own.stderr, own.stderr


@pytest.fixture
def making(user: User, tmp_path: Path) -> Iterator[Running]:
    """Return a running `create` whose build of a package has begun and does not end."""
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "setup.py").write_text(SLOW.format(marker=str(folder / "started")))
    running = Running(user, "create", "it", "--no-build-isolation", str(folder))
    wait_until(lambda: (folder / "started").exists() or running.process.poll() is not None)
    assert running.process.poll() is None, running.log.read_text()
    yield running
    if running.process.poll() is None:
        running.kill()


@pytest.mark.parametrize(
    "arguments",
    [
        ("adopt", "venvs/it-1.0", "other"),
        ("create", "other", "--path", "venvs/it-1.0"),
        ("create", "it"),
        ("create", "it", "--dry-run"),
    ],
)
def test_an_environment_being_created_is_refused_to_other_commands(
    user: User, making: Running, arguments: tuple[str, ...]
) -> None:
    prefix = user.home / "venvs/it-1.0"
    before = describe_tree(prefix)
    refused = user.stackenv(*arguments, load=[user.stack.bundle_module])
    assert refused.returncode == 8, refused.stderr
    assert (
        "is being created by another stackenv" in refused.stderr or "is being changed now" in refused.stderr
    )
    assert "stackenv adopt" not in refused.stderr
    assert making.process.poll() is None
    assert describe_tree(prefix) == before and not (user.modules / "other").exists()


def test_a_half_created_environment_is_not_adopted_but_undone(user: User, making: Running) -> None:
    prefix = user.home / "venvs/it-1.0"
    making.kill()
    told = user.stackenv("adopt", str(prefix), "other", "--dry-run", load=[user.stack.bundle_module])
    assert told.returncode == 8 and "to clean up after an interruption: stackenv list" in told.stderr
    refused = user.stackenv("adopt", str(prefix), "other", load=[user.stack.bundle_module])
    assert refused.returncode == 2 and "were undone" in refused.stderr, refused.stderr
    assert not os.path.lexists(prefix) and not (user.modules / "other").exists()


def write_modules(folder: Path, built: BuiltModules) -> str:
    """Write a tree with two versions of conda's module, of which the lower one is the default."""
    name, version = CONDA.split("/")
    places = (Path(place, f"{CONDA}.lua") for place in built.modulepath.split(":"))
    (found,) = (path for path in places if path.is_file())
    (folder / name).mkdir(parents=True)
    for number in (version, "9999.01"):
        shutil.copy(found, folder / name / f"{number}.lua")
    (folder / name / ".modulerc.lua").write_text(f'module_version("{CONDA}", "default")\n')
    return str(folder)


@pytest.mark.parametrize("named", [["-m", "Anaconda3"], []])
def test_condas_module_without_a_version_is_lmods_default(
    user: User, tmp_path: Path, built_modules: BuiltModules, named: list[str]
) -> None:
    prefix = make_environment(user.home / "stats")
    tree = write_modules(tmp_path / "tree", built_modules)
    adopted = user.stackenv("adopt", str(prefix), *named, MODULEPATH=tree)
    assert adopted.returncode == 0, adopted.stderr
    assert read_modules(prefix) == [CONDA]


def test_a_missing_conda_module_is_reported_with_module_spider(user: User) -> None:
    prefix = make_environment(user.home / "stats")
    refused = user.stackenv("adopt", str(prefix), "-m", "Anaconda3")
    assert refused.returncode == 7, refused.stderr
    assert "Anaconda3" in refused.stderr and "module spider Anaconda3" in refused.stderr
    assert "Traceback" not in refused.stderr
