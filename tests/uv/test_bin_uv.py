"""The environment's own `uv`: it hands the constraints to the user's, or steps aside."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from stacked import open_stack
from users import User, make_once, make_user

# A stand-in that prints its words and the user's variable, one a line.
PRINTING_UV = """#!/bin/sh
# of a test
printf '%s\\n' "$@" "UV_CONSTRAINT=${UV_CONSTRAINT-}"
printenv | grep ^stackenv_
:
"""
# The words, variables before them, and where the constraints go among the words; None: nowhere.
CALLS = (
    ("pip install six", "", 2),
    ("pip sync r.txt", "", 2),
    ("pip compile r.in", "", 2),
    ("--offline --directory /tmp --cache-dir=/c pip -q --color never install -r pip", "", 9),
    ("--directory pip pip install --index-url x -- --python", "", 4),
    ("pip install --python-version 3.11 --python-platform linux six", "", 2),
    ("pip install -c own.txt six", "", 2),
    ("pip install -p $VIRTUAL_ENV six", "", 2),
    ("pip install --python $VIRTUAL_ENV/bin/python3 six", "", 2),
    ("pip install six", "UV_PYTHON=$VIRTUAL_ENV/bin/python", 2),
    ("pip install six", "UV_SYSTEM_PYTHON=0", 2),
    ("pip install six", "UV_SYSTEM_PYTHON=1", None),
    # The active environment's, where it fits.
    ("pip install six", "UV_PYTHON=3.11", 2),
    ("pip install six", "UV_PYTHON=python3", 2),
    ("pip install six", "UV_PYTHON=3.11 UV_SYSTEM_PYTHON=1", None),
    ("pip install -p 3.11 six", "UV_SYSTEM_PYTHON=1", None),
    ("pip install six", "UV_PYTHON=own", None),
    ("pip install six", "VIRTUAL_ENV=$HOME", None),
    ("pip install six", "VIRTUAL_ENV=", None),
    ("pip install --python 3.11 six", "", 2),
    ("pip install --python=python six", "", 2),
    ("pip install -p3 six", "", 2),
    ("pip install -p=$VIRTUAL_ENV six", "", 2),
    ("pip install -Uqp $VIRTUAL_ENV six", "", 2),
    ("pip install -Uc own.txt six", "", 2),
    ("pip install -rp.txt -Pt", "", 2),
    ("pip install -p own six", "", None),
    ("pip install -p=/usr/bin/python3 six", "", None),
    ("pip install -Up /usr six", "", None),
    ("pip install -qUp/usr six", "", None),
    ("pip install -Ut x six", "", None),
    ("pip install -t x -p $VIRTUAL_ENV six", "", None),
    ("pip install --python=/usr/bin/python3 six", "", None),
    ("pip install -p/usr/bin/python3 six", "", None),
    ("pip install --system six", "", None),
    ("pip install six --target x", "", None),
    ("pip install six -tx", "", None),
    ("pip install --prefix=/x six", "", None),
    ("pip uninstall six", "", None),
    ("pip list", "", None),
    ("pip", "", None),
    ("add six", "", None),
    ("sync", "", None),
    ("run pip install six", "", None),
    ("tool run pip install six", "", None),
    ("--version", "", None),
    ("", "", None),
)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with two environments, and a uv of their own that prints what it is told."""
    stack = open_stack("eb5-pythonpath")

    def make(folder: Path) -> None:
        user = make_user(folder, stack)
        for name in ("it", "other"):
            made = user.stackenv("create", name, load=[stack.bundle_module])
            assert made.returncode == 0, made.stderr
        (user.home / "own").mkdir()
        (user.home / "own/uv").write_text(PRINTING_UV)
        (user.home / "own/uv").chmod(0o755)

    return make_user(make_once(tmp_path_factory, "uv", make), stack)


def url(owner: User) -> str:
    return f"file://{owner.home}/venvs/it-1.0/stackenv/constraints.txt"


def in_environment(
    owner: User, script: str, path: str = "$HOME/own:$PATH"
) -> subprocess.CompletedProcess[str]:
    return owner.run(f"export PATH={path}\nmodule use ~/modules; ml it || exit 99\n{script}")


@pytest.mark.parametrize("own", ["", "/one.txt /two*.txt"])
def test_what_a_uv_that_prints_its_words_is_told(owner: User, own: str) -> None:
    set_own = f"export UV_CONSTRAINT='{own}'" if own else ""
    calls = [f"echo CALL; {variables} uv {words}" for words, variables, _ in CALLS]
    done = in_environment(owner, "\n".join([set_own, *calls]))
    assert (done.returncode, done.stderr) == (0, "")
    prefix = f"{owner.home}/venvs/it-1.0"
    told = [call.splitlines() for call in done.stdout.split("CALL\n")[1:]]
    for (words, variables, place), lines in zip(CALLS, told):
        wanted = words.replace("$VIRTUAL_ENV", prefix).split()
        if place is not None:
            beside = [] if "c own.txt" in words else own.split()
            wanted[place:place] = [w for file in (url(owner), *beside) for w in ("--constraint", file)]
        assert lines == [*wanted, f"UV_CONSTRAINT={own}"], (words, variables)


def test_by_the_activate_script_too(owner: User) -> None:
    done = owner.run(
        "export PATH=$HOME/own:$PATH; . venvs/it-1.0/bin/activate\nuv pip install 'a b'; VIRTUAL_ENV= uv x"
    )
    assert done.stdout.splitlines()[:5] == ["pip", "install", "--constraint", url(owner), "a b"]
    assert "x\nUV_CONSTRAINT=\n" in done.stdout


@pytest.mark.parametrize("path", ["$HOME/venvs/other-1.0/bin:$PATH:$HOME/own", "$HOME/nowhere::$HOME/own"])
def test_the_next_uv_is_the_users_and_no_other_environments(owner: User, path: str) -> None:
    without = "/usr/bin:/bin"
    done = in_environment(owner, "uv --version", path.replace("$PATH", without) + f":{without}")
    assert done.stdout.splitlines() == ["--version", "UV_CONSTRAINT="], done.stderr


def test_without_a_uv_there_is_one_sentence(owner: User) -> None:
    done = in_environment(owner, "uv pip list", "$HOME/venvs/other-1.0/bin:/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (127, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("uv: command not found; load a module that has it (`module spider uv`)")


def test_it_costs_one_shell(owner: User, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    strace = f"strace -f -e trace=execve,clone,clone3,fork,vfork -o {trace}"
    done = in_environment(owner, f"{strace} uv pip install six; echo $?", "$HOME/own:$PATH")
    assert done.stdout.endswith("\n0\n"), done.stderr
    before, _, _ = trace.read_text().partition(f'execve("{owner.home}/own/uv"')
    calls = [line.split(maxsplit=1)[1] for line in before.splitlines() if "(" in line]
    assert [call.partition("(")[0] for call in calls] == ["execve"]


def test_a_uv_that_was_installed_is_the_users_own(user: User) -> None:
    """As pip and uv put it there, over ours too: no command takes it away, and one says what it means."""
    stack = user.stack
    uv = user.home / "venvs/plain/bin/uv"
    made = user.run(f"module load {stack.bundle_module}; python -m venv venvs/plain")
    assert made.returncode == 0, made.stderr
    uv.write_text(PRINTING_UV)
    said = f"{uv} is your own and stays as it is; uv may replace what the modules bring"
    for command in (("adopt", "venvs/plain", "it"), ("edit", "it", "--refresh")):
        done = user.stackenv(*command)
        assert (done.returncode, said in done.stderr) == (0, True), done.stderr
        assert uv.read_text() == PRINTING_UV
    uv.unlink()
    again = user.stackenv("edit", "it", "--refresh")
    assert (again.returncode, said in again.stderr) == (0, False), again.stderr
    assert "stackenv_constraints=" in uv.read_text()
    assert uv.stat().st_mode & 0o111


def test_create_with_the_package_uv_says_that_it_is_not_held(user: User, tmp_path: Path) -> None:
    """Of a wheel as uv's: its program is a script of the wheel's."""
    files = {
        "uv-9.data/scripts/uv": PRINTING_UV,
        "uv-9.dist-info/METADATA": "Metadata-Version: 2.1\nName: uv\nVersion: 9\n",
        "uv-9.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(tmp_path / "uv-9-py3-none-any.whl", "w") as wheel:
        for name, text in {**files, "uv-9.dist-info/RECORD": "".join(f"{n},,\n" for n in files)}.items():
            wheel.writestr(name, text)
    made = user.stackenv("create", "it", "uv", load=[user.stack.bundle_module], PIP_FIND_LINKS=str(tmp_path))
    uv = user.home / "venvs/it-1.0/bin/uv"
    assert made.returncode == 0, made.stderr
    assert f"{uv} is your own and stays as it is; uv may replace what the modules bring" in made.stderr
    assert uv.read_text() == PRINTING_UV
