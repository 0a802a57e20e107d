"""The environment's own pip keeps the stubs, which look to it like any other package."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from stacked import Stack
from users import User, make_once, make_user

# The output of `pip list`: the stubs, packages of the Python module, and the environment's own.
LISTED = ["numpy==1.25.1", "packaging==23.1", "pip==23.2.1", "setuptools==65.5.0", "six==1.17.0"]
REFUSED = (
    ("pip uninstall -y numpy", "numpy 1.25.1"),
    ("python -m pip uninstall -y six NumPy", "numpy 1.25.1"),
    ("pip -q --proxy x uninstall --yes 'packaging[x]>1' six", "packaging 23.1"),
    ("pip uninstall -y -r named.txt", "numpy 1.25.1"),
    ("pip uninstall -yqr named.txt six", "numpy 1.25.1"),
    ("pip uninstall -y --requirement=named.txt", "numpy 1.25.1"),
    ("pip uninstall -y -r folder/outer.txt", "numpy 1.25.1"),
    ("pip uninstall -y -r folder/long.txt", "packaging 23.1"),
    ("pip --python venvs/it-1.0 uninstall -y numpy", "numpy 1.25.1"),
)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with the environment `it`, in which six is installed."""

    def make(folder: Path) -> None:
        user = make_user(folder, one_stack)
        made = user.stackenv("create", "it", "six", load=[one_stack.bundle_module])
        assert made.returncode == 0, made.stderr
        (user.home / "folder").mkdir()
        (user.home / "folder/outer.txt").write_text("six\n-r inner.txt\n")
        (user.home / "folder/inner.txt").write_text(
            "-router.txt\n-r outer.txt\n --requirement=../named.txt\n"
        )
        (user.home / "folder/long.txt").write_text("--requirement  more.txt # of a comment\n")
        (user.home / "folder/more.txt").write_text("-rmost.txt\n")
        (user.home / "folder/most.txt").write_text("packaging\n")
        (user.home / "named.txt").write_text("# packages\nsix\n  NUMPY==1.25.1 ; python_version > '3'\n")

    return make_user(make_once(tmp_path_factory, "pip-and-stubs", make), one_stack)


def in_environment(owner: User, script: str) -> subprocess.CompletedProcess[str]:
    return owner.run(f"module use ~/modules; ml it || exit 99\n{script}")


@pytest.mark.parametrize(("command", "package"), REFUSED)
def test_uninstalling_a_stub_is_refused(owner: User, command: str, package: str) -> None:
    """The other packages of the command are not uninstalled either."""
    done = in_environment(owner, f"{command}; echo $?; pip list --format freeze")
    assert done.stdout.split() == ["1", *LISTED], done.stderr
    assert done.stderr == (
        f"stackenv: pip uninstall was not run: {package} comes with the module {owner.stack.bundle_module} "
        "and is not installed in it/1.0; hint: to install another version there, first run: "
        f"stackenv edit it/1.0 --allow-shadow {package.split()[0]}\n"
    )


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("pip uninstall -y num-py", 0, "Skipping num-py as it is not installed"),
        ("pip install uninstall numpy", 1, "No matching distribution found for uninstall"),
        ("printf 'numpy\\n' >uninstall; pip install -r uninstall", 0, ""),
        ("pip install -U numpy", 0, ""),
    ],
)
def test_other_pip_commands_are_run(owner: User, command: str, status: int, said: str) -> None:
    done = in_environment(owner, f"{command} >&2; echo $?; pip list --format freeze")
    assert done.stdout.split() == [str(status), *LISTED]
    assert said in done.stderr and "stackenv: " not in done.stderr


def test_packages_of_the_environment_are_uninstalled(user: User) -> None:
    """Also one that was installed instead of a stub, with --allow-shadow."""
    made = user.stackenv(
        "create", "it", "six", "numpy==2.1.1", "--allow-shadow", "numpy", load=[user.stack.bundle_module]
    )
    assert made.returncode == 0, made.stderr
    done = in_environment(user, "pip uninstall -qy six numpy; echo $?; pip list --format freeze")
    assert (done.stdout.split(), done.stderr) == (["0", *LISTED[:4]], "")
