"""Processes that inherit the loaded module: conda works there, or a message says what to add."""

from __future__ import annotations

import re
import subprocess

import pytest
from session import differences

pytestmark = [pytest.mark.some_shells, pytest.mark.both_activations, pytest.mark.with_mamba]

# {0} is the command, conda or mamba.
WITHOUT_FUNCTION = {
    "sh -c": ["sh", "-c", "{0} activate one"],
    "make": ["make", "-f", "makefile"],
    "zsh": ["zsh", "-f", "script1"],
    "ksh": ["ksh", "script1"],
    "mksh": ["mksh", "script1"],
    "dash": ["dash", "script1"],
    "tcsh": ["tcsh", "-f", "script1"],
    "fish": ["fish", "script1"],
    "env": ["env", "{0}", "activate", "one"],
    "deactivate": ["sh", "-c", "{0} deactivate"],
    "init": ["sh", "-c", "{0} init bash"],
}
BASH = {
    "bash script": ["bash", "script2"],
    "bash -c": ["bash", "-c", "{0} activate one && python"],
}


def find_message(stack) -> str:
    return f"this shell has no function `{stack.command}`; hint: add `{stack.load}` to this script\n"


@pytest.fixture
def child(session, stack):
    activate = f"{stack.command} activate one\n"
    (session.folder / "makefile").write_text(f"all:\n\t{activate}")
    (session.folder / "script1").write_text(activate)
    (session.folder / "script2").write_text(f"{activate}python\n")

    def run(command: list[str]):
        words = " ".join(session.dialect.quote(word.format(stack.command)) for word in command)
        return session.do(stack.load).check(words)

    return run


@pytest.mark.parametrize("how", list(WITHOUT_FUNCTION))
def test_a_child_process_without_the_function_says_what_to_add(child, stack, how: str) -> None:
    result = child(WITHOUT_FUNCTION[how]).run()
    if (how, stack.command) == ("init", "mamba"):
        assert "`mamba shell init` is not needed here" in result.stderr
    else:
        assert find_message(stack) in result.stderr
    assert result.statuses[-1] != 0
    assert "python of one" not in result.stdout
    assert "conda init" not in result.stderr


def test_conda_init_reverse_removes_its_blocks_in_the_shell_and_in_a_child(session, stack) -> None:
    """Only the files count: conda ends with status 1, because the stand-in lacks those of fish and xonsh."""
    root = f"{stack.software}/Anaconda3/2024.02-1"
    files = {shell: stack.home / f".{shell}rc" for shell in ("bash", "zsh")}
    for shell, file in files.items():
        file.write_text("# mine\n")
        script = f"import conda.core.initialize as i; i.init_sh_user({str(file)!r}, {root!r}, {shell!r})"
        subprocess.run([f"{root}/bin/python", "-I", "-c", script], check=True)
        assert "conda initialize" in file.read_text()
    result = (
        session.check("module load Anaconda3/2024.02-1")
        .do("conda init --reverse bash", "env conda init --reverse zsh")
        .check("conda init --help", "env conda init --help")
        .run()
    )
    assert {shell: file.read_text().strip() for shell, file in files.items()} == dict.fromkeys(
        files, "# mine"
    )
    assert "is not needed here" not in result.stderr and "this shell has no" not in result.stderr
    assert result.statuses == [0, 0, 0] and result.stdout.count("usage: conda init") == 2


@pytest.mark.parametrize("how", list(BASH))
def test_a_bash_child_works_under_bash_and_says_what_to_add_elsewhere(
    child, session, stack, how: str
) -> None:
    result = child(BASH[how]).run()
    if session.dialect.name == "bash":
        assert result.stdout == "python of one\n", result.stderr
        assert result.statuses[-1] == 0
    else:
        assert find_message(stack) in result.stderr
        assert "python of one" not in result.stdout


def test_bash_under_xargs_works_in_bash_and_says_what_to_add_elsewhere(child, session, stack) -> None:
    result = child(["true"]).check("echo script2 | xargs bash").run()
    if session.dialect.name == "bash":
        assert result.stdout == "python of one\n", result.stderr
    else:
        assert find_message(stack) in result.stderr


def test_a_child_process_without_the_function_prints_the_version(child, stack) -> None:
    result = child(["sh", "-c", "{0} --version"]).run()
    assert re.fullmatch(r"(conda 24\.7\.1|2\.[\d.]+)\n", result.stdout), result.stderr
    assert result.statuses == [0]


def test_a_child_shell_can_load_and_activate_an_inherited_environment_again(session, stack) -> None:
    dialect = session.dialect
    inner = "\n".join(
        [
            dialect.start(session.lmod),
            stack.load,
            f"{stack.command} activate one",
            "python",
            f"{stack.command} deactivate",
            stack.unload,
            f"env -0 > {session.folder}/child",
        ]
    )
    (session.folder / "inner").write_text(inner + "\n")
    command = " ".join([*dialect.command, str(session.folder / "inner")])
    result = (
        session.snapshot("before")
        .check(stack.load, f"{stack.command} activate one", command)
        .check(f"{stack.command} deactivate", stack.unload)
        .snapshot("after")
        .run()
    )
    assert result.stdout == "python of one\n", result.stderr
    assert result.statuses == [0] * 5
    left = (session.folder / "child").read_text()
    assert "CONDA" not in left and "MAMBA" not in left and str(stack.environments) not in left
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
