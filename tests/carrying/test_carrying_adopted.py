"""Adopted venvs whose Python is started without modules: by creator, moved, copied, or behind a link."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from needy_stack import FIND, NeedleStack
from users import User, make_user

LOADER = "import os; assert not [n for n in os.environ if n.startswith(('LD_', 'STACKENV_'))]"
# The commands that create a venv, with PYTHON and FOLDER; with or without pip makes no difference.
MAKERS = {
    "venv": "PYTHON -m venv --without-pip FOLDER",
    "copies": "PYTHON -m venv --without-pip --copies FOLDER",
    "virtualenv": "virtualenv -q --no-download -p PYTHON FOLDER",
    "virtualenv-copies": "virtualenv -q --no-download --copies --no-pip -p PYTHON FOLDER",
    "uv": "uv venv -q -p PYTHON FOLDER",
    "on-a-venv": "PYTHON -m venv --without-pip first && first/bin/python -m venv --without-pip FOLDER",
}


@pytest.fixture
def user(tmp_path: Path, needy_stack: NeedleStack) -> User:
    return make_user(tmp_path, needy_stack)


def make(user: User, maker: str = "venv", folder: str = "mine") -> Path:
    """Create a venv with the modules loaded, and return its folder in the home."""
    python = f"{user.stack.software}/{user.stack.python_module}/bin/python3"
    quoted = "'" + folder.replace("'", "'\\''") + "'"
    command = MAKERS[maker].replace("PYTHON", python).replace("FOLDER", quoted)
    made = user.run(f"module load {user.stack.bundle_module} && {command}")
    assert made.returncode == 0, made.stderr
    return user.home / folder


def adopt(user: User, folder: Path, *options: str) -> None:
    done = user.stackenv("adopt", str(folder), "mine", *options, load=[user.stack.bundle_module])
    assert done.returncode == 0, done.stderr


def start(folder: Path, code: str = f"{FIND}; {LOADER}") -> subprocess.CompletedProcess[str]:
    """Start the Python of the venv `folder` with no variable but PATH."""
    return subprocess.run(
        [folder / "bin/python", "-c", code],
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def says_10(folder: Path) -> bool:
    found = start(folder)
    assert (found.stdout, found.stderr) == ("10\n", "")
    return True


@pytest.mark.parametrize("maker", list(MAKERS))
def test_an_adopted_venv_finds_its_modules_whatever_created_it(user: User, maker: str) -> None:
    folder = make(user, maker)
    adopt(user, folder)
    assert says_10(folder)
    found = start(folder, "import sys; print(sys.prefix, sys.executable)")
    assert found.stdout == f"{folder} {folder}/bin/python\n"


@pytest.mark.parametrize("name", ["two words", 'it\'s "quoted" $HOME', "Umgebung für ü 日本", "a;b&c", "-x"])
def test_folder_names_with_special_characters_work(user: User, name: str) -> None:
    folder = make(user, folder=f"odd/{name}")
    adopt(user, folder)
    assert says_10(folder)


def test_no_pth_carries_nothing_and_edit_carry_gives_the_commands_that_add_it(user: User) -> None:
    folder = make(user)
    adopt(user, folder, "--no-pth")
    found = start(folder)
    assert found.returncode == 1 and "No module named 'needle'" in found.stderr
    assert "stackenv" not in found.stderr
    refused = user.stackenv("edit", "mine", "--carry")
    assert refused.returncode == 2, refused.stderr
    assert "was adopted with --no-pth" in " ".join(refused.stderr.split())
    said, _, again = refused.stderr.rpartition("hint: ")[2].strip().partition("; ")
    assert said.endswith(": stackenv remove mine/1.0")
    for command in ("stackenv remove mine/1.0 --yes", again):
        done = user.run(f"module load {user.stack.bundle_module}; {command}")
        assert done.returncode == 0, done.stderr
    assert says_10(folder)


def test_a_venv_adopted_through_a_linked_home_starts_by_both_paths(user: User) -> None:
    folder = make(user)
    link = user.home.parent / "link"
    link.symlink_to(user.home)
    adopt(user, link / "mine")
    assert says_10(folder) and says_10(link / "mine")


def test_a_moved_venv_works_before_and_after_it_is_adopted_again(user: User) -> None:
    folder = make(user)
    adopt(user, folder)
    moved = folder.rename(user.home / "moved")
    assert says_10(moved)
    adopt(user, moved)
    assert says_10(moved)


def test_a_copied_venv_must_be_adopted_once_the_modules_change(user: User) -> None:
    module = user.home / "own/Own/1.0.lua"
    module.parent.mkdir(parents=True)
    module.write_text(f'depends_on("{user.stack.bundle_module}")\n')
    user.environ["MODULEPATH"] = f"{user.home}/own:{user.stack.modulepath}"
    folder, copy = make(user), user.home / "a copy"
    done = user.stackenv("adopt", str(folder), "mine", load=["Own/1.0"])
    assert done.returncode == 0, done.stderr
    subprocess.run(["cp", "-a", folder, copy], check=True)
    assert says_10(copy)
    module.write_text(f"{module.read_text()}-- built again\n")
    found = start(copy)
    assert found.returncode == 1 and found.stderr.partition("\n")[0] == (
        f"stackenv: the environment mine/1.0 runs without its modules: the modulefile {module} has changed, "
        f"and the environment was created in {folder}; hint: stackenv adopt '{copy}'"
    )
    assert start(folder).stderr.partition("\n")[0].endswith("hint: stackenv edit mine/1.0 --refresh")
    done = user.stackenv("adopt", str(copy), "copy", load=["Own/1.0"])
    assert done.returncode == 0, done.stderr
    assert says_10(copy)
    shutil.rmtree(folder)
    assert says_10(copy)
