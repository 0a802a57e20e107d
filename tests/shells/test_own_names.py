"""A user's own alias or function `conda` or `mamba` does no harm, and is restored by the unload."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from collections.abc import Iterator

import pytest
from built import LMOD
from dialects import DIALECTS, Dialect
from session import Session, differences

MODULES = {"conda": "Anaconda3", "mamba": "Miniforge3"}
ALIASES = {"one word": "micromamba", "two words": "micromamba  -q", "quoted": "micromamba 'a  b' \"c\""}
# In scripts, bash expands aliases only with this option.
BEGIN = {"bash": "shopt -s expand_aliases"}
DEFINE = {
    "sh": "alias {0}={1}",
    "csh": "alias {0} {1}",
    "fish": "alias {0} {1}",
}
FUNCTION = {
    "sh": '{0}() {{ echo "my own $1\'s"; }}',
    "fish": 'function {0}; echo "my own $argv[1]\'s"; end',
}


def begin(session: Session) -> Session:
    return session.do(*filter(None, [BEGIN.get(session.dialect.name, "")]))


@pytest.mark.each_pair("name", "dialect")
@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("name", MODULES)
def test_a_users_alias_is_restored_by_the_unload(session: Session, alias: str, name: str) -> None:
    """Also after a reload and an activation; compared as the shell prints it to be read again."""
    dialect, module = session.dialect, MODULES[name]
    result = (
        begin(session)
        .do(DEFINE[dialect.family].format(name, dialect.quote(ALIASES[alias])))
        .snapshot("before")
        .do(f"alias {name}" if dialect.family != "fish" else f"functions {name}")
        .check(f"module load {module}", f"module load {module}", f"{name} activate one", "python")
        .check(f"module unload {module}")
        .do(f"alias {name}" if dialect.family != "fish" else f"functions {name}")
        .snapshot("after")
        .run()
    )
    assert (set(result.statuses), result.stderr) == ({0}, "")
    before, after = result.stdout.split("python of one\n")
    assert before.strip()
    assert strip_origin(after) == strip_origin(before)
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def strip_origin(text: str) -> list[str]:
    """Return the lines of `text` without fish's comments on where a function was defined."""
    return [line for line in text.splitlines() if not line.startswith("# ")]


@pytest.mark.parametrize(
    "dialect", [DIALECTS[n] for n in ("bash", "zsh", "mksh", "fish")], ids=lambda d: d.name
)
@pytest.mark.parametrize("name", MODULES)
def test_a_users_function_is_restored_by_the_unload(session: Session, dialect: Dialect, name: str) -> None:
    """dash does not print its functions, ksh93 prints parts of other text, and csh has no functions."""
    module = MODULES[name]
    result = (
        session.do(FUNCTION[dialect.family].format(name))
        .snapshot("before")
        .check(f"module load {module}", f"module load {module}", f"{name} activate one", "python")
        .check(f"module unload {module}", f"{name} word")
        .snapshot("after")
        .run()
    )
    assert (set(result.statuses), result.stderr) == ({0}, "")
    assert result.stdout == "python of one\nmy own word's\n"
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


@pytest.mark.parametrize(
    "dialect", [DIALECTS[n] for n in ("bash", "zsh", "mksh", "fish")], ids=lambda d: d.name
)
@pytest.mark.parametrize("name", MODULES)
def test_a_function_defined_after_the_load_survives_the_unload(
    session: Session, dialect: Dialect, name: str
) -> None:
    """As when ~/.bashrc is sourced again; what a personal module on top does with the function ends."""
    result = (
        session.check(f"module load {MODULES[name]}")
        .do(FUNCTION[dialect.family].format(name))
        .check(f"module unload {MODULES[name]}", f"{name} word")
        .run()
    )
    assert (set(result.statuses), result.stdout, result.stderr) == ({0}, "my own word's\n", "")


@pytest.mark.parametrize("name", MODULES)
def test_an_exported_function_is_restored_as_exported(stack, tmp_path, name: str) -> None:
    folder = tmp_path / "session"
    folder.mkdir()
    session = Session(DIALECTS["bash"], folder, LMOD, stack.environ())
    session.do(f"{name}() {{ echo mine; }}", f"export -f {name}").check(f"module load {MODULES[name]}")
    result = session.check(f"module unload {MODULES[name]}", f"bash -c {name}").run()
    assert (result.statuses, result.stdout) == ([0] * 3, "mine\n"), result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh", "fish"])
@pytest.mark.parametrize("name", MODULES)
def test_a_replaced_alias_is_reported_in_one_line_on_a_terminal(shell: str, stack, name: str) -> None:
    dialect = DIALECTS[shell]
    script = "\n".join(
        [
            *filter(None, [BEGIN.get(shell, "")]),
            dialect.start(LMOD),
            DEFINE[dialect.family].format(name, "micromamba"),
            f"module load {MODULES[name]}",
            f"module unload {MODULES[name]}",
        ]
    )
    terminal, inside = pty.openpty()
    # csh has no syntax for stderr alone, and writes to its controlling terminal.
    start = ("setsid", "--ctty", "--wait", *dialect.command, "-c", script)
    with subprocess.Popen(start, stdin=inside, stdout=inside, stderr=inside, env=stack.environ()) as process:
        os.close(inside)
        said = b"".join(read_all(terminal))
    assert process.returncode == 0
    lines = said.decode().replace("\r", "").splitlines()
    (line,) = (line for line in lines if line.startswith(MODULES[name]))
    assert line == (
        f"{MODULES[name]}: until you unload this module, {name} is the command of the module, not your own "
        "alias or function"
    )


def read_all(terminal: int) -> Iterator[bytes]:
    """Yield what is written on `terminal` until no process has it open (EIO on Linux)."""
    with contextlib.suppress(OSError):
        while True:
            yield os.read(terminal, 4096)


# What conda 25.7 and later leave after `conda activate one; conda deactivate` with their own functions, which
# `. ROOT/etc/profile.d/conda.sh` defines over the module's (conda/activate.py, `build_deactivate`). The test
# sets these values itself, as a stand-in for such a conda.
LEFT_BY_CONDA_25_7 = {
    "CONDA_SHLVL": "0",
    "CONDA_PREFIX": "",
    "CONDA_DEFAULT_ENV": "",
    "CONDA_PROMPT_MODIFIER": "",
    "CONDA_PREFIX_1": "",
    "_CE_M": "",
    "_CE_CONDA": "",
}
EMPTY_PROMPTS = "function __fish_right_prompt_orig; end; function fish_right_prompt; echo x; end"


def test_unload_removes_the_variables_that_conda_25_7_leaves(session: Session) -> None:
    session.snapshot("before").check("module load Anaconda3")
    for name, value in LEFT_BY_CONDA_25_7.items():
        session.export(name, value)
    if session.dialect.name == "fish":
        session.do(EMPTY_PROMPTS)
    result = session.check("module unload Anaconda3").snapshot("after").run()
    assert (result.statuses, result.stderr) == ([0, 0], "")
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
