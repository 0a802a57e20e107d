"""A project's own environment beside loaded modules: the finding says what a real Python imports there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from answers import read_result
from built import LMOD
from checking import install, take_one
from forked import COMMAND, run_stackenv
from people import Person
from stacked import STACKS, WORK, Stack, open_stack

RULE = "project-environment"
UV = str(WORK / "venv/bin/uv")
BASH = Path(LMOD).parents[1] / "init/bash"
PROJECT = """\
[project]
name = "p"
version = "1"
requires-python = "==3.11.*"
dependencies = [%s]
"""
# root may read everything.
AS_USERS_ARE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
NUMPY = "import numpy; print(numpy.__version__)"
Where = Callable[..., Path]


@pytest.fixture
def stack(request: pytest.FixtureRequest, person: Person) -> Stack:
    """Return one of the stacks, which the person uses."""
    stack = open_stack(getattr(request, "param", "eb5-pythonpath"))
    person.environ.update(
        MODULEPATH=stack.modulepath,
        PIP_FIND_LINKS=stack.wheels,
        UV_FIND_LINKS=stack.wheels,
        UV_PYTHON_DOWNLOADS="never",
        UV_CACHE_DIR=str(person.home.parent / "uv-cache"),
    )
    return stack


@pytest.fixture
def project(person: Person, stack: Stack) -> Where:
    """Return a function that creates a project with dependencies in the home, and its environment by uv."""

    def make(*dependencies: str, name: str = "p") -> Path:
        folder = person.home / name
        (folder / "src/deep").mkdir(parents=True)
        (folder / "pyproject.toml").write_text(PROJECT % ", ".join(f'"{d}"' for d in dependencies))
        typed(person, stack.python_module, folder, f"{UV} sync -q")
        return folder

    return make


def typed(person: Person, module: str, folder: Path, script: str, **changes: str) -> str:
    """Return the output of `script`, typed in `folder` with `module` loaded."""
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-ec", f'. "{BASH}"; module load {module}; cd {folder}; {script}'],
        env={**person.environ, **changes},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def find(person: Person, folder: Path, *load: str, **changes: str) -> list[dict[str, str]]:
    """Return the findings of the rule for a command typed in `folder` with these modules loaded."""
    done = run_stackenv(["check", "--json"], {**person.environ, **changes}, folder, load)
    assert done.returncode in (0, 1), done.stderr
    return [found for found in read_result(done.stdout) if found["rule"] == RULE]


@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_the_finding_says_which_version_python_imports(person: Person, stack: Stack, project: Where) -> None:
    folder = project("numpy==2.1.1", "packaging==24.2", "six")
    found = take_one(find(person, folder / "src/deep", stack.bundle_module))
    imported = typed(person, stack.bundle_module, folder, f".venv/bin/python -c '{NUMPY}'").strip()
    theirs, ours = (
        "its own numpy 2.1.1, packaging 24.2",
        f"numpy 1.25.1, packaging 23.1 of {stack.bundle_module}",
    )
    expected = {
        "1.25.1": f"{person.home}/p/.venv has {theirs}, but its Python imports {ours}",
        "2.1.1": f"{person.home}/p/.venv has {theirs}, which its Python imports instead of {ours}",
    }
    assert found["what"] == expected[imported]
    assert (imported == "1.25.1") == stack.name.endswith("pythonpath")
    assert (found["level"], found["where"]) == ("warning", str(folder / ".venv"))
    # The bundle is not loaded, or the command is typed outside of the project.
    assert find(person, folder) == find(person, folder, stack.python_module) == []
    assert find(person, person.home, stack.bundle_module) == []


def test_the_commands_of_the_hint_work(person: Person, stack: Stack, project: Where) -> None:
    folder = project("numpy>=1", "six")
    found = take_one(find(person, folder, stack.bundle_module))
    ours, _, their_own = found["hint"].partition("; to use the project's own: ")
    command = their_own.replace("uv run COMMAND", f"{UV} run -q python -c '{NUMPY}'")
    assert typed(person, stack.bundle_module, folder, command) == "2.1.1\n"
    lines = ours.partition("modules' packages: ")[2].partition("; in the folder of pyproject.toml: ")
    makes, installs = lines[0].replace("NAME", "it"), lines[2].partition(", then python")[0]
    path = f"PATH=$PATH:{Path(UV).parent}:{Path(COMMAND).parent}"
    said = typed(person, stack.bundle_module, folder, f"{path}; {makes}; {installs}; python -c '{NUMPY}'")
    assert said.splitlines()[-1] == "1.25.1"
    # The old environment still exists, which is reported with the module of the new one loaded.
    found = take_one(find(person, folder, "it", MODULEPATH=f"{person.modules}:{stack.modulepath}"))
    assert found["hint"].startswith("to use the modules' packages, in the folder of pyproject.toml: uv pip")
    shutil.rmtree(folder / ".venv")
    assert find(person, folder, "it", MODULEPATH=f"{person.modules}:{stack.modulepath}") == []


@pytest.mark.parametrize(
    ("files", "installs", "runs"),
    [
        ({"poetry.lock": ""}, "poetry add numpy==1.25.1", "poetry"),
        ({"pyproject.toml": "[tool.poetry]\nname = 'p'\n"}, "poetry add numpy==1.25.1", "poetry"),
        ({"pdm.lock": ""}, "pdm use -f $VIRTUAL_ENV; pdm add numpy==1.25.1", "pdm"),
        (
            {"pyproject.toml": "[project]\nname = 'p'\n[tool.poetry]\n"},
            "uv pip install -r pyproject.toml",
            "uv",
        ),
    ],
)
def test_the_hint_uses_the_projects_own_tool(
    person: Person, stack: Stack, project: Where, files: dict[str, str], installs: str, runs: str
) -> None:
    folder = project("numpy==2.1.1")
    (folder / "uv.lock").unlink()
    for name, text in files.items():
        (folder / name).write_text(text)
    found = take_one(find(person, folder, stack.bundle_module))
    ours, _, their_own = found["hint"].partition("; to use the project's own: ")
    assert ours.partition("; in the folder of pyproject.toml: ")[2].startswith(installs)
    assert their_own == f"env -u PYTHONPATH {runs} run COMMAND"


@pytest.mark.parametrize(
    ("folder", "typed"),
    [
        ("${HOME}/my-modules", "~/my-modules"),
        ("${HOME}/my modules", "'%s/my modules'"),
    ],
)
def test_the_hint_uses_the_module_folder_of_the_site_configuration(
    person: Person, stack: Stack, project: Where, tmp_path: Path, folder: str, typed: str
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(f"version: 1\npersonal:\n  modules: {folder}\n")
    found = take_one(
        find(person, project("numpy==2.1.1"), stack.bundle_module, STACKENV_SITE_CONFIG=str(site))
    )
    expected = typed.replace("%s", str(person.home))
    assert f"stackenv create NAME; ml use {expected}; ml NAME; " in found["hint"]


@pytest.mark.parametrize("stack", ["eb5-pythonpath", "eb5-prefixes"], indirect=True)
def test_a_package_of_the_modules_version_is_reported_only_if_imported(
    person: Person, stack: Stack, project: Where
) -> None:
    found = find(person, project("numpy==1.25.1"), stack.bundle_module)
    # With PYTHONPATH, the version of the lock is what runs; otherwise a generic build of it runs.
    assert [f["what"].partition(" imports ")[2] for f in found] == (
        [] if stack.name == "eb5-pythonpath" else [f"instead of numpy 1.25.1 of {stack.bundle_module}"]
    )


def test_an_environment_that_cannot_work_with_the_modules_is_broken(
    person: Person, stack: Stack, project: Where
) -> None:
    folder = project("numpy==2.1.1")
    site = folder / ".venv/lib/python3.11/site-packages"
    install(site, "wants-two", "1.0", "Requires-Dist: numpy>=2")
    found = take_one(find(person, folder, stack.bundle_module))
    assert found["level"] == "broken"
    assert found["why"].startswith(
        "wants-two requires numpy>=2, which 1.25.1 does not satisfy: the loaded module sets PYTHONPATH"
    )
    shutil.rmtree(site / "wants_two-1.0.dist-info")
    # An environment with another Python than the modules'.
    other = next(Path.home().glob(".pyenv/versions/3.9.*/bin/python3"), None)
    if other is None:
        pytest.skip("pyenv has no Python 3.9")
    shutil.rmtree(folder / ".venv")
    subprocess.run([other, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    install(folder / ".venv/lib/python3.9/site-packages", "numpy", "2.0.2")
    found = take_one(find(person, folder, stack.bundle_module))
    assert found["level"] == "broken"
    assert found["why"].startswith(
        f"numpy 1.25.1 of {stack.bundle_module} is for Python 3.11, but the environment has Python 3.9: "
    )
    with pytest.raises(AssertionError, match=r"numpy\.core\._multiarray_umath"):
        typed(person, stack.bundle_module, folder, f".venv/bin/python -c '{NUMPY}'")


@pytest.mark.parametrize("stack", ["eb5-prefixes"], indirect=True)
def test_only_packages_of_modules_are_compared_and_the_last_loaded_wins(
    person: Person, stack: Stack, project: Where
) -> None:
    folder = project("numpy==2.1.1", "setuptools==80.9.0")
    # Build tools are never pinned, and packages that users add to PYTHONPATH are their own.
    extra, own = person.home / "software/Extra/2", person.home / "lib"
    install(extra / "lib/python3.11/site-packages", "setuptools", "65.5.0")
    install(own, "numpy", "1.9")
    module = person.home / "more/Extra/2.lua"
    module.parent.mkdir(parents=True)
    module.write_text(f'setenv("EBROOTEXTRA", "{extra}")\nprepend_path("EBPYTHONPREFIXES", "{extra}")\n')
    environ = {"MODULEPATH": f"{person.home}/more:{stack.modulepath}"}
    assert find(person, folder, stack.python_module, "Extra/2", PYTHONPATH=str(own), **environ) == []
    # Of two modules, the one that was loaded later counts.
    install(extra / "lib/python3.11/site-packages", "numpy", "1.9")
    for load, theirs in (
        ((stack.bundle_module, "Extra/2"), "1.9 of Extra/2"),
        (("Extra/2", stack.bundle_module), f"1.25.1 of {stack.bundle_module}"),
    ):
        found = take_one(find(person, folder, *load, **environ))
        assert found["what"].endswith(f" instead of numpy {theirs}")


def test_a_package_in_lib64_is_found(person: Person, stack: Stack, project: Where) -> None:
    own = project("numpy==2.1.1") / ".venv"
    (own / "lib64").unlink()
    (own / "lib64/python3.11/site-packages").mkdir(parents=True)
    for path in (own / "lib/python3.11/site-packages").glob("numpy*"):
        path.rename(own / "lib64/python3.11/site-packages" / path.name)
    found = take_one(find(person, own.parent, stack.bundle_module))
    assert found["what"].startswith(f"{person.home}/p/.venv has its own numpy 2.1.1, but")


def test_the_environment_of_uv_project_environment_is_checked(
    person: Person, stack: Stack, project: Where
) -> None:
    folder = project("numpy==2.1.1")
    (folder / ".venv").rename(folder / "own")
    assert find(person, folder, stack.bundle_module) == []
    for value in ("own", str(folder / "own")):
        found = take_one(find(person, folder / "src", stack.bundle_module, UV_PROJECT_ENVIRONMENT=value))
        assert found["where"] == str(folder / "own")
    # Environments of stackenv have their own rules.
    person.stackenv("create", "it", load=stack.bundle_module)
    prefix = str(person.home / "venvs/it-1.0")
    assert find(person, folder, stack.bundle_module, UV_PROJECT_ENVIRONMENT=prefix) == []
    (folder / ".venv").symlink_to(prefix)
    assert find(person, folder, stack.bundle_module) == []


def test_the_project_is_searched_up_to_the_home(person: Person, stack: Stack, project: Where) -> None:
    # A member of a workspace has no environment of its own.
    folder = project("numpy==2.1.1")
    (folder / "src/pyproject.toml").write_text("this is [no TOML")
    assert len(find(person, folder / "src/deep", stack.bundle_module)) == 1
    # The search in the home does not go above it.
    above = person.home.parent
    (above / "pyproject.toml").touch()
    (folder / ".venv").rename(above / ".venv")
    assert find(person, folder, stack.bundle_module) == []
    assert find(person, person.home, stack.bundle_module) == []
    assert len(find(person, above, stack.bundle_module)) == 1
    (above / ".venv").rename(person.home / ".venv")
    (person.home / "pyproject.toml").touch()
    assert len(find(person, folder / "src", stack.bundle_module)) == 1


def spoil_file(own: Path) -> None:
    shutil.rmtree(own)
    own.touch()


def spoil_link(own: Path) -> None:
    shutil.rmtree(own)
    own.symlink_to("gone")


def spoil_python(own: Path) -> None:
    (own / "bin/python").unlink()
    (own / "bin/python").symlink_to("/gone/python3.11")


def spoil_packages(own: Path) -> None:
    shutil.rmtree(own / "lib")


@pytest.mark.parametrize("spoil", [spoil_file, spoil_link, spoil_python, spoil_packages])
def test_a_broken_project_environment_is_not_reported(
    person: Person, stack: Stack, project: Where, spoil: Callable[[Path], None]
) -> None:
    folder = project("numpy==2.1.1")
    spoil(folder / ".venv")
    assert find(person, folder, stack.bundle_module) == []


def test_an_environment_of_another_user_is_unchecked(person: Person, stack: Stack, project: Where) -> None:
    if os.geteuid():
        pytest.skip("files of another user take root")
    folder = project("numpy==2.1.1")
    os.chown(folder / ".venv", 65534, -1)
    found = take_one(find(person, folder, stack.bundle_module))
    assert (found["level"], f"{folder}/.venv belongs to nobody" in found["what"]) == ("unchecked", True)


def test_an_unreadable_environment_is_not_reported(person: Person, stack: Stack, project: Where) -> None:
    folder = project("numpy==2.1.1")
    assert len(find_by(person, stack, folder, " ".join(AS_USERS_ARE))) == 1
    for closed in ("lib/python3.11/site-packages", "lib", ""):
        path = folder / ".venv" / closed
        mode = path.stat().st_mode
        path.chmod(0)
        assert find_by(person, stack, folder, " ".join(AS_USERS_ARE)) == [], closed
        path.chmod(mode)


def test_the_search_for_a_project_stops_at_a_mount(person: Person, stack: Stack, project: Where) -> None:
    folder = project("numpy==2.1.1")
    inside = "unshare -rm sh -c 'mount --bind {0} {0} && cd {0} && exec \"$@\"' sh"
    assert len(find_by(person, stack, folder, inside.format(folder))) == 1
    # Another file system, so that the folder above is on another device.
    other = inside.replace("--bind {0} {0}", "-t tmpfs none {0}").format(folder / "src")
    assert find_by(person, stack, folder, other) == []


def find_by(person: Person, stack: Stack, folder: Path, words: str) -> list[dict[str, str]]:
    """Return the findings of the rule in `folder` if `words` start the command; no check may fail."""
    said = typed(person, stack.bundle_module, folder, f"{words} {COMMAND} check --json || true")
    found = read_result(said)
    assert [f for f in found if f["level"] == "unchecked"] == []
    return [f for f in found if f["rule"] == RULE]


def test_a_python_that_others_can_have_written_is_not_run(
    person: Person, stack: Stack, project: Where
) -> None:
    folder = project("numpy==2.1.1")
    ran = person.home / "ran"
    python = folder / ".venv/bin/python"
    python.unlink()
    python.write_text(f"#!/bin/sh\ntouch {ran}\n")
    python.chmod(0o755)
    for opened in ("", ".venv", ".venv/bin", ".venv/lib/python3.11/site-packages"):
        (folder / opened).chmod(0o777)
        found = take_one(find(person, folder, stack.bundle_module))
        assert found["level"] == "unchecked"
        assert f"everybody can write {folder / opened}" in found["what"]
        assert not ran.exists()
        (folder / opened).chmod(0o755)
    found = take_one(find(person, folder, stack.bundle_module))
    assert "this check could not run" in found["what"]
    assert ran.exists()


def test_no_project_is_reported_in_a_deleted_folder(person: Person, stack: Stack) -> None:
    gone = person.home / "gone"
    gone.mkdir()
    said = typed(person, stack.bundle_module, gone, f"rmdir {gone}; {COMMAND} check --json || true")
    assert [found for found in read_result(said) if found["rule"] in (RULE, "unchecked")] == []


def test_the_search_for_a_project_looks_twice_at_each_folder(person: Person, tmp_path: Path) -> None:
    deep = person.home / "a/b/c/d"
    deep.mkdir(parents=True)

    def count(folder: Path) -> int:
        trace = tmp_path / "trace"
        done = subprocess.run(
            ["strace", "-f", "-qq", "-e", "trace=%file", "-o", str(trace), COMMAND, "check", "--json"],
            env=person.environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return sum(str(person.home) in line for line in trace.read_text().splitlines())

    count(person.home)
    assert count(deep) - count(person.home) == 4 * 2
