"""The modulefile in Lmod: its checker, its queries, the cost of a load, and the notices."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from built import LMOD
from in_ci import fail_or_skip

MODULE = "Anaconda3/2024.02-1"
# For each shell, its name in Lmod and the command that checks code without running it.
SHELLS = {
    "bash": ("bash", ["bash", "-n"]),
    "zsh": ("zsh", ["zsh", "-n"]),
    "ksh": ("ksh", ["ksh", "-n"]),
    "mksh": ("ksh", ["mksh", "-n"]),
    "dash": ("sh", ["dash", "-n"]),
    "tcsh": ("tcsh", ["tcsh", "-f", "-n"]),
    "fish": ("fish", ["fish", "--no-config", "--no-execute"]),
}
MODES = ("show", "help", "whatis", "spider", "avail", "keyword")
# Where Lmod itself, and the tput it starts, look for a user's settings, caches and collections.
LMODS_OWN = re.compile(r"/(\.modulerc(\.lua)?|\.lmodrc(\.lua)?|\.cache|\.lmod\.d|\.config|\.terminfo)(/|$)")
CALL = re.compile(r'^(\w+)\((?:[A-Z_]+|\d+)?(?:, )?"([^"]*)".* = (-?\d+)')


def require(program: str) -> None:
    """Skip on a laptop, and fail in CI, if `program` is missing."""
    if not shutil.which(program):
        message = f"{program} is not installed"
        fail_or_skip(message)


class Lmod:
    """Lmod without the caller's environment."""

    def __init__(self, modulepath: str, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "MODULEPATH": modulepath,
            "LMOD_DIR": str(Path(LMOD).parent),
            "LMOD_PAGER": "none",
        }

    def with_users_folders(self) -> list[Path]:
        """Create the user's folders and set their variables; return the folders."""
        folders = [
            self.folder / name.lower() for name in ("HOME", "SCRATCH", "WORKSPACE", "STACKENV_TEST_PLACE")
        ]
        for folder in folders:
            folder.mkdir()
            self.environ[folder.name.upper()] = str(folder)
        return folders

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env={**self.environ, **environ},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def trace(self, *arguments: str) -> list[tuple[str, str, int]]:
        """Return Lmod's system calls that have a path, as name, path and result."""
        require("strace")
        # A file for each process: in a common file, calls are split where processes alternate.
        logs = Path(tempfile.mkdtemp(dir=self.folder))
        traced = ("strace", "-ff", "-qq", "-s", "4096", "-e", "trace=%file", "-o", str(logs / "process"))
        done = self.run(*traced, LMOD, "bash", *arguments)
        assert done.returncode == 0, done.stderr
        texts = [log.read_text(errors="replace") for log in sorted(logs.iterdir())]
        found = [CALL.match(line) for text in texts for line in text.splitlines()]
        calls = [(m[1], m[2], int(m[3])) for m in found if m]
        assert calls, "strace saw nothing"
        return calls


@pytest.fixture
def lmod(built_modules, tmp_path: Path) -> Lmod:
    """Return an Lmod with the built modules, without HOME, SCRATCH and WORKSPACE."""
    return Lmod(built_modules.modulepath, tmp_path)


@pytest.fixture
def more(lmod: Lmod, tmp_path: Path) -> Path:
    """Return a folder with two modules ahead of the built ones: one is empty, one sets PYTHONPATH."""
    folder = tmp_path / "more"
    for name, text in {
        "Empty/1.0": "-- empty\n",
        "Poison/1.0": 'prepend_path("PYTHONPATH", "/software/Poison/1.0/lib")\n',
    }.items():
        path = folder / f"{name}.lua"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    lmod.environ["MODULEPATH"] = f"{folder}:{lmod.environ['MODULEPATH']}"
    return folder


def test_the_module_tree_passes_lmods_checker(lmod: Lmod, built_modules) -> None:
    checker = str(Path(LMOD).with_name("check_module_tree_syntax"))
    done = lmod.run(checker, built_modules.modulepath)
    assert (done.returncode, (done.stdout + done.stderr).strip()) == (0, "No errors found")


def test_lmods_checker_finds_a_broken_modulefile(lmod: Lmod, more: Path) -> None:
    (more / "Broken/1.0.lua").parent.mkdir()
    (more / "Broken/1.0.lua").write_text("setenv(nil, os.getenv('HOME') .. '/x')\n")
    done = lmod.run(str(Path(LMOD).with_name("check_module_tree_syntax")), str(more))
    assert "No errors found" not in done.stdout + done.stderr


def test_the_modulefile_passes_lmods_syntax_check_on_load(lmod: Lmod) -> None:
    done = lmod.run(LMOD, "bash", "--checkSyntax", "load", MODULE)
    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.parametrize("mode", MODES)
def test_lmod_queries_work_without_home_and_scratch(lmod: Lmod, mode: str) -> None:
    done = lmod.run(LMOD, "bash", mode, MODULE if mode != "keyword" else "Anaconda3")
    assert done.returncode == 0
    assert "Anaconda3" in done.stderr + done.stdout
    assert "error" not in done.stderr.lower()


def test_help_says_how_to_load_the_module_and_activate(lmod: Lmod) -> None:
    page = lmod.run(LMOD, "bash", "help", MODULE).stderr
    assert "conda activate" in page
    assert f"module load {MODULE}" in page


@pytest.mark.parametrize("mode", MODES)
def test_lmod_queries_access_no_folder_of_the_user(lmod: Lmod, mode: str) -> None:
    tops = tuple(f"{folder}/" for folder in lmod.with_users_folders())
    paths = {path for _, path, _ in lmod.trace(mode, MODULE)}
    assert [p for p in paths if p.startswith(tops) and not LMODS_OWN.search(p)] == []


@pytest.mark.parametrize("mode", MODES)
def test_lmod_queries_access_nothing_in_the_installation(lmod: Lmod, built_modules, mode: str) -> None:
    assert [p for _, p, _ in lmod.trace(mode, MODULE) if p.startswith(built_modules.software)] == []


def test_a_load_starts_no_process(lmod: Lmod, more: Path) -> None:
    lmod.with_users_folders()
    started = [
        [path for name, path, result in lmod.trace("load", module) if name == "execve" and result == 0]
        for module in ("Empty/1.0", MODULE)
    ]
    assert sorted(started[0]) == sorted(started[1])


def test_a_load_opens_at_most_one_file_more_than_an_empty_module(lmod: Lmod, more: Path) -> None:
    lmod.with_users_folders()
    opened = [
        sum(1 for name, _, result in lmod.trace("load", module) if name.startswith("open") and result >= 0)
        for module in ("Empty/1.0", MODULE)
    ]
    assert opened[1] <= opened[0] + 1


def test_a_load_opens_no_file_of_the_installation(lmod: Lmod, built_modules) -> None:
    lmod.with_users_folders()
    calls = lmod.trace("load", MODULE)
    assert [p for n, p, _ in calls if n.startswith("open") and p.startswith(built_modules.software)] == []


def load_for_python(lmod: Lmod) -> dict[str, str]:
    """Return the environment after `lmod python load`, executed as EasyBuild does."""
    code = lmod.run(LMOD, "python", "load", MODULE).stdout
    show = "\nimport os, sys\nsys.stdout.write('\\0'.join(k + '=' + v for k, v in os.environ.items()))"
    done = lmod.run(sys.executable, "-c", code + show)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(entry.partition("=")[::2] for entry in done.stdout.split("\0"))


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("action", ["load", "unload", "refresh"])
def test_lmod_output_is_valid_in_each_shell(lmod: Lmod, shell: str, action: str) -> None:
    name, check = SHELLS[shell]
    require(check[0])
    environ = load_for_python(lmod) if action != "load" else {}
    done = lmod.run(LMOD, name, action, *([MODULE] if action != "refresh" else []), **environ)
    (lmod.folder / "code").write_text(done.stdout)
    checked = lmod.run(*check, "code")
    assert "conda" in done.stdout
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("shell", ["bare", "rc"])
def test_a_load_in_a_shell_without_conda_is_refused(lmod: Lmod, shell: str) -> None:
    done = lmod.run(LMOD, shell, "load", MODULE)
    assert done.stdout.strip() == "false"
    assert "Anaconda3 has no `conda` for this shell" in done.stderr


def test_a_load_in_a_shell_unknown_to_lmod_is_refused(lmod: Lmod) -> None:
    done = lmod.run(LMOD, "nosuchshell", "load", MODULE)
    assert done.stdout.strip() == "false"
    assert done.stderr != ""


def test_lmod_python_sets_conda_exe(lmod: Lmod, built_modules) -> None:
    environ = load_for_python(lmod)
    assert environ["CONDA_EXE"] == f"{built_modules.software}/{MODULE}/bin/conda"


def test_lmod_python_prints_only_assignments(lmod: Lmod) -> None:
    lines = lmod.run(LMOD, "python", "load", MODULE).stdout.splitlines()
    known = re.compile(r"(import os|os\.environ\[\"\w+\"\] = .*|_mlstatus = True|)$")
    assert [line for line in lines if not known.match(line)] == []


START = {
    "bash": ("bash --norc --noprofile", 'module() {{ eval "$({lmod} bash $*)"; }}'),
    "tcsh": ("tcsh -f", "alias module 'eval `{lmod} tcsh \\!*`'"),
    "fish": ("fish --no-config", "function module; {lmod} fish $argv | source; end"),
}
NOTICE = (
    "Anaconda3: PYTHONPATH is set (by the module Poison/1.0) and takes precedence over the packages of "
    "conda environments; if an import fails, unload that module or unset PYTHONPATH"
)
NOTICE_OF_A_MODULE = (
    "Anaconda3: PYTHONPATH is set (by the module Poison/1.0); the Python of base imports those packages, "
    "activated environments do not"
)


@pytest.fixture(params=START)
def on_terminal(request, lmod: Lmod, more: Path):
    """Return a function that loads modules on a terminal; it returns the lines there and in stderr's file."""
    command, start = START[request.param]
    require(command.split()[0])
    require("script")
    lmod.with_users_folders()

    def load(*modules: str, stderr: str = "", **environ: str) -> list[str]:
        lines = [start.format(lmod=LMOD), *(f"module load {module}" for module in modules), "echo end", ""]
        (lmod.folder / "session").write_text("\n".join(lines))
        done = lmod.run("script", "-qec", f"{command} session {stderr}", "/dev/null", **environ)
        seen = done.stdout.splitlines()
        assert "end" in seen, done.stdout
        file = lmod.folder / "stderr"
        return [line for line in seen if line != "end"] + (file.read_text().splitlines() if stderr else [])

    return load


def test_a_notice_names_the_module_that_set_pythonpath(on_terminal) -> None:
    assert on_terminal("Poison", MODULE) == [NOTICE_OF_A_MODULE]


def test_no_notice_is_shown_without_pythonpath(on_terminal) -> None:
    assert on_terminal("Empty", MODULE) == []


def test_no_notice_is_shown_without_a_terminal_on_stderr(on_terminal) -> None:
    assert on_terminal("Poison", MODULE, stderr="2>stderr") == []


@pytest.mark.parametrize("variable", ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "PE_HOSTFILE"])
def test_no_notice_is_shown_in_a_job(on_terminal, variable: str) -> None:
    assert on_terminal("Poison", MODULE, **{variable: "1"}) == []


def test_a_pythonpath_set_by_no_module_is_shown_with_special_characters_replaced(on_terminal) -> None:
    assert on_terminal(MODULE, PYTHONPATH="/data/it's `id` $HOME") == [
        NOTICE.replace("by the module Poison/1.0", "/data/it_s _id_ _HOME")
    ]
