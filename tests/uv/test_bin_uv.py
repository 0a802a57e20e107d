"""The environment's own `uv`: it runs the user's uv, with the constraints where they apply."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from stacked import open_stack
from users import User, make_once, make_user

# A stand-in for uv that prints its arguments and the user's UV_CONSTRAINT, one per line.
PRINTING_UV = """#!/bin/sh
# of a test
printf '%s\\n' "$@" "UV_CONSTRAINT=${UV_CONSTRAINT-}"
printenv | grep ^stackenv_
:
"""
# The arguments, variables before the command, and the place of the constraints among the arguments; None:
# no constraints.
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
    # These mean the active environment, if it fits.
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
    # Paths are relative to --directory and its variables.
    ("--directory proj pip install --python .own six", "", None),
    ("pip install --python=.own six --directory=proj", "", None),
    ("pip install --python .own six", "UV_WORKING_DIR=proj", None),
    ("pip install --python ./.own six", "UV_WORKING_DIRECTORY=proj", None),
    ("--directory venvs pip install -p ./it-1.0/bin/python six", "", 4),
    ("pip install -p it-1.0 six", "UV_WORKING_DIR=venvs", 2),
    ("--directory $VIRTUAL_ENV pip install --python bin/python six", "", 4),
    ("--directory $VIRTUAL_ENV/bin pip install --python ./python3 six", "", 4),
    ("pip install --python .own six", "", 2),
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
    ("pip install -- six --system -c x -t y", "", 2),
    ("pip install -r own.txt --dry-run --reinstall six", "", 2),
    ("pip install --reinstall --no-reinstall six", "", 2),
    ("pip install --reinstall-package six --reinstall-package=num six", "", 2),
    ("pip compile six.txt -o out.txt", "", 2),
    ("pip sync six.txt", "UV_REQUIRE_HASHES=1", 2),
    ("pip sync --link-mode copy six.txt -", "", 2),
    ("pip install -r six.txt", "", 2),
    # These concern no stub, or another environment.
    ("pip uninstall six", "", None),
    ("pip uninstall -y num-py numpy-x ./numpy git+https://numpy -- six", "", None),
    ("pip uninstall --dry-run numpy", "", None),
    ("pip uninstall -p own numpy", "", None),
    ("pip uninstall -r six.txt -rmissing.txt six", "", None),
    ("pip uninstall -r numpy.txt six", "", None),
    ("pip install --reinstall --target x numpy", "", None),
    ("--reinstall sync numpy", "", None),
    ("pip list", "", None),
    ("pip", "", None),
    ("add six", "", None),
    ("sync", "", None),
    # Projects that use this environment, and have removed no stub.
    ("add six", "UV_PROJECT_ENVIRONMENT=$VIRTUAL_ENV", None),
    ("--directory x sync --active -- six", "", None),
    ("remove six", "UV_PROJECT_ENVIRONMENT=$VIRTUAL_ENV", None),
    ("run --active sync", "", None),
    ("run pip install six", "", None),
    ("tool run pip install six", "", None),
    ("--version", "", None),
    ("", "", None),
)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with two environments, and the stand-in for uv."""
    stack = open_stack("eb5-pythonpath")

    def make(folder: Path) -> None:
        user = make_user(folder, stack)
        for name in ("it", "other"):
            made = user.stackenv("create", name, load=[stack.bundle_module])
            assert made.returncode == 0, made.stderr
        (user.home / "own").mkdir()
        (user.home / "own/uv").write_text(PRINTING_UV)
        (user.home / "own/uv").chmod(0o755)
        (user.home / "six.txt").write_text("# a comment\n\n  six==1.17.0")
        (user.home / "proj/.own").mkdir(parents=True)
        (user.home / ".own").symlink_to("venvs/it-1.0")
        (user.home / "numpy.txt").write_text("# a comment\nsix\n  NumPy>=1 ; python_version > '3'")

    return make_user(make_once(tmp_path_factory, "uv", make), stack)


def url(owner: User) -> str:
    return f"file://{owner.home}/venvs/it-1.0/stackenv/constraints.txt"


def in_environment(
    owner: User, script: str, path: str = "$HOME/own:$PATH"
) -> subprocess.CompletedProcess[str]:
    return owner.run(f"export PATH={path}\nmodule use ~/modules; ml it || exit 99\n{script}")


@pytest.mark.parametrize("own", ["", "/one.txt /two*.txt"])
def test_the_users_uv_gets_the_constraints_where_they_apply(owner: User, own: str) -> None:
    set_own = f"export UV_CONSTRAINT='{own}'" if own else ""
    calls = [f"echo CALL; {variables} uv {words}" for words, variables, _ in CALLS]
    done = in_environment(owner, "\n".join([set_own, *calls]))
    assert (done.returncode, done.stderr) == (0, "")
    prefix = f"{owner.home}/venvs/it-1.0"
    told = [call.splitlines() for call in done.stdout.split("CALL\n")[1:]]
    for (words, variables, place), lines in zip(CALLS, told):
        wanted = words.replace("$VIRTUAL_ENV", prefix).split()
        if place is not None:
            beside = [] if "-c " in words.partition(" -- ")[0] or "-Uc" in words else own.split()
            held = [w for file in (url(owner), *beside) for w in ("--constraint", file)]
            keeps = wanted[place - 1] != "compile" and "reinstall" not in words
            wanted[place:place] = [*held, *(["--no-reinstall"] if keeps else [])]
        assert lines == [*wanted, f"UV_CONSTRAINT={own}"], (words, variables)


# The commands that are refused, and parts of the message: the reason, and the hint.
FREE = "first run: stackenv edit it/1.0 --allow-shadow"
REFUSED = (
    ("pip uninstall numpy", "numpy 1.25.1 comes with the module BUNDLE", f"{FREE} numpy"),
    (
        "pip uninstall six NUM_PY Packaging",
        "packaging 23.1 comes with the module BUNDLE",
        f"{FREE} packaging",
    ),
    ("pip uninstall -q -- 'NumPy[x]>1'", "numpy 1.25.1 comes with", f"{FREE} numpy"),
    ("pip uninstall -qr six.txt numpy", "numpy 1.25.1 comes with", f"{FREE} numpy"),
    ("pip install --reinstall-package six --reinstall-package=NumPy six", "numpy 1.25.1", f"{FREE} numpy"),
    ("pip sync --reinstall-package packaging six.txt", "packaging 23.1 comes", f"{FREE} packaging"),
    (
        "pip install six --reinstall",
        "behind generic builds",
        "uv pip install --reinstall-package PACKAGE PACKAGE",
    ),
    (
        "pip sync -q --force-reinstall six.txt",
        "generic builds",
        "uv pip install --reinstall-package PACKAGE PACKAGE",
    ),
    ("pip install --no-reinstall --reinstall six", "generic builds", "--reinstall-package PACKAGE PACKAGE"),
)


@pytest.mark.parametrize("shell", ["dash", "bash", "mksh", "ksh93"])
def test_commands_that_would_harm_a_stub_are_refused(owner: User, shell: str) -> None:
    calls = [f"{shell} venvs/it-1.0/bin/uv {words}; echo $?" for words, _, _ in REFUSED]
    done = in_environment(owner, "\n".join(calls))
    assert done.stdout.split() == ["2"] * len(REFUSED), done.stderr
    for line, (words, why, hint) in zip(done.stderr.splitlines(), REFUSED):
        assert line.startswith("stackenv: ") and "was not run" in line, words
        assert why.replace("BUNDLE", owner.stack.bundle_module) in line and line.endswith(hint), words


def test_reinstall_and_uninstall_are_passed_on_without_stubs(owner: User) -> None:
    """Stubs may be turned off, or missing: the commands can harm nothing."""
    made = owner.stackenv("create", "bare", "--no-stubs", load=[owner.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    done = owner.run(
        "export PATH=$HOME/own:$PATH; module use ~/modules; ml bare || exit 99\n"
        "uv pip uninstall numpy; uv pip install --reinstall --reinstall-package numpy six\n"
        "uv pip sync six.txt"
    )
    held = ["--constraint", url(owner).replace("/it-1.0/", "/bare-1.0/")]
    told = [line for line in done.stdout.splitlines() if line and line != "UV_CONSTRAINT="]
    assert told == [
        *("pip", "uninstall", "numpy"),
        *("pip", "install", *held, "--reinstall", "--reinstall-package", "numpy", "six"),
        *("pip", "sync", *held, "six.txt"),
    ]


# Arguments and variables in a project, and the end of the message if a stub of this environment is removed.
HERE = "UV_PROJECT_ENVIRONMENT=$VIRTUAL_ENV"
BACK = "first run: stackenv edit it/1.0 --allow-shadow PACKAGE"
REPLACED = "its own copies of packages of the modules of it/1.0; hint: stackenv check it/1.0"
PROJECTS = (
    ("sync", HERE, BACK),
    ("--directory x -q remove six", f"{HERE}/", BACK),
    ("sync --active", "UV_PROJECT_ENVIRONMENT=own", BACK),
    # These keep packages that are not in the lock file, so what they remove they have replaced.
    ("add --active six", "UV_PROJECT_ENVIRONMENT=own", REPLACED),
    ("sync --inexact", HERE, REPLACED),
    ("add six", "", ""),
    ("sync --active", "VIRTUAL_ENV=$HOME", ""),
    ("sync", "UV_PROJECT_ENVIRONMENT=own", ""),
    ("lock", HERE, ""),
    ("run --exact six", "UV_PROJECT_ENVIRONMENT=own", ""),
    ("run six --exact", HERE, ""),
    ("run -- six --exact", HERE, ""),
    ("run -m six --exact", HERE, ""),
)


@pytest.mark.parametrize("shell", ["dash", "bash", "mksh", "ksh93"])
def test_stubs_that_a_project_command_removes_are_reported(owner: User, shell: str) -> None:
    """With a stand-in that removes a stub, because a real uv does so only in a project."""
    site = "~/venvs/it-1.0/lib/python3*/site-packages"
    back = f"[ -e {site}/numpy-* ] && rm -r ~/numpy-* || mv ~/numpy-* {site}/; [ -e {site}/numpy-*/METADATA ]"
    calls = [
        f"echo CALL; echo CALL >&2; {variables} $SH $UV {words}\n{back} || exit 9"
        for words, variables, _ in PROJECTS
    ]
    # When uv fails, its own message is enough.
    calls += ["echo 'exit 3' >>own/uv; $SH $UV add --active; echo $?; sed -i '$d' own/uv"]
    begin = f"SH={shell} UV=venvs/it-1.0/bin/uv\ncp own/uv printing\necho 'mv {site}/numpy-* ~' >>own/uv"
    done = in_environment(owner, "\n".join([begin, *calls, back, "mv printing own/uv"]))
    assert done.returncode == 0, done.stderr
    said = done.stderr.split("CALL\n")[1:]
    assert done.stdout.endswith("UV_CONSTRAINT=\n3\n")
    for (words, variables, end), told, line in zip(PROJECTS, done.stdout.split("CALL\n")[1:], said):
        assert told.split()[: len(words.split())] == words.split()
        assert line.rstrip("\n").endswith(end) if end else not line, (words, variables)


@pytest.mark.parametrize("shell", ["dash", "bash", "mksh", "ksh93"])
def test_uv_run_exact_is_refused_where_it_would_remove_stubs(owner: User, shell: str) -> None:
    """uv would remove the stubs before it starts the program, which must get the terminal and its signals."""
    words = ("--with 'a b' --active --exact six", "--exact --active", "--with=a --extra x -m six --exact")
    done = in_environment(
        owner, "\n".join(f"{shell} venvs/it-1.0/bin/uv run {word}; echo $?" for word in words)
    )
    assert done.stdout.split()[:3] == ["2", "2", "run"], done.stderr
    hint = "packages of the modules of it/1.0; hint: uv sync --active; then uv run without --exact"
    assert [line.endswith(hint) for line in done.stderr.splitlines()] == [True, True]
    in_project = in_environment(owner, f"{HERE} uv run --exact six; $VIRTUAL_ENV/bin/uv -q run --exact x")
    assert in_project.stderr.count("hint: uv sync; then uv run without --exact") == 1


def test_constraints_are_added_after_the_activate_script(owner: User) -> None:
    done = owner.run(
        "export PATH=$HOME/own:$PATH; . venvs/it-1.0/bin/activate\nuv pip install 'a b'; VIRTUAL_ENV= uv x"
    )
    told = ["pip", "install", "--constraint", url(owner), "--no-reinstall", "a b"]
    assert done.stdout.splitlines()[:6] == told
    assert "x\nUV_CONSTRAINT=\n" in done.stdout


@pytest.mark.parametrize("path", ["$HOME/venvs/other-1.0/bin:$PATH:$HOME/own", "$HOME/nowhere::$HOME/own"])
def test_the_uv_of_another_environment_is_skipped_on_path(owner: User, path: str) -> None:
    without = "/usr/bin:/bin"
    done = in_environment(owner, "uv --version", path.replace("$PATH", without) + f":{without}")
    assert done.stdout.splitlines() == ["--version", "UV_CONSTRAINT="], done.stderr


def test_a_missing_uv_is_reported_in_one_line(owner: User) -> None:
    done = in_environment(owner, "uv pip list", "$HOME/venvs/other-1.0/bin:/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (127, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("uv: command not found; load a module that has it (`module spider uv`)")


@pytest.mark.parametrize("words", ["pip list", "add six", "pip uninstall six", "pip install six"])
def test_bin_uv_starts_no_program_before_uv(owner: User, tmp_path: Path, words: str) -> None:
    """The shell becomes uv by exec; it waits for uv only where a message may follow."""
    trace = tmp_path / "trace"
    strace = f"strace -f -e trace=execve,clone,clone3,fork,vfork -o {trace}"
    done = in_environment(owner, f"{strace} uv {words}; echo $?", "$HOME/own:$PATH")
    assert done.stdout.endswith("\n0\n"), done.stderr
    calls = [line.split(maxsplit=1) for line in trace.read_text().splitlines() if "(" in line]
    started = [f'"{owner.home}/own/uv"' in call for _, call in calls].index(True)
    before = [call.partition("(")[0] for _, call in calls[:started]]
    if words == "pip install six":
        shell = calls[0][0]
        assert before == ["execve", "clone"]
        assert [call for process, call in calls[started:] if process == shell] == []
    else:
        assert before == ["execve"]


def test_a_bin_uv_of_the_user_is_kept_with_a_warning(user: User) -> None:
    """pip and uv may install a bin/uv, also over stackenv's: commands keep it, and warn what that means."""
    stack = user.stack
    uv = user.home / "venvs/plain/bin/uv"
    made = user.run(f"module load {stack.bundle_module}; python -m venv venvs/plain")
    assert made.returncode == 0, made.stderr
    uv.write_text(PRINTING_UV)
    said = f"{uv} is your own file and is not changed; uv may replace packages of the modules"
    for command in (("adopt", "venvs/plain", "it"), ("edit", "it", "--refresh")):
        done = user.stackenv(*command)
        assert (done.returncode, said in done.stderr) == (0, True), done.stderr
        assert uv.read_text() == PRINTING_UV
    uv.unlink()
    again = user.stackenv("edit", "it", "--refresh")
    assert (again.returncode, said in again.stderr) == (0, False), again.stderr
    assert "stackenv_constraints=" in uv.read_text()
    assert uv.stat().st_mode & 0o111


def test_create_warns_when_the_package_uv_is_installed(user: User, tmp_path: Path) -> None:
    """From a wheel like uv's, which has its program as a script."""
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
    assert f"{uv} is your own file and is not changed; uv may replace packages of the modules" in made.stderr
    assert uv.read_text() == PRINTING_UV
