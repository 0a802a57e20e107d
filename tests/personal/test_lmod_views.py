"""Lmod's views of personal modules, which look into no folder; its syntax checker; and what a load starts."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from built import LMOD, BuiltModules
from condas import make_conda_user
from shell_sessions import DIALECTS
from stacked import Stack
from users import User

CHECKER = str(Path(LMOD).with_name("check_module_tree_syntax"))
# How Lmod words an error in a modulefile, an error of its own, and a warning; and how Lua does.
FAULT = re.compile(r"^(Lmod (has detected|Warning)|lua: |\S*\.lua:\d+: )", re.MULTILINE)
VIEWS = (
    "show {0}",
    "--raw show {0}",
    "help {0}",
    "whatis {0}",
    "spider",
    "spider {0}",
    "spider {0}/1.0",
    "avail",
    "avail {0}",
    "keyword personal",
    "is-avail {0}",
    "overview",
)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack, built_modules: BuiltModules) -> User:
    """Return a user with the modules alpha of a venv with biopython, and one of a conda environment."""
    user = make_conda_user(tmp_path_factory.mktemp("views"), one_stack, built_modules)
    user.environ.update(MODULEPATH=f"{one_stack.modulepath}:{user.environ['MODULEPATH']}")
    made = user.stackenv("create", "alpha", "biopython", "-m", one_stack.bundle_module)
    assert made.returncode == 0, made.stderr
    (user.modules / "empty").mkdir()
    (user.modules / "empty/1.lua").write_text("-- Nothing.\n")
    return user


def see(owner: User, *words: str, without: str = "", **changes: str) -> subprocess.CompletedProcess[str]:
    """Run `module WORDS` for bash, without the variable `without`."""
    modulepath = f"{owner.modules}:{owner.environ['MODULEPATH']}"
    environ = {**owner.environ, "MODULEPATH": modulepath, "TERM": "dumb", **changes}
    environ.pop(without, None)
    return subprocess.run(
        [LMOD, "bash", *words], env=environ, cwd="/", capture_output=True, text=True, check=False
    )


def assert_views_work(owner: User, name: str, without: str = "") -> None:
    with ThreadPoolExecutor(2) as pool:
        words = [view.format(name).split() for view in VIEWS]
        for view, done in zip(words, pool.map(lambda w: see(owner, *w, without=without), words)):
            assert (done.returncode, FAULT.search(done.stderr)) == (0, None), view


@pytest.mark.parametrize("name", ["alpha", "one"])
def test_views_work_when_the_environment_is_missing(owner: User, name: str) -> None:
    prefix = owner.home / {"alpha": "venvs/alpha-1.0", "one": "conda/envs/one"}[name]
    elsewhere = prefix.rename(prefix.with_name("elsewhere"))
    try:
        assert_views_work(owner, name)
    finally:
        elsewhere.rename(prefix)


@pytest.mark.parametrize("name", ["alpha", "one"])
def test_views_work_without_the_variable_home(owner: User, name: str) -> None:
    assert_views_work(owner, name, without="HOME")


def test_views_work_while_the_module_is_loaded(owner: User) -> None:
    for name in ("alpha", "one"):
        commands = "\n".join(f"module {view.format(name)} || echo FAILED {view}" for view in VIEWS)
        script = f"{DIALECTS['bash'].start(LMOD)}\nmodule use {owner.modules}\nmodule load {name}\n{commands}"
        done = owner.run(script)
        assert "FAILED" not in done.stdout
        assert FAULT.search(done.stderr) is None


def test_spider_finds_the_module_by_a_package_in_it(owner: User) -> None:
    found = see(owner, "spider", "biopython").stderr
    assert "biopython:" in found
    (version,) = set(re.findall(r"biopython/([\d.]+)", found))
    told = see(owner, "spider", f"biopython/{version}").stderr
    assert "alpha/1.0" in told


def test_whatis_and_help_describe_the_module_and_its_commands(owner: User) -> None:
    about = see(owner, "whatis", "alpha").stderr
    assert f": Description: personal Python environment on {owner.stack.bundle_module}\n" in about
    told = see(owner, "help", "alpha").stderr
    for words in (
        f"module use {owner.modules}; module load alpha/1.0",
        "module unload alpha",
        "stackenv info",
    ):
        assert words in told


def test_show_lists_the_effects_of_the_module_without_internals(owner: User) -> None:
    prefix = f"{owner.home}/venvs/alpha-1.0"
    _, said = see(owner, "show", "alpha").stderr.split("extensions(")
    lines = [line.replace(" ", "") for line in said.partition("help(")[0].splitlines()[1:]]
    assert lines == [
        'family("stackenv")',
        f'depends_on("{owner.stack.bundle_module}")',
        f'pushenv("VIRTUAL_ENV","{prefix}")',
        'pushenv("VIRTUAL_ENV_PROMPT","(alpha)")',
        f'prepend_path{{"PATH","{prefix}/bin:{prefix}/stackenv/bin",priority="100"}}',
    ]
    assert "STACKENV" not in see(owner, "show", "alpha", VIRTUAL_ENV="/opt/mine").stderr
    told = see(owner, "show", "one").stderr
    assert 'setenv("CONDA_PREFIX"' in told and "STACKENV_CONDA" not in told and "execute" not in told


def test_the_command_shown_by_help_loads_the_module(owner: User) -> None:
    told = see(owner, "help", "alpha").stderr
    (line,) = [line.strip() for line in told.splitlines() if "module use" in line]
    done = owner.run(f"{line}\npython -c 'import Bio, numpy; print(Bio.__file__)'")
    assert done.stdout.startswith(f"{owner.home}/venvs/alpha-1.0/"), done.stderr


def test_keyword_finds_the_module_by_its_description(owner: User) -> None:
    assert "alpha" in see(owner, "keyword", "personal Python environment").stderr


@pytest.mark.parametrize("without", ["", "HOME"])
def test_lmods_syntax_checker_finds_no_error(owner: User, without: str) -> None:
    environ = {**owner.environ, "MODULEPATH": f"{owner.modules}:{owner.environ['MODULEPATH']}"}
    environ.pop(without, None)
    done = subprocess.run(
        [CHECKER, str(owner.modules)], env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "No errors found" in done.stdout + done.stderr) == (0, True), done.stdout


def test_lmods_syntax_checker_finds_an_error_in_a_broken_module(owner: User, tmp_path: Path) -> None:
    broken = tmp_path / "broken/1.lua"
    broken.parent.mkdir()
    broken.write_text((owner.modules / "alpha/1.0.lua").read_text() + "\nsetenv('A')\n")
    done = subprocess.run(
        [CHECKER, str(tmp_path)], env=owner.environ, capture_output=True, text=True, check=False
    )
    assert "setenv" in done.stdout + done.stderr


def list_programs(owner: User, folder: Path, commands: str) -> list[str]:
    """Return the programs that a bash starts for `commands`, one entry for each start."""
    trace = folder / "trace"
    script = f"{DIALECTS['bash'].start(LMOD)}\nmodule load {owner.stack.bundle_module}\n{commands}"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace), "bash", "-c", script],
        env={**owner.environ, "MODULEPATH": f"{owner.modules}:{owner.environ['MODULEPATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return re.findall(r'execve\("([^"]*)".* = 0$', trace.read_text(), re.MULTILINE)


@pytest.mark.parametrize("cycle", ["module load {0}", "module load {0}; module unload {0}"])
def test_a_venvs_module_starts_no_more_programs_than_an_empty_module(
    owner: User, tmp_path: Path, cycle: str
) -> None:
    nothing = list_programs(owner, tmp_path, cycle.format("empty"))
    assert LMOD in nothing
    assert list_programs(owner, tmp_path, cycle.format("alpha")) == nothing
