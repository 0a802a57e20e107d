"""Errors of an activation: conda's own message and exit status, and an unchanged shell."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from in_ci import fail_or_skip
from session import Result, Session, differences

pytestmark = [pytest.mark.some_shells, pytest.mark.both_activations]

LOAD = "module load Anaconda3/2024.02-1"
# Root can read every file unless it gives up these capabilities.
AS_USERS_ARE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
# The last line of each traceback in one of conda's error reports.
EXCEPTION = re.compile(r"^ *((?:\w+\.)*\w*(?:Error|Exception)\b.*)$", re.MULTILINE)


def break_condarc(home: Path) -> None:
    (home / ".condarc").write_text("channels: [a\n")


def break_state(home: Path) -> None:
    (home / "conda/envs/one/conda-meta/state").write_text('{"env_vars": ')


def close_prefix(home: Path) -> None:
    (home / "conda/envs/one").chmod(0)


def close_state(home: Path) -> None:
    state = home / "conda/envs/one/conda-meta/state"
    state.write_text('{"env_vars": {"A": "1"}}')
    state.chmod(0)


def remove_environment(home: Path) -> None:
    shutil.rmtree(home / "conda/envs/one")


def leave_as_it_is(home: Path) -> None:
    pass


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a condarc that is no YAML": (break_condarc, "activate one"),
    "a state that is no JSON": (break_state, "activate one"),
    "a state that cannot be read": (close_state, "activate one"),
    "an environment that has vanished": (remove_environment, "activate one"),
    "a path that has vanished": (remove_environment, "activate conda/envs/one"),
    "a name that does not exist": (leave_as_it_is, "activate nothing"),
    "a name too many": (leave_as_it_is, "activate one two"),
    "two flags": (leave_as_it_is, "activate --stack --no-stack one"),
    "a name to leave": (leave_as_it_is, "deactivate one"),
    "a flag that there is not": (leave_as_it_is, "activate --sideways"),
}


def words_of(stderr: str) -> list[str]:
    """Return conda's message without what depends on the time, the folder and the calling program."""
    if "ERROR REPORT" in stderr:
        return EXCEPTION.findall(stderr)
    return [line.rstrip() for line in stderr.splitlines() if line.strip()]


def ask_conda(root: str, result: Result, command: str) -> subprocess.CompletedProcess[str]:
    """Run conda itself with `command`, in the environment of the snapshot `before`."""
    conda = [f"{root}/bin/python", "-I", f"{root}/bin/conda", "shell.posix", *command.split()]
    environ = result.snapshots["before"].environment
    return subprocess.run(
        [*AS_USERS_ARE, *conda],
        env=dict(environ),
        cwd=environ["HOME"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def session(session: Session) -> Session:
    session.dialect = dataclasses.replace(session.dialect, command=(*AS_USERS_ARE, *session.dialect.command))
    return session


@pytest.mark.each_value("fault", "dialect")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_command_shows_condas_own_error_and_changes_nothing(
    session: Session, stack, fault: str
) -> None:
    spoil, command = FAULTS[fault]
    spoil(stack.home)
    result = (
        session.do(f"cd {stack.home}")
        .check(LOAD)
        .snapshot("before")
        .check(f"conda {command}")
        .snapshot("after")
        .run()
    )
    condas = ask_conda(stack.root("2024.02-1"), result, command)
    assert condas.returncode and words_of(condas.stderr)
    assert result.statuses[-1] == condas.returncode
    assert words_of(result.stderr) == words_of(condas.stderr)
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_deactivate_fails_as_in_conda_when_the_condarc_is_not_yaml(session: Session, stack) -> None:
    result = (
        session.check(LOAD, "conda activate one")
        .do(f"echo 'channels: [a' > {stack.home}/.condarc")
        .snapshot("before")
        .check("conda deactivate")
        .snapshot("after")
        .run()
    )
    condas = ask_conda(stack.root("2024.02-1"), result, "deactivate")
    assert result.statuses[-1] == condas.returncode != 0
    assert words_of(result.stderr) == words_of(condas.stderr) != []
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_an_unreadable_prefix_is_treated_as_conda_treats_it(session: Session, stack) -> None:
    """Its scripts and variables cannot be read: it is on PATH, and has no other effect."""
    close_prefix(stack.home)
    result = session.check(LOAD).snapshot("before").check("conda activate one").snapshot("after").run()
    condas = ask_conda(stack.root("2024.02-1"), result, "activate one")
    assert (result.statuses[-1] == 0) == (condas.returncode == 0)
    assert words_of(result.stderr) == words_of(condas.stderr)
    active = result.snapshots["after"].environment.get("CONDA_PREFIX")
    assert (active is not None) == (f"CONDA_PREFIX='{active}'" in condas.stdout)


def test_a_deleted_environment_can_still_be_deactivated(session: Session, stack) -> None:
    """The variables that its scripts set are kept, because the scripts that unset them are deleted too."""
    result = (
        session.check(LOAD, "conda activate two")
        .snapshot("two")
        .check("conda activate three")
        .do(f"rm -r {stack.environments}/three")
        .check("conda deactivate")
        .snapshot("back")
        .run()
    )
    assert result.statuses == [0] * 4, result.stderr
    left = differences(result.snapshots["two"], result.snapshots["back"]).keys()
    assert left - {"variables"} == {"STACKENV_TEST_THREE"}


@pytest.mark.parametrize("argument", ["activate nothing", "activate one two"])
def test_an_error_ends_conda_csh_even_if_the_file_is_read_in_two_blocks(
    stack, tmp_path: Path, argument: str
) -> None:
    if not shutil.which("tcsh"):
        fail_or_skip("tcsh is not installed")
    # tcsh reads a file in blocks of 4,096 bytes; with a long prefix, conda.csh spans two.
    root = Path(stack.root("2024.02-1"))
    text = (root / "libexec/stackenv/conda.csh").read_text()
    begin, marker, end = text.partition("# Unset the variables first")
    assert marker
    (tmp_path / "conda.csh").write_text(begin + "# The next block begins here.\n" * 200 + marker + end)
    done = subprocess.run(
        ["tcsh", "-f", "-c", f"source {tmp_path}/conda.csh {argument}; echo status $status; set"],
        env={**os.environ, "HOME": str(stack.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    condas = subprocess.run(
        [root / "bin/python", "-I", root / "bin/conda", "shell.csh", *argument.split()],
        env={**os.environ, "HOME": str(stack.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[0] == f"status {condas.returncode}", done.stderr
    assert words_of(done.stderr) == words_of(condas.stderr)
    assert "__se_" not in "".join(line.split("\t")[0] for line in done.stdout.splitlines())
