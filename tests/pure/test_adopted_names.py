"""What the module of an environment is called that somebody has made without stackenv."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackenv.apply.store import check_name
from stackenv.commands.adopt import suggest_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *((f"/home/ada/proj/{folder}", "proj") for folder in (".venv", "venv", "env", ".env", "virtualenv")),
        ("/home/ada/proj/.conda", "proj"),
        ("/home/ada/proj/.virtualenvs/VENV", "virtualenvs"),
        ("/home/ada/proj/.pixi/envs/default", "proj"),
        ("/home/ada/proj/.pixi/envs/test", "test"),
        ("/home/ada/proj/.tox/py311", "py311"),
        ("/home/ada/conda/envs/env", "env"),
        ("/home/ada/venvs/biopy", "biopy"),
        # No project: the home, and what is called after its owner.
        ("/home/ada/.venv", "venv"),
        ("/scratch/ada/env", "env"),
        ("/venv", "venv"),
        # What no module can be called.
        ("/home/ada/M\u00fcllers Daten (2)/.venv", "Mullers-Daten-2"),
        ("/home/ada/\u0434\u0430\u043d\u043d\u044b\u0435/.venv", "venv"),
        ("/home/ada/\u0434\u0430\u043d\u043d\u044b\u0435", "environment"),
        ("/home/ada/default", "environment"),
        ("/home/ada/plots.lua", "plots"),
        (f"/home/ada/{'x' * 200}", "x" * 100),
    ],
)
def test_it_is_the_folders_or_the_projects(path: str, name: str) -> None:
    assert suggest_name(Path(path), Path("/home/ada")) == check_name(name)
