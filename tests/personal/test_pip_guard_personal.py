"""pip works in environments with a personal module, on a site that guards the Python of the OS."""

from __future__ import annotations

from pathlib import Path

import pytest
from condas import CONDA, make_conda_user
from guarded import OS_PYTHON, REFUSED, REFUSED_STATUS, make_guard, make_python_environment
from users import User, make_user

from stackenv import STACKENV_UUID

INSTALL = "python -m pip install --no-deps six"
OS_INSTALL = f"{OS_PYTHON} -m pip install --no-deps --target tried six"


@pytest.fixture
def user(tmp_path: Path, one_stack, built_modules) -> User:
    """Return a user of a guarded site with an environment whose Python pip does not see as virtual."""
    user = make_conda_user(tmp_path, one_stack, built_modules)
    user.environ.update(make_guard(tmp_path / "etc"), PATH="/usr/bin:/bin")
    make_python_environment(user.home / "conda/envs/real", one_stack)
    return user


def test_pip_is_allowed_in_the_environment_and_still_refused_for_the_os(user: User) -> None:
    adopted = user.stackenv("adopt", "real")
    assert adopted.returncode == 0, adopted.stderr
    done = user.run(
        f"module use ~/modules; module load real; env | grep -c PIP_REQUIRE; {INSTALL} || exit 1; "
        f"conda activate one; conda deactivate; env | grep -c PIP_REQUIRE; {OS_INSTALL}; echo $?; "
        "module purge; env | grep -c -e PIP_REQUIRE -e STACKENV_PIP"
    )
    lines = [line for line in done.stdout.splitlines() if line.isdigit()]
    assert lines == ["0", "0", str(REFUSED_STATUS), "0"], done.stdout + done.stderr
    assert done.stderr.count(REFUSED) == 1
    file = user.home / "conda/envs/real/pip.conf"
    assert STACKENV_UUID in file.read_text()
    removed = user.stackenv("remove", "--yes", "real")
    assert removed.returncode == 0, removed.stderr
    assert not file.exists()


def test_pip_works_in_an_environment_activated_on_top(user: User) -> None:
    adopted = user.stackenv("adopt", "third")
    assert adopted.returncode == 0, adopted.stderr
    done = user.run(
        f"module load {CONDA}; module use ~/modules; module load third; conda activate real && {INSTALL} && "
        "conda deactivate && env | grep -c PIP_REQUIRE; conda activate real; module unload third; "
        "module purge; env | grep -e PIP_REQUIRE -e STACKENV_PIP"
    )
    assert "Successfully installed six" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "0", done.stdout


@pytest.mark.parametrize("kind", ["file", "link"])
def test_the_users_own_pip_conf_is_kept(user: User, kind: str) -> None:
    file = user.home / "conda/envs/real/pip.conf"
    mine = user.home / "mine.conf" if kind == "link" else file
    mine.write_text("[global]\ntimeout = 7\n")
    if kind == "link":
        file.symlink_to(mine)
    adopted = user.stackenv("adopt", "real")
    assert adopted.returncode == 0, adopted.stderr
    assert f"{file} is your own file and is not changed" in adopted.stderr
    for command in (["edit", "real", "--description", "x"], ["remove", "--yes", "real"]):
        done = user.stackenv(*command)
        assert done.returncode == 0, done.stderr
        assert mine.read_text() == "[global]\ntimeout = 7\n" and file.is_symlink() == (kind == "link")


def test_pip_works_in_a_venv_and_is_refused_again_after_unloading(tmp_path: Path, one_stack) -> None:
    user = make_user(tmp_path, one_stack)
    user.environ.update(make_guard(tmp_path / "etc"))
    created = user.stackenv("create", "biopy", "six", load=[one_stack.bundle_module])
    assert created.returncode == 0, created.stderr
    done = user.run(
        "module use ~/modules; module load biopy; pip install pytz && python -c 'import six, pytz'; echo $?; "
        f"env | grep -c PIP_REQUIRE; module load {one_stack.python_module}; module unload biopy; "
        "python -m pip install --user pytz; echo $?"
    )
    lines = [line for line in done.stdout.splitlines() if line.isdigit()]
    assert lines == ["0", "0", str(REFUSED_STATUS)], done.stdout + done.stderr
