"""Kernels of conda environments: added, refused, and started while another conda environment is active."""

from __future__ import annotations

from pathlib import Path

import pytest
from built import SITE_CONFIGURATION, BuiltModules
from jupyters import CHANNEL, Jupyter
from stacked import Stack
from users import User, make_user

NAME = "stackenv-genes-1.0"
CONDA = "Anaconda3/2024.02-1"
ACTIVE = f'module load {CONDA}; conda activate around; [ "$CONDA_DEFAULT_ENV" = around ] || exit 99'
WHERE = """
import json, os, sys
import pandas
print(json.dumps([pandas.__file__, sys.executable, dict(os.environ)]))
"""


def run(user: User, script: str) -> None:
    done = user.run(f"set -e\n{script}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def biologist(tmp_path_factory: pytest.TempPathFactory, stack: Stack, built_modules: BuiltModules) -> User:
    """Return a user with two conda environments and their modules: `genes`, and `tools`, without Python."""
    folder = tmp_path_factory.mktemp("conda")
    user = make_user(folder, stack)
    (folder / "site.yaml").write_text(SITE_CONFIGURATION)
    modulepath = f"{built_modules.modulepath}:{stack.modulepath}"
    user.environ.update(MODULEPATH=modulepath, STACKENV_SITE_CONFIG=str(folder / "site.yaml"))
    # The channel with ipykernel comes after the site's channels.
    (user.home / ".condarc").write_text(f"channels: [{CHANNEL}]\n")
    run(
        user,
        "stackenv create genes --conda python pandas activating\n"
        "stackenv create tools --conda plain\n"
        f"module load {CONDA}; conda create --yes --quiet --name around python activating",
    )
    return user


def test_a_missing_ipykernel_is_refused_and_installed_by_conda_on_request(biologist: User) -> None:
    done = biologist.stackenv("kernel", "add", "genes")
    assert done.returncode == 1
    assert "hint: stackenv kernel add genes/1.0 --install" in done.stderr
    done = biologist.stackenv("kernel", "add", "genes", "--install")
    assert done.returncode == 0, done.stderr
    assert "'genes/1.0 (conda, Python 3." in done.stderr
    # conda's own output is shown only when conda fails.
    assert "transaction" not in done.stderr.lower()


def test_an_environment_without_python_is_refused_with_an_install_command(biologist: User) -> None:
    for more in ((), ("--install",)):
        done = biologist.stackenv("kernel", "add", "tools", *more)
        assert done.returncode == 1
        assert "tools/1.0 is a conda environment without Python" in done.stderr
        assert "conda install --prefix" in done.stderr


@pytest.mark.parametrize(
    "before",
    [
        "",
        ACTIVE,
        f"{ACTIVE}\nconda activate; unset LOADEDMODULES _LMFILES_",
        "module load {bundle}; export PYTHONHOME=/nowhere VIRTUAL_ENV=/nowhere",
        'module use "$HOME/modules"; module load genes',
    ],
    ids=["bare", "active", "active-unloaded", "stack", "its-own-module"],
)
def test_the_kernel_starts_whatever_is_active_around_jupyter(
    biologist: User, tmp_path: Path, before: str
) -> None:
    bundle = biologist.stack.bundle_module
    with Jupyter(tmp_path, biologist.environ, before.replace("{bundle}", bundle)) as jupyter:
        jupyter.start(NAME)
        pandas, python, environ = jupyter.run(WHERE)
    (prefix,) = (biologist.home / "conda/envs").glob("genes*")
    assert pandas.startswith(f"{prefix}/")
    assert python == f"{prefix}/bin/python"
    assert environ["CONDA_PREFIX"] == str(prefix)
    assert (environ["CONDA_SHLVL"], environ["STACKENV_TEST_ACTIVATED"]) == ("1", "1")
    assert "envs/around" not in environ["PATH"]
    assert not {"PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX_1"} & set(environ)
    assert "genes/1.0" in environ["LOADEDMODULES"].split(":")
    assert bundle not in environ["LOADEDMODULES"]


def test_the_kernel_can_be_interrupted_and_restarted(biologist: User, tmp_path: Path) -> None:
    with Jupyter(tmp_path, biologist.environ) as jupyter:
        pid = jupyter.start(NAME)["pid"]
        answer = jupyter.ask("interrupt", "import time\nprint('begun', flush=True)\ntime.sleep(50)")
        assert answer["error"] == "KeyboardInterrupt"
        assert jupyter.ask("restart")["pid"] != pid
        assert jupyter.run("print(1)") == 1


def test_removing_the_environment_removes_its_kernel(biologist: User) -> None:
    done = biologist.stackenv("remove", "genes", "--yes")
    assert done.returncode == 0, done.stderr
    assert not (biologist.home / f".local/share/jupyter/kernels/{NAME}").exists()
