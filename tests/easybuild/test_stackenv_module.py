"""stackenv as a module for all users, built offline from its source by real EasyBuild, in real shells."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from filelock import FileLock
from in_ci import fail_or_skip
from open_ways import open_way_to
from runner import CHECKOUT, LMOD, VERSIONS, EasyBuild, make_easybuild

sys.path.insert(0, str(CHECKOUT / "tests"))
sys.path.insert(0, str(CHECKOUT / "tests/shells"))

from dialects import DIALECTS
from session import Session, differences
from stackenv_sources import PYTHON, make_source, make_wheels

from stackenv import __version__
from stackenv.cli import main as cli

EASYCONFIG = CHECKOUT / f"easyconfigs/stackenv-{__version__}.eb"
MODULE = f"stackenv/{__version__}"
ADDED = {"PATH", "MANPATH", "STACKENV_MANPATH", "CMAKE_PREFIX_PATH"}
ADDED |= {"EBROOTSTACKENV", "EBVERSIONSTACKENV", "EBDEVELSTACKENV", "LOADEDMODULES", "_LMFILES_"}
ADDED |= {"MODULEPATH", "STACKENV_MODULES", "STACKENV_SITE_CONFIG", "STACKENV_SET"}


def offline(source: Path) -> dict[str, str]:
    """Return the settings of an admin without network."""
    return {
        **{"EASYBUILD_SOURCEPATH": str(source), "PIP_CONFIG_FILE": os.devnull},
        **{"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(make_wheels())},
    }


@pytest.fixture(scope="module", params=list(VERSIONS))
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EasyBuild:
    """A software tree with the current stackenv, built once in a test run for all its workers."""
    top = tmp_path_factory.getbasetemp()
    folder = (top.parent if os.environ.get("PYTEST_XDIST_WORKER") else top) / f"stackenv-{request.param}"
    with FileLock(f"{folder}.lock"):
        if not (folder / "built").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(make_source(), folder / "source")
            easybuild = make_easybuild(request.param, folder)
            easybuild.run(str(EASYCONFIG), **offline(folder / "source"))
            (folder / "built").touch()
    return EasyBuild(VERSIONS[request.param], Path(request.param), folder / "eb")


@pytest.fixture
def environ(tree: EasyBuild, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    return {
        **{"HOME": str(tmp_path / "home"), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
        **{"MODULEPATH": str(tree.modules), "TERM": "dumb"},
    }


def installation(tree: EasyBuild) -> Path:
    return tree.prefix / "software" / MODULE


def in_bash(script: str, environ: dict[str, str], **rest) -> subprocess.CompletedProcess[str]:
    """Load the module and run `script`."""
    text = f"{DIALECTS['bash'].start(LMOD)}\nmodule load {MODULE}\n{script}"
    command = ["bash", "--norc", "--noprofile", "-c", text]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, **rest)


def command_paths(command: click.Command, name: str) -> list[str]:
    """Return the names of the man pages of all commands."""
    below = [(part, child) for part, child in getattr(command, "commands", {}).items() if not child.hidden]
    return [name, *(path for part, child in below for path in command_paths(child, f"{name}-{part}"))]


@pytest.mark.each_value("shell", "manual", "tree")
@pytest.mark.parametrize("manual", [None, "/a:/b", "::"], ids=["no MANPATH", "MANPATH", "MANPATH of Lmod"])
@pytest.mark.parametrize("shell", list(DIALECTS))
def test_unload_leaves_the_shell_as_it_was(tree, environ, tmp_path, shell, manual) -> None:
    if not shutil.which(DIALECTS[shell].command[0]):
        fail_or_skip(f"no {shell}")
    environ |= {"MANPATH": manual} if manual else {}
    session = Session(DIALECTS[shell], tmp_path, LMOD, environ, strict=True)
    session.snapshot("before").do(f"module load {MODULE}").snapshot("loaded")
    session.do("module unload stackenv").snapshot("after")
    result = session.run()
    before, loaded, after = (result.snapshots[name] for name in ("before", "loaded", "after"))
    root = installation(tree)
    assert loaded.path[0] == str(root / "bin")
    assert loaded.environment["MANPATH"].split(":")[0] == str(root / "man")
    changed = differences(before, loaded)
    # In a script, the load defines no function, and no variable except those of the environment.
    assert set(changed.pop("variables", {"new": ()})["new"]) <= ADDED
    assert set(changed) <= ADDED
    assert differences(before, after) == {}


def test_only_the_stackenv_command_is_in_bin(tree) -> None:
    root = installation(tree)
    assert [path.name for path in (root / "bin").iterdir()] == ["stackenv"]
    assert (root / "venv/bin/stackenv").read_text().startswith(f"#!{root}/venv/bin/python\n")
    assert {path.name for path in root.iterdir()} == {
        *("bin", "completions", "easybuild", "libexec", "man", "venv")
    }
    packages = {path.name for path in next((root / "venv/lib").iterdir()).glob("site-packages/*")}
    assert "click" in packages
    assert not {"pip", "click_man", "setuptools"} & packages


def poisoned_packages(folder: Path) -> str:
    for name in ("rich", "yaml", "click", "json"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"raise ImportError('poisoned {name}')\n")
    return str(folder)


def linked_libraries(program: str) -> set[str]:
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    return set(re.findall(r"^\s*(\S+) => ", done.stdout, re.MULTILINE))


def poisoned_libraries(folder: Path) -> str:
    """Return a folder with empty files in place of the libraries that the OS Python needs and sh does not."""
    folder.mkdir()
    for name in linked_libraries(PYTHON) - linked_libraries("/bin/sh"):
        (folder / name).touch()
    return str(folder)


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH"])
def test_python_and_library_variables_of_loaded_modules_are_ignored(environ, tmp_path, variable) -> None:
    value = {
        "PYTHONPATH": poisoned_packages(tmp_path / "packages"),
        "PYTHONHOME": "/nonexistent",
        "LD_LIBRARY_PATH": poisoned_libraries(tmp_path / "libraries"),
    }[variable]
    poison = f"export {variable}={value}\n"
    # The poison works: the OS Python fails with it.
    assert in_bash(f"{poison}{PYTHON} -c 'import json'", environ).returncode
    done = in_bash(f"{poison}stackenv --version && stackenv site check", environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"stackenv, version {__version__}\n")


@pytest.mark.each_pair("variable", "value", "tree")
@pytest.mark.parametrize("variable", ["PYTHONHOME", "LD_LIBRARY_PATH", "PYTHONPATH"])
@pytest.mark.parametrize("value", ["/a/library", "", None], ids=["set", "empty", "unset"])
def test_programs_that_stackenv_starts_get_the_users_environment(environ, tmp_path, variable, value) -> None:
    # The real Lmod, called by a script that records its environment.
    lmod = tmp_path / "lmod"
    lmod.write_text(f'#!/bin/sh\nenv > "{tmp_path}/seen"\nexec "{LMOD}" "$@"\n')
    lmod.chmod(0o755)
    stale = "export STACKENV_LD_LIBRARY_PATH=/stale\n" if value is None else ""
    export = f"export {variable}={value}\n" if value is not None else f"unset {variable}\n"
    done = in_bash(f"export LMOD_CMD={lmod}\n{stale}{export}stackenv create x --dry-run", environ)
    assert (tmp_path / "seen").is_file(), done.stderr
    seen = dict(line.partition("=")[::2] for line in (tmp_path / "seen").read_text().splitlines())
    assert seen.get(variable) == value
    assert "STACKENV_LD_LIBRARY_PATH" not in seen


@pytest.mark.parametrize("home", ["missing", "unreadable", None])
def test_stackenv_works_without_a_readable_home(environ, tmp_path, home) -> None:
    unreadable = tmp_path / "unreadable"
    unreadable.mkdir(mode=0)
    environ.pop("HOME")
    if home:
        environ["HOME"] = str(tmp_path / home)
    rest = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    open_way_to(tmp_path)
    done = in_bash("stackenv --version && stackenv --help && stackenv site check", environ, cwd="/", **rest)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_each_command_has_a_valid_man_page(tree) -> None:
    folder = installation(tree) / "man/man1"
    pages = {path.name: path for path in folder.iterdir()}
    assert set(pages) == {f"{name}.1" for name in command_paths(cli.stackenv, "stackenv")}
    for path in pages.values():
        text = path.read_text()
        title = path.stem.upper().replace("-", " ")
        assert re.match(rf'\.TH "{title}" "1" "[0-9-]+" "{re.escape(__version__)}" ', text)
        assert "\b" not in text
        assert "Exit status: 0 success, 1 failure" in text
        # Each page that it refers to exists; only the page of a group refers to others: to its commands'.
        named = set(re.findall(r"See \\fB(.*)\(1\)", text))
        assert named <= {page.stem for page in pages.values()}
        assert bool(named) == (path.stem in ("stackenv", "stackenv-site", "stackenv-kernel"))
        if shutil.which("groff"):
            done = subprocess.run(
                ["groff", "-man", "-ww", "-Tutf8", str(path)], capture_output=True, text=True, check=True
            )
            assert done.stderr == ""


@pytest.mark.parametrize("manual", [None, "/nonexistent:"], ids=["no MANPATH", "MANPATH"])
def test_man_finds_the_pages_of_stackenv_and_of_the_system(tree, environ, tmp_path, manual) -> None:
    if not shutil.which("man"):
        fail_or_skip("man is not installed")
    environ |= {"MANPATH": manual} if manual else {}
    without = subprocess.run(["man", "-w", "ls"], env=environ, capture_output=True, text=True, check=False)
    done = in_bash("man -w stackenv; man -w stackenv-site-check; man -w ls", environ)
    folder = installation(tree) / "man/man1"
    found = [f"{folder}/stackenv.1\n", f"{folder}/stackenv-site-check.1\n", without.stdout]
    assert done.stdout == "".join(found), done.stderr


@pytest.mark.any_value("easybuild")
def test_a_checksum_is_injected_and_enforced(easybuild, tmp_path) -> None:
    easyconfig = Path(shutil.copy(EASYCONFIG, tmp_path))
    settings = offline(make_source())
    arguments = (str(easyconfig), "--enforce-checksums", "--stop=patch")
    refused = easybuild.run(*arguments, hooks=None, check=False, **settings)
    assert refused.returncode
    assert "checksum" in (refused.stdout + refused.stderr).lower()
    easybuild.run(str(easyconfig), "--inject-checksums", hooks=None, **settings)
    archive = next(Path(settings["EASYBUILD_SOURCEPATH"]).glob("*.tar.gz"))
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in easyconfig.read_text()
    easybuild.run(*arguments, hooks=None, **settings)
