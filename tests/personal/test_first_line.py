"""Fresh logins in which the first line is `module load stackenv`, and nothing else has to be known."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from built import LMOD
from in_ci import fail_or_skip
from own_prefix import install_prefix
from users import User, make_once, make_user

INIT = Path(LMOD).parents[1] / "init"
SITE = """\
version: 1
conda:
  load_test: {shells: [bash]}
caches:
  pip:
    - {parent: "${HOME}", folder: .cache/own/pip}
"""
# Start-up files that a login shell reads even if it is not interactive.
START_UP = {"bash": ".bash_profile", "zsh": ".zprofile", "tcsh": ".login", "fish": ".config/fish/config.fish"}
SHOW = "python -c 'import Bio, numpy; print(Bio.__file__, numpy.__file__)'"


@dataclass(frozen=True)
class Login:
    """A home whose start-up files set up Lmod and the site's modules, as /etc/profile.d does elsewhere."""

    home: Path
    environ: dict[str, str]

    def run(self, shell: str, *lines: str) -> subprocess.CompletedProcess[str]:
        """Type `lines` at a login shell."""
        return subprocess.run(
            [shell, "-l"],
            input="".join(f"{line}\n" for line in lines),
            env=self.environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def site_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the module of stackenv, installed as docs/admins/without-easybuild.md says."""

    def make(folder: Path) -> None:
        install_prefix(folder / "prefix")
        (folder / "site.yaml").write_text(SITE)
        command = [str(folder / "prefix/bin/stackenv"), "site", "install", "--name", "stackenv"]
        command += ["--version", "1.0", "--root", str(folder / "prefix")]
        command += ["--modulefile", str(folder / "modules/stackenv/1.0.lua")]
        command += ["--config", str(folder / "site.yaml")]
        subprocess.run(command, env={**os.environ, "LMOD_CMD": LMOD}, check=True)

    made = make_once(tmp_path_factory, "site-module", make)
    assert (made / "prefix/libexec/stackenv/man/man1/stackenv-create.1").is_file()
    return made / "modules"


def make_login(user: User, site_module: Path) -> Login:
    """Return the login of `user`, which keeps their settings for pip without a network and no others."""
    for shell, name in START_UP.items():
        (user.home / name).parent.mkdir(parents=True, exist_ok=True)
        word = "." if shell != "tcsh" and shell != "fish" else "source"
        lines = (f"{word} {INIT}/{shell}", f"module use {user.stack.modulepath} {site_module}")
        (user.home / name).write_text("".join(f"{line}\n" for line in lines))
    kept = {name: value for name, value in user.environ.items() if name.startswith("PIP_")}
    environ = {"HOME": str(user.home), "USER": "anna", "LOGNAME": "anna", "TERM": "dumb", **kept}
    return Login(user.home, {**environ, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory, site_module: Path) -> Login:
    """A user who has created biopy in their first login."""
    from stacked import open_stack

    user = make_user(tmp_path_factory.mktemp("login"), open_stack("eb5-pythonpath"))
    found = make_login(user, site_module)
    first = found.run(
        "bash",
        "module load stackenv",
        f"module load {user.stack.bundle_module}",
        "stackenv create biopy biopython",
        "ml biopy",
        SHOW,
    )
    # The command that create prints works as it is: the folder, missing at the time of the load, is in use.
    assert first.stdout.splitlines()[0] == "ml biopy", first.stderr
    assert "in this shell, and after `module load stackenv` in a new one or a job script:\n" in first.stderr
    assert first.stdout.splitlines()[1].startswith(f"{user.home}/venvs/biopy-1.0/"), first.stderr
    return found


def read_environment(path: Path) -> set[str]:
    """Return what `env -0` has written to `path`, without Lmod's own variables."""
    entries = path.read_text().split("\0")
    # Lmod itself writes an empty entry at the end of a path variable as an additional colon.
    return {e.rstrip(":") for e in entries if not e.startswith(("_", "LMOD_", "LOADEDMODULES", "SHLVL"))}


@pytest.mark.parametrize("shell", list(START_UP))
def test_two_lines_load_an_environment_in_a_fresh_login(login: Login, shell: str) -> None:
    if not shutil.which(shell):
        fail_or_skip(f"no {shell}")
    done = login.run(
        shell, "module load stackenv", "ml biopy", SHOW, "printenv PIP_CACHE_DIR", "stackenv list"
    )
    # A login shell of tcsh prints messages of its own when it is not on a terminal.
    lines = [line for line in done.stdout.splitlines() if "no access to tty" not in line]
    own, cache, *listed = (line for line in lines if "no job control" not in line)
    bio, numpy = own.split()
    assert cache == f"{login.home}/.cache/own/pip"
    assert bio.startswith(f"{login.home}/venvs/biopy-1.0/") and "/software/" in numpy, done.stderr
    assert any("biopy/1.0" in line for line in listed), done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("shell", list(START_UP))
def test_unloading_stackenv_leaves_no_trace(login: Login, shell: str) -> None:
    done = login.run(
        shell,
        f"env -0 > {login.home}/before",
        "module load stackenv",
        "ml biopy",
        "module unload stackenv",
        f"env -0 > {login.home}/after",
        "python -c 'import Bio'",
    )
    before, after = (read_environment(login.home / name) for name in ("before", "after"))
    assert after ^ before == set(), done.stderr
    # Lmod reports that the environment, which it found by the module, is unloaded with it.
    assert "biopy" in done.stderr


@pytest.mark.parametrize("again", ["module load stackenv", "module unload stackenv; module load stackenv"])
@pytest.mark.parametrize("shell", list(START_UP))
def test_a_loaded_environment_survives_a_reload_of_stackenv(login: Login, shell: str, again: str) -> None:
    lines = ("module load stackenv", "ml biopy", f"env -0 > {login.home}/loaded", *again.split("; "))
    done = login.run(shell, *lines, f"env -0 > {login.home}/again", SHOW)
    loaded, after = (read_environment(login.home / name) for name in ("loaded", "again"))
    assert after ^ loaded == set(), done.stderr
    assert f"{login.home}/venvs/biopy-1.0/" in done.stdout


def test_a_job_that_inherits_both_modules_can_load_both_again(login: Login) -> None:
    (login.home / "job").write_text(
        f"#!/bin/bash\nmodule load stackenv\nml biopy\n{SHOW}\nenv -0 > {login.home}/job-env\n"
    )
    run = f"bash -c '. {INIT}/bash; . ./job'"
    done = login.run("bash", "module load stackenv", "ml biopy", f"env -0 > {login.home}/loaded", run)
    assert f"{login.home}/venvs/biopy-1.0/" in done.stdout, done.stderr
    assert read_environment(login.home / "job-env") ^ read_environment(login.home / "loaded") == set()


@pytest.mark.parametrize("how", ["run", "job", "job elsewhere", "kernel"])
def test_run_job_and_kernel_use_the_configured_caches(login: Login, how: str) -> None:
    show = "sh -c 'echo $PIP_CACHE_DIR; command -v python'"
    # A job may be submitted from a shell without loaded modules.
    leave = ["module purge"] if how == "job elsewhere" else []
    launch = f"{login.home}/venvs/biopy-1.0/stackenv/launch {LMOD} {show}"
    lines = {
        "run": [f"stackenv run biopy -- {show}"],
        "kernel": [launch],
    }.get(how, [f"stackenv job biopy -- {show} > {login.home}/script", *leave, f"bash {login.home}/script"])
    done = login.run("bash", "module load stackenv", *lines)
    assert done.stdout.splitlines() == [
        f"{login.home}/.cache/own/pip",
        f"{login.home}/venvs/biopy-1.0/bin/python",
    ], done.stderr


def test_a_job_works_and_warns_where_the_stackenv_module_is_missing(login: Login) -> None:
    script = login.home / "elsewhere"
    login.run("bash", "module load stackenv", f"stackenv job biopy -- command -v python > {script}")
    script.write_text(script.read_text().replace("stackenv/1.0", "stackenv/none"))
    done = login.run("bash", f"bash {script}")
    assert done.stdout == f"{login.home}/venvs/biopy-1.0/bin/python\n"
    (told,) = done.stderr.splitlines()
    assert told.startswith("stackenv: ") and " no module stackenv/none on " in told


WORKSPACE = """\
setenv("WORKSPACE", "{folder}")
"""
BY_WORKSPACE = """\
version: 1
conda:
  load_test: {shells: [bash]}
caches:
  pip:
    - {parent: "${WORKSPACE}", folder: ".cache-${USER}/pip"}
    - {parent: "${HOME}", folder: .cache/own/pip}
  torch:
    - {parent: "${WORKSPACE}", folder: ".cache-${USER}/torch"}
"""


@pytest.fixture(scope="module")
def grouped(login: Login, site_module: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the module Workspace, and with a module stackenv whose caches depend on it."""
    folder = tmp_path_factory.mktemp("grouped")
    for name in ("group o'1", "modules/Workspace", "own/stackenv", "jobs"):
        (folder / name).mkdir(parents=True)
    (folder / "modules/Workspace/1.lua").write_text(WORKSPACE.format(folder=folder / "group o'1"))
    (folder / "site.yaml").write_text(BY_WORKSPACE)
    prefix = site_module.parent / "prefix"
    command = [str(prefix / "bin/stackenv"), "site", "render", "--name", "stackenv", "--version", "2.0"]
    command += ["--root", str(prefix), "--config", str(folder / "site.yaml")]
    made = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (folder / "own/stackenv/2.0.lua").write_text(made)
    return folder


@pytest.mark.parametrize("own", ["", "/elsewhere"])
@pytest.mark.parametrize("how", ["run", "job", "job elsewhere", "kernel"])
def test_run_job_and_kernel_use_caches_based_on_another_modules_variable(
    login: Login, grouped: Path, how: str, own: str
) -> None:
    show = "sh -c 'echo $PIP_CACHE_DIR; echo $TORCH_HOME'"
    submit = f"bash {grouped}/jobs/script"
    if how == "job elsewhere":
        # A clean environment, as by sbatch --export=NONE, in which nothing says where the module is.
        kept = f"PIP_CACHE_DIR={own}" if own else ""
        submit = f"env -i HOME=$HOME USER=$USER PATH=/usr/bin:/bin {kept} {submit}"
    lines = {
        "run": [f"stackenv run biopy -- {show}"],
        "kernel": [f"{login.home}/venvs/biopy-1.0/stackenv/launch {LMOD} {show}"],
    }.get(how, [f"stackenv job biopy -- {show} > {grouped}/jobs/script", submit])
    done = login.run(
        "bash",
        f"module use {grouped}/modules {grouped}/own",
        "module load Workspace stackenv/2.0",
        *([f"export PIP_CACHE_DIR={own}"] if own else []),
        *lines,
    )
    caches = grouped / "group o'1/.cache-anna"
    assert done.stdout.splitlines() == [own or f"{caches}/pip", f"{caches}/torch"], done.stderr
    assert done.stderr == ""
