"""The load of a conda environment's module starts no program, and prints its notice once, on a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
from pathlib import Path

import pytest
from built import LMOD, BuiltModules
from condas import CONDA, make_conda_user
from shell_sessions import DIALECTS, Dialect, changed, open_session
from stacked import Stack
from users import User


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack, built_modules: BuiltModules) -> User:
    """Return a user with modules of stand-ins, of the package activating, and of a package without Python."""
    user = make_conda_user(tmp_path_factory.mktemp("loads"), one_stack, built_modules)
    made = user.stackenv("create", "real", "--conda", "activating", "python")
    bare = user.stackenv("create", "bare", "--conda", "plain", "--verbose")
    # conda's own output is shown only with --verbose.
    assert "transaction" in bare.stderr.lower() and "transaction" not in made.stderr.lower()
    assert (made.returncode, bare.returncode) == (0, 0), made.stderr + bare.stderr
    (user.modules / "empty").mkdir()
    (user.modules / "empty/1.lua").write_text("-- Nothing.\n")
    return user


def list_programs(owner: User, folder: Path, commands: str) -> list[str]:
    """Return the programs that a bash starts for `commands`, one entry for each start."""
    trace = folder / "trace"
    start = DIALECTS["bash"].start(LMOD)
    done = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace), "bash", "-c", f"{start}\n{commands}"],
        env={**owner.environ, "MODULEPATH": f"{owner.modules}:{owner.environ['MODULEPATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return re.findall(r'execve\("([^"]*)".* = 0$', trace.read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ["one", "real", "bare"])
def test_the_load_starts_no_more_programs_than_that_of_an_empty_module(
    owner: User, tmp_path: Path, name: str
) -> None:
    nothing = list_programs(owner, tmp_path, f"module load {CONDA}; module load empty")
    programs = list_programs(owner, tmp_path, f"module load {CONDA}; module load {name}")
    assert LMOD in nothing
    assert programs == nothing
    assert not [program for program in programs if "python" in program or "conda" in program]


def test_the_unload_starts_no_more_programs_than_that_of_an_empty_module(owner: User, tmp_path: Path) -> None:
    cycle = f"module load {CONDA}; module load {{0}}; module unload {{0}}"
    nothing = list_programs(owner, tmp_path, cycle.format("empty"))
    assert list_programs(owner, tmp_path, cycle.format("one")) == nothing


def test_variables_of_a_real_packages_activation_are_set_and_removed(
    dialect: Dialect, tmp_path: Path, owner: User
) -> None:
    result = (
        open_session(dialect, tmp_path, owner.environ, owner.modules, owner.environ["MODULEPATH"])
        .snapshot("before")
        .check("module load real")
        .snapshot("loaded")
        .do("python -c 'import sys; print(sys.prefix)'")
        .check("module unload real")
        .snapshot("after")
        .run()
    )
    assert (result.statuses, result.stderr) == ([0, 0], "")
    assert result.snapshots["loaded"].environment["STACKENV_TEST_ACTIVATED"] == "1"
    assert result.stdout == f"{owner.home}/conda/envs/real-1.0\n"
    assert changed(result, "before", "after") == {}


@pytest.mark.parametrize("pip", ["pip", "pip3"])
def test_pip_reports_that_the_environment_has_no_pip(owner: User, tmp_path: Path, pip: str) -> None:
    session = open_session(
        DIALECTS["bash"], tmp_path, owner.environ, owner.modules, owner.environ["MODULEPATH"]
    )
    result = session.check("module load one", f"{pip} install numpy", f"module unload {CONDA}", pip).run()
    assert [bool(status) for status in result.statuses] == [False, True, False, True]
    assert result.stderr.count("the conda environment one has no pip") == 2
    assert "conda install pip" in result.stderr


def test_condas_python_is_not_used_in_an_environment_without_python(owner: User, tmp_path: Path) -> None:
    session = open_session(
        DIALECTS["bash"], tmp_path, owner.environ, owner.modules, owner.environ["MODULEPATH"]
    )
    session.environ = {**session.environ, "PATH": "/bin-of-nothing:/bin:/usr/bin"}
    result = session.check("module load bare").do("plain-tool", "command -v python").run()
    assert result.statuses == [0], result.stderr
    found = result.stdout.splitlines()
    assert found[0] == "plain-tool 1.0"
    assert not any("Anaconda3" in line for line in found[1:])


def run_on_terminal(owner: User, commands: str, **changes: str) -> str:
    """Return what a bash on a terminal shows for `commands`."""
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-c", f"{DIALECTS['bash'].start(LMOD)}\n{commands}"],
        env={
            **owner.environ,
            "MODULEPATH": f"{owner.modules}:{owner.environ['MODULEPATH']}:{owner.stack.modulepath}",
            **changes,
        },
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    while select.select([main], [], [], 60)[0]:
        try:
            shown += os.read(main, 4096)
        except OSError:  # the last process has closed the terminal
            break
    os.close(main)
    assert process.wait(timeout=60) == 0
    return " ".join(shown.decode(errors="replace").split())


NOTICE = "one/1.0: PYTHONPATH is set"


def test_a_pythonpath_notice_appears_once_on_a_terminal(owner: User) -> None:
    """A PYTHONPATH set by a module is reported by conda's module only: in an environment it is hidden."""
    stack = owner.stack
    shown = run_on_terminal(owner, f"module load {stack.bundle_module}; module load one; echo done")
    assert NOTICE not in shown
    assert shown.count("Anaconda3: PYTHONPATH is set (by the module ") == 1
    assert shown.endswith("do not done")
    load = f"module load {stack.bundle_module}; export PYTHONPATH=$PYTHONPATH:/opt/mine; module load one"
    shown = run_on_terminal(owner, load)
    assert shown.count(f"{NOTICE} (/opt/mine)") == 1


def test_no_pythonpath_notice_appears_without_pythonpath_in_a_job_or_in_a_file(
    owner: User, tmp_path: Path
) -> None:
    assert NOTICE not in run_on_terminal(owner, "module load one")
    assert NOTICE in run_on_terminal(owner, "module load one", PYTHONPATH="/opt/mine")
    assert NOTICE not in run_on_terminal(owner, "module load one", PYTHONPATH="/opt/mine", SLURM_JOB_ID="1")
    session = open_session(
        DIALECTS["bash"],
        tmp_path,
        owner.environ,
        owner.modules,
        owner.environ["MODULEPATH"],
        PYTHONPATH="/opt/mine",
    )
    assert session.check("module load one").run().stderr == ""
