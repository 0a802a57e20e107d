"""The module name that `stackenv adopt` suggests for an environment made without stackenv."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from stackenv.environments.store import check_name
from stackenv.errors import UsageError
from stackenv.lifecycle.adopted_name import suggest_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *((f"/home/ada/proj/{folder}", "proj") for folder in (".venv", "venv", "env", ".env", "virtualenv")),
        ("/home/ada/proj/.conda", "proj"),
        *((f"/home/ada/proj/{folder}", "proj") for folder in (".venv-3.11", "venv3", ".env3", "venv_py39")),
        ("/home/ada/.virtualenvs/VENV", "VENV"),
        ("/home/ada/venvs/virtualenv", "virtualenv"),
        ("/home/ada/proj/.pixi/envs/default", "proj"),
        ("/home/ada/proj/.pixi/envs/test", "proj-test"),
        ("/home/ada/proj/.tox/py311", "proj-py311"),
        ("/home/ada/proj/.nox/tests-3-11", "proj-tests-3-11"),
        ("/home/ada/proj/.tox/venv", "proj"),
        ("/home/ada/py311", "py311"),
        ("/home/ada/conda/envs/env", "env"),
        ("/home/ada/venvs/biopy", "biopy"),
        ("/home/ada/miniconda3", "miniconda3"),
        ("/scratch/ada", "ada"),
        # Not valid as the name of a module.
        ("/home/ada/M\u00fcllers Daten (2)/.venv", "Mullers-Daten-2"),
        ("/home/ada/plots.lua", "plots"),
        (f"/home/ada/{'x' * 200}", "x" * 100),
    ],
)
def test_an_adopted_environment_is_named_after_its_folder_or_project(path: str, name: str) -> None:
    assert suggest_name(Path(path), Path("/home/ada")) == check_name(name)


@pytest.mark.parametrize(
    "path",
    [
        # Not a project: a home, a folder named after its owner, an installation, the top of a file system.
        "/home/ada",
        "/home/ada/.venv",
        "/home/ada/.tox/py311",
        "/home/ada/default",
        "/scratch/ada/env",
        "/home/ada/miniconda3/envs/default",
        "/home/ada/micromamba/envs/default",
        "/scratch/.venv",
        "/venv",
        # Not valid as the name of a module.
        "/home/ada/\u0434\u0430\u043d\u043d\u044b\u0435/.venv",
        "/home/ada/\u0434\u0430\u043d\u043d\u044b\u0435",
    ],
)
def test_a_path_without_a_usable_name_is_refused_with_a_hint_to_give_one(path: str) -> None:
    with pytest.raises(UsageError) as raised:
        suggest_name(Path(path), Path("/home/ada"))
    assert raised.value.hint == f"stackenv adopt {shlex.quote(path)} NAME"


def test_a_conda_installation_is_recognized_by_its_conda_meta_folder(tmp_path: Path) -> None:
    prefix = tmp_path / "python/envs/default"
    assert suggest_name(prefix, Path("/home/ada")) == "python"
    (tmp_path / "python/conda-meta").mkdir(parents=True)
    with pytest.raises(UsageError):
        suggest_name(prefix, Path("/home/ada"))


def test_a_mount_point_is_not_used_as_a_name() -> None:
    place = Path("/dev/pts")
    assert place.is_mount()
    with pytest.raises(UsageError):
        suggest_name(place / ".venv", Path("/home/ada"))
