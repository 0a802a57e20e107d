"""Shellcheck and each shell that reads the shell files accept them, filled in with plain values."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from in_ci import fail_or_skip

from stackenv.conda.installation import CondaInstallation
from stackenv.conda.module import describe_conda_module, describe_installed_files, describe_mamba_values
from stackenv.configuration.loader import load_configuration
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.spec import Name
from stackenv.modulefile.templates import fill_placeholders, open_templates, read_source
from stackenv.modulefile.text import render_installed_file, render_module

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATES = CHECKOUT / "modulefiles"
ROOT = "/software/Anaconda3/2024.02-1"
INSTALLATION = CondaInstallation("Anaconda3", "Anaconda3/2024.02-1", ROOT, mamba=2)
SITE_CONFIGURATION = load_configuration(CHECKOUT / "site-config/default.yaml").conda
VALUES = describe_mamba_values(INSTALLATION, SITE_CONFIGURATION)

# The values of libexec/packed, which belongs to an environment and not to the installation.
PACKED = {
    "NAME": "bio/1.0",
    "PREFIX": "/home/user/venvs/bio-1.0",
    "IMAGE": "0a1b2c3d",
    "SIZE": "4096",
    "DIGEST": "e3b0c442",
    "MOUNTS": "/tmp",
    "WAY": "session",
}
# The values of the code of personal modules, and those that are the code of another file.
PERSONAL = {
    "MODULE": "bio/1.0",
    "FILE": "/home/user/venvs/bio-1.0/stackenv/load.csh",
    "UNLOAD": "echo unload",
    "FUNCTION": "conda() { :; }",
}
# The values of the code that puts aside a command of the user's own, and restores it.
OWN = {
    "NAME": Name("mamba"),
    "PRIOR": Name("STACKENV_MAMBA_BEFORE"),
    "OWN_ALIAS": Name("_STACKENV_MAMBA_ALIAS"),
    "OWN_FUNCTION": Name("_STACKENV_MAMBA_FUNCTION"),
}
SH_SHELLS = ("bash", "zsh", "ksh", "mksh", "dash")
# Files that are included in others are checked with those.
INCLUDED = ("remove_entry", "activation", "late_modules")
NAMES = {
    dialect: sorted(p.stem for p in (TEMPLATES / "shell").glob(f"*.{dialect}") if p.stem not in INCLUDED)
    for dialect in ("sh", "csh", "fish")
}
# Those that end in _export are for bash only.
POSIX_NAMES = [name for name in NAMES["sh"] if not name.endswith("_export")]
PROGRAMS = ("conda", "conda-init", "launch", "mamba", "mount_image", "packed", "pip", "pip_in_venv")
OWN_SCRIPTS = tuple(
    str(path.relative_to(CHECKOUT))
    for path in (*sorted((CHECKOUT / "tests").glob("*.sh")), CHECKOUT / ".ci/run")
    if path.is_file()
)
# In a filled-in file, the word after `case` is constant, and messages contain backquotes.
FILLED_IN = ("SC2194", "SC2016")


def require(program: str) -> None:
    """Skip, or fail in CI, if `program` is missing."""
    if not shutil.which(program):
        message = f"{program} is not installed"
        fail_or_skip(message)


def fill(source: str, dialect: str) -> str:
    """Return the template `source`, filled in with the values of a plain installation."""
    text = read_source(open_templates(None), source)
    return fill_placeholders(text, {**VALUES, **PACKED, **PERSONAL, **OWN}, dialect)


def complaints(command: list[str], text: str, tmp_path: Path) -> str:
    """Return what `command` reports about a file with `text`; empty if it accepts the file."""
    require(command[0])
    path = tmp_path / "script"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"status {done.returncode}")


def shellcheck(dialect: str, *exclude: str) -> list[str]:
    return ["shellcheck", "-s", dialect, *(f"--exclude={code}" for code in exclude)]


@pytest.mark.parametrize("dialect", ["sh", "bash", "dash", "ksh"])
@pytest.mark.parametrize("name", POSIX_NAMES)
def test_shellcheck_accepts_the_sh_functions(name: str, dialect: str, tmp_path: Path) -> None:
    assert complaints(shellcheck(dialect), fill(f"shell/{name}.sh", "sh"), tmp_path) == ""


@pytest.mark.parametrize("name", ["conda", "mamba"])
def test_shellcheck_accepts_the_files_for_bash_only(name: str, tmp_path: Path) -> None:
    assert complaints(shellcheck("bash"), fill(f"shell/{name}_export.sh", "sh"), tmp_path) == ""


@pytest.mark.parametrize("dialect", ["sh", "dash"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_shellcheck_accepts_the_programs(name: str, dialect: str, tmp_path: Path) -> None:
    text = fill(f"libexec/{name}", "sh")
    assert complaints(shellcheck(dialect, *FILLED_IN), text, tmp_path) == ""


@pytest.mark.parametrize("shell", SH_SHELLS)
@pytest.mark.parametrize("name", POSIX_NAMES)
def test_each_posix_shell_parses_the_functions(name: str, shell: str, tmp_path: Path) -> None:
    assert complaints([shell, "-n"], fill(f"shell/{name}.sh", "sh"), tmp_path) == ""


@pytest.mark.parametrize("shell", SH_SHELLS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_posix_shell_parses_the_programs(name: str, shell: str, tmp_path: Path) -> None:
    assert complaints([shell, "-n"], fill(f"libexec/{name}", "sh"), tmp_path) == ""


@pytest.mark.parametrize("name", NAMES["fish"])
def test_fish_parses_the_fish_files(name: str, tmp_path: Path) -> None:
    text = fill(f"shell/{name}.fish", "fish")
    assert complaints(["fish", "--no-config", "--no-execute"], text, tmp_path) == ""


@pytest.mark.parametrize("shell", ["tcsh", "csh"])
@pytest.mark.parametrize("name", NAMES["csh"])
def test_csh_parses_the_csh_files(name: str, shell: str, tmp_path: Path) -> None:
    # With -n, csh does not expand the word of a switch and treats its brackets as a pattern.
    text = fill(f"shell/{name}.csh", "csh").replace("$argv[1]:q", "word")
    assert complaints([shell, "-f", "-n"], text, tmp_path) == ""


@pytest.mark.parametrize("name", NAMES["csh"])
def test_each_csh_file_ends_with_a_newline(name: str) -> None:
    # csh does not run a last line without a newline.
    assert fill(f"shell/{name}.csh", "csh").endswith("\n")


# The load test of a modulefile, the capture of a conda activation, and the completions, with their checkers.
OF_STACKENV = {
    "load_test/load_test.sh": shellcheck("sh", "SC2157"),
    "capture/capture.bash": shellcheck("bash"),
    "load_test/load_test.fish": ["fish", "--no-config", "--no-execute"],
    "load_test/load_test.csh": ["tcsh", "-f", "-n"],
    "completion/stackenv.bash": shellcheck("bash"),
    "completion/stackenv.fish": ["fish", "--no-config", "--no-execute"],
    "completion/stackenv.zsh": ["zsh", "-n"],
    # The file that it sources is checked separately.
    "shell/completions_load.bash": shellcheck("bash", "SC1091"),
    "shell/completions_unload.bash": shellcheck("bash"),
    "shell/completions_load.zsh": ["zsh", "-n"],
    "shell/completions_unload.zsh": ["zsh", "-n"],
}


@pytest.mark.parametrize("name", OF_STACKENV)
def test_load_test_capture_and_completion_files_pass_their_checker(name: str, tmp_path: Path) -> None:
    values = {"LMOD": "/lmod", "SHELL": "bash", "MODULE": "a/1", "PYTHON": "/p", "COMMAND": "/c"}
    values |= {"ENV": "/env", "BIN": "/b", "FILE": "/f", "FOLDER": "/d", "MAMBA": "mamba"}
    dialect = {"bash": "sh", "zsh": "sh"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
    text = fill_placeholders((TEMPLATES / name).read_text(encoding="utf-8"), values, dialect)
    assert complaints(OF_STACKENV[name], text, tmp_path) == ""


BROKEN = {
    "bash": (["bash", "-n"], "conda() {\n"),
    "zsh": (["zsh", "-n"], "conda() {\n"),
    "ksh": (["ksh", "-n"], "conda() {\n"),
    "mksh": (["mksh", "-n"], "conda() {\n"),
    "dash": (["dash", "-n"], "conda() {\n"),
    "fish": (["fish", "--no-config", "--no-execute"], "function conda\n"),
    "tcsh": (["tcsh", "-f", "-n"], "echo 'a\n"),
}


@pytest.mark.parametrize("shell", BROKEN)
def test_each_shell_reports_a_broken_file(shell: str, tmp_path: Path) -> None:
    command, text = BROKEN[shell]
    assert complaints(command, text, tmp_path) != ""


@pytest.mark.parametrize(
    "name",
    [
        f"shell/{name}.{dialect}"
        for name in ("conda", "mamba", "activation", "late_modules", "unload", "mamba_unload")
        for dialect in ("sh", "fish")
    ],
)
def test_no_line_of_code_looks_like_a_comment(name: str) -> None:
    # Lmod drops lines that begin with # from its output; no line of a multi-line text may begin so.
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    comments = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert all(line.lstrip().startswith("# ") for line in comments)


def installed() -> tuple[InstalledFile, ...]:
    return describe_installed_files(INSTALLATION, SITE_CONFIGURATION)


@pytest.mark.parametrize("file", [f for f in installed() if f.executable], ids=lambda f: Path(f.path).name)
def test_each_executable_file_begins_with_the_sh_interpreter_line(file: InstalledFile) -> None:
    assert render_installed_file(file).startswith("#!/bin/sh\n")


@pytest.mark.parametrize("file", [f for f in installed() if f.path.endswith(".py")], ids=lambda f: f.source)
def test_the_installed_python_files_compile(file: InstalledFile) -> None:
    compile(render_installed_file(file), file.path, "exec")


def test_the_csh_code_in_the_modulefile_is_on_single_lines() -> None:
    # csh reads an `execute` as one line, and an alias loses its quotes there.
    text = render_module(describe_conda_module(INSTALLATION, SITE_CONFIGURATION))
    csh = re.findall(r"\bcsh = (?!true)(.*)", text)
    # The two commands, and the two files that unload them.
    assert len([code for code in csh if ".csh" in code]) == 4
    assert all(code.startswith('"') and "\\n" not in code for code in csh)


@pytest.mark.parametrize("name", OWN_SCRIPTS)
def test_shellcheck_accepts_the_scripts_of_the_project(name: str) -> None:
    require("shellcheck")
    done = subprocess.run(
        ["shellcheck", "-x", name], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


# A line that tests whether a variable is set, and then uses it.
ASKS_AND_USES = re.compile(r"\$\?(\w+).*[^\\]\$\1\b")


@pytest.mark.parametrize("path", sorted((CHECKOUT / "modulefiles/shell").glob("*.csh")), ids=lambda p: p.name)
def test_no_csh_line_tests_for_a_variable_and_uses_it(path: Path) -> None:
    # tcsh looks up the variables of a line before it tests its condition, and stops: "Undefined variable."
    # In single quotes it looks up none.
    lines = re.sub(r"'[^'\n]*'", "''", path.read_text()).splitlines()
    assert [line for line in lines if ASKS_AND_USES.search(line)] == []
