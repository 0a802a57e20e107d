"""Environments without a copy of pip: `pip` is that of their modules until one is installed."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from findings import read_findings
from stacked import Stack
from users import User, make_user

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
LIMIT = 45
COMMANDS = ("pip", "pip3", f"pip{MINOR}", "python -m pip", "stackenv run it -- pip")
IT = "~/venvs/it-1.0"
ML = "module use ~/modules; ml it || exit 99\n"


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> User:
    """A user of each stack with an environment, into which the tests of one process install in turn."""
    user = make_user(tmp_path_factory.mktemp("light"), stack)
    made = user.stackenv("create", "it", load=[stack.bundle_module])
    assert made.returncode == 0, made.stderr
    assert "own copy of pip" not in made.stderr, made.stderr
    return user


@pytest.fixture
def user(tmp_path: Path, one_stack: Stack) -> User:
    """A user with an environment of their own."""
    user = make_user(tmp_path, one_stack)
    made = user.stackenv("create", "it", load=[one_stack.bundle_module])
    assert made.returncode == 0, made.stderr
    return user


def site_packages(user: User, name: str = "it") -> Path:
    return user.home / f"venvs/{name}-1.0/lib/python{MINOR}/site-packages"


def find_pip(user: User, script: str = "", start: str = ML) -> str:
    """Return the folder that `pip` comes from after `script`, in a shell with the module."""
    done = user.run(f"{start}{script}\npip --version")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1].split(" from ")[1].rpartition("/pip (")[0]


def pip_of_modules(user: User) -> str:
    return f"{user.stack.software}/{user.stack.python_module}/lib/python{MINOR}/site-packages"


def check(user: User) -> list[dict[str, str]]:
    done = user.stackenv("check", "it", "--json")
    assert done.stdout, done.stderr
    return read_findings(done.stdout)


def test_a_new_environment_has_few_files_and_no_pip(owner: User) -> None:
    """This excludes the stubs of its modules' packages, each of which is a folder with at most six files."""
    prefix = owner.home / "venvs/it-1.0"
    names = [str(path.relative_to(prefix)) for path in (prefix, *prefix.rglob("*"))]
    stubs = [str(path.parent.relative_to(prefix)) for path in site_packages(owner).glob("*-info/INSTALLER")]
    others = [name for name in names if not any(name == s or name.startswith(f"{s}/") for s in stubs)]
    assert len(others) <= LIMIT, others
    assert {name.split("/")[-1].split("-")[0] for name in stubs} >= {"numpy", "packaging"}
    assert len(names) - len(others) <= 7 * len(stubs)
    assert all(sum(name.startswith(f"{stub}/") for name in names) <= 6 for stub in stubs)
    assert not (site_packages(owner) / "pip").exists()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.each_pair("stack", "command")
def test_each_pip_command_installs_into_the_environment(owner: User, command: str) -> None:
    done = owner.run(f"{ML}{command} install six && {command} --version && {command} uninstall -y six")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Successfully installed six" in done.stdout
    assert f" from {pip_of_modules(owner)}/pip (" in done.stdout
    assert "Successfully uninstalled six" in done.stdout
    assert not (owner.home / ".local").exists()


@pytest.mark.each_value("stack", "command")
@pytest.mark.parametrize(
    "command", [*COMMANDS, "python -I -m pip", f"pip --python {IT}", f"python {IT}/bin/pip"]
)
def test_each_pip_command_obeys_the_constraints(owner: User, command: str) -> None:
    done = owner.run(f"{ML}{command} install packaging==24.2")
    assert done.returncode == 1
    assert "packaging" in done.stderr and "constraint" in done.stdout + done.stderr


# Ways to activate an environment: by its module, or by its own script when its modules are loaded.
STARTS = {"module": ML, "script": "module load {bundle}; . {it}/bin/activate\n"}


def start_of(user: User, how: str) -> str:
    return STARTS[how].format(bundle=user.stack.bundle_module, it=IT)


@pytest.mark.parametrize("how", STARTS)
def test_an_upgraded_pip_is_used_until_it_is_uninstalled(user: User, how: str) -> None:
    start = start_of(user, how)
    assert find_pip(user, "pip install -q --upgrade pip", start) == str(site_packages(user))
    for command in COMMANDS:
        done = user.run(f"{ML}{command} --version")
        assert f" from {site_packages(user)}/pip (" in done.stdout, command
    assert check(user) == []
    refreshed = user.stackenv("edit", "it", "--refresh")
    assert refreshed.returncode == 0 and "/bin/pip" not in refreshed.stderr, refreshed.stderr
    assert find_pip(user, start=start) == str(site_packages(user))
    held = user.run(f"{ML}pip install packaging==24.2")
    assert held.returncode == 1 and "constraint" in held.stdout + held.stderr
    assert find_pip(user, "pip uninstall -q -y pip && hash -r", start) == pip_of_modules(user)
    assert sorted(path.name for path in (user.home / "venvs/it-1.0/bin").glob("pip*")) == [
        *("pip", "pip3", f"pip{MINOR}")
    ]
    assert check(user) == []
    assert user.run(f"{start}pip install -q six && python -c 'import six'").returncode == 0
    assert (site_packages(user) / "six.py").is_file()
    assert not (user.home / ".local").exists()


@pytest.mark.parametrize("kind", ["light", "--with-pip"])
def test_purged_pip_scripts_are_reported_and_restored_and_no_other_pip_runs(user: User, kind: str) -> None:
    where = pip_of_modules(user)
    if kind == "--with-pip":
        user.stackenv("remove", "it", "--yes")
        made = user.stackenv("create", "it", "--with-pip", load=[user.stack.bundle_module])
        assert made.returncode == 0, made.stderr
        where = str(site_packages(user))
    bin = user.home / "venvs/it-1.0/bin"
    for program in bin.glob("pip*"):
        program.unlink()
    done = user.run(f"{ML}pip install six && pip3 --version")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (site_packages(user) / "six.py").is_file() and f" from {where}/pip (" in done.stdout
    (finding,) = (f for f in check(user) if f["rule"] == "managed-files")
    assert "bin/pip" in finding["what"]
    assert user.stackenv("edit", "it", "--refresh").returncode == 0
    assert sorted(path.name for path in bin.glob("pip*")) == ["pip", "pip3", f"pip{MINOR}"]
    assert check(user) == []
    assert find_pip(user) == where


def test_no_other_pip_runs_when_the_environments_python_is_missing(user: User) -> None:
    script = "rm ~/venvs/it-1.0/bin/python ~/venvs/it-1.0/bin/pip*; hash -r; pip install six"
    done = user.run(f"{ML}{script}")
    assert done.returncode == 127
    assert "stackenv check it/1.0" in done.stderr
    assert not (user.home / ".local").exists()


# A folder in which someone else has put files that would be run in place of pip.
TRAP = (
    "mkdir -p trap/pip; cd trap; "
    "echo 'print(\"TRAP\")' | tee pip.py compileall.py pip/__init__.py > pip/__main__.py; cd ..\n"
)


@pytest.mark.parametrize("command", ["pip", "pip3", f"{IT}/stackenv/bin/pip", "stackenv run it -- pip"])
def test_a_pip_in_the_current_folder_is_not_run(owner: User, command: str) -> None:
    # With the user's own PIP_CONSTRAINT only the layers add the constraints, to what they recognize as pip.
    start = f"{TRAP}{ML}touch own.txt; export PIP_CONSTRAINT=$HOME/own.txt; cd trap\n"
    done = owner.run(f"{start}{command} --version && {command} install packaging==24.2")
    assert done.returncode == 1
    assert "TRAP" not in done.stdout
    assert f" from {pip_of_modules(owner)}/pip (" in done.stdout
    assert "constraint" in done.stdout + done.stderr


def test_stackenv_installs_from_the_current_folder_but_runs_no_pip_there(user: User) -> None:
    project = user.home / "trap/mine"
    project.mkdir(parents=True)
    (project / "setup.py").write_text("from setuptools import setup; setup(name='mine', py_modules=['mine'])")
    (project / "mine.py").touch()
    start = f"{TRAP}module load {user.stack.bundle_module}; cd trap\n"
    made = user.run(f"{start}stackenv create own ./mine six --no-build-isolation")
    assert made.returncode == 0, made.stdout + made.stderr
    assert (site_packages(user, "own") / "mine.py").exists()
    updated = user.run(f"{start}stackenv update six --env own --yes")
    assert updated.returncode == 0 and "TRAP" not in updated.stdout + updated.stderr, updated.stderr


CALLS = {
    "from its folder": "cd ~/copy && bin/pip",
    "from its bin": "cd ~/copy/bin && ./pip",
    "past its bin": "cd ~/copy/lib && ../bin/../bin/pip",
    "by a relative entry of PATH": "cd ~/copy && PATH=bin:$PATH && pip",
    "by an empty entry of PATH": "cd ~/copy/bin && PATH=:$PATH && pip",
    "behind it": "cd ~/copy/stackenv && bin/pip",
    "by sh": "cd ~/copy/bin && sh pip",
    "by its Python": "~/copy/bin/python ~/copy/bin/pip",
}


@pytest.mark.parametrize("call", CALLS)
def test_the_pip_of_a_copied_environment_installs_into_the_copy_however_called(user: User, call: str) -> None:
    done = user.run(f"cp -a {IT} copy; module load {user.stack.bundle_module}; {CALLS[call]} install six")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (user.home / f"copy/lib/python{MINOR}/site-packages/six.py").is_file()
    assert not (site_packages(user) / "six.py").exists()


def test_pip_works_in_a_moved_environment(user: User) -> None:
    moved = f"pip install -q six; module purge; mv {IT} ~/venvs/'a new place'; ml {user.stack.bundle_module}"
    done = user.run(f"{ML}{moved}; ~/venvs/'a new place'/bin/pip list -l")
    assert done.returncode == 0 and "six" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("place", ["with a space and 'a quote'", "x" * 120])
def test_pip_works_in_a_path_that_is_long_or_has_spaces(tmp_path: Path, one_stack: Stack, place: str) -> None:
    user = make_user(tmp_path, one_stack)
    prefix = tmp_path / place / "it"
    made = user.stackenv("create", "it", "six", "--path", str(prefix), load=[one_stack.bundle_module])
    assert made.returncode == 0, made.stderr
    for name in ("bin", "stackenv/bin"):
        done = user.run(f'{ML}"$VIRTUAL_ENV/{name}/pip" --version && readlink -f "$(command -v pip)"')
        assert f" from {pip_of_modules(user)}/pip (" in done.stdout, done.stderr
        assert done.stdout.splitlines()[-1] == f"{prefix}/bin/pip"
    link = user.run(
        f'mkdir bin; ln -s "{prefix}/bin/pip" bin/pip; module load {one_stack.bundle_module}; bin/pip list -l'
    )
    assert "six" in link.stdout, link.stderr


def test_a_requested_copy_of_pip_is_kept_by_rebuild_and_export(user: User) -> None:
    made = user.stackenv("create", "own", "--with-pip", load=[user.stack.bundle_module])
    assert made.returncode == 0 and "own copy of pip" not in made.stderr, made.stderr
    assert (site_packages(user, "own") / "pip").is_dir()
    rebuilt = user.stackenv("rebuild", "own")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert (user.home / f"venvs/own-1.0-2/lib/python{MINOR}/site-packages/pip").is_dir()
    (user.home / "own.yaml").write_text(user.stackenv("export", "own").stdout)
    again = user.stackenv("create", "again", "--from", "own.yaml")
    assert again.returncode == 0, again.stderr
    assert (site_packages(user, "again") / "pip").is_dir()


def test_an_environment_without_system_packages_gets_its_own_pip_with_one_notice(user: User) -> None:
    made = user.stackenv("create", "plain", "--no-system-site-packages", load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    assert made.stderr.count("own copy of pip") == 1 and "--no-system-site-packages" in made.stderr
    start = ML.replace("ml it", "ml plain")
    assert find_pip(user, start=start) == str(site_packages(user, "plain"))
    gone = user.run(f"{start}pip uninstall -q -y pip; hash -r; pip list")
    assert gone.returncode == 1
    assert gone.stderr.count("hint: python -m ensurepip") == 1, gone.stderr
    again = user.run(f"{start}python -m ensurepip && hash -r && pip --version")
    assert f" from {site_packages(user, 'plain')}/pip (" in again.stdout, again.stderr


def make_python_without_pip(folder: Path, stack: Stack) -> str:
    """Return the folder of the modulefile of a Python: the stack's own, with its standard library only."""
    original, root = Path(stack.software, stack.python_module), folder / "Bare"
    (root / "bin").mkdir(parents=True)
    shutil.copy2(original / f"bin/python{MINOR}", root / "bin")
    (root / "bin/python3").symlink_to(f"python{MINOR}")
    library = root / f"lib/python{MINOR}"
    (library / "site-packages").mkdir(parents=True)
    for path in (original / f"lib/python{MINOR}").iterdir():
        if path.name != "site-packages":
            (library / path.name).symlink_to(path)
    (folder / "bare/Bare").mkdir(parents=True)
    (folder / "bare/Bare/1.lua").write_text(f'prepend_path("PATH", "{root}/bin")\n')
    return str(folder / "bare")


def test_with_user_site_the_environments_own_pip_is_used(user: User) -> None:
    start = f"module load {user.stack.python_module}; pip install -q --user pip==25.2\n"
    made = user.run(f"{start}module load {user.stack.bundle_module}; stackenv create own --user-site six")
    assert made.returncode == 0, made.stderr
    assert made.stderr.count("own copy of pip: with --user-site") == 1, made.stderr
    assert (user.home / f".local/lib/python{MINOR}/site-packages/pip").is_dir()
    assert find_pip(user, start=ML.replace("ml it", "ml own")) == str(site_packages(user, "own"))
    assert (site_packages(user, "own") / "six.py").is_file()


def test_update_of_the_modules_pip_is_refused_with_a_command_that_works(user: User) -> None:
    refused = user.stackenv("update", "pip", "--env", "it", "--yes")
    assert refused.returncode == 10
    assert f" in it/1.0 comes from {user.stack.python_module}" in refused.stderr
    typed = next(part for part in refused.stderr.splitlines() if "pip install" in part)
    assert "ml it/1.0; pip install --upgrade pip" in typed
    assert find_pip(user, "pip install -q --upgrade pip") == str(site_packages(user))


def test_pip_uninstall_works_when_the_pip_scripts_cannot_be_restored(user: User) -> None:
    """As a group member in the environment of another user; root gives up its right to write everywhere."""
    bin = user.home / "venvs/it-1.0/bin"
    assert user.run(f"{ML}pip install -q six").returncode == 0
    (bin / "pip3").unlink()
    bin.chmod(0o555)
    member = "setpriv --bounding-set=-dac_override,-dac_read_search " if os.geteuid() == 0 else ""
    script = f"{ML}{member}pip uninstall -q -y six || exit 3; {member}sh -c 'echo >{bin}/x' || exit 7"
    done = user.run(script)
    bin.chmod(0o755)
    assert done.returncode == 7
    assert "Traceback" not in done.stderr, done.stderr
    assert not (site_packages(user) / "six.py").exists()
    assert not list(bin.glob("pip3*.*[0-9][0-9][0-9]")) and not (bin / "pip3").exists()


def test_a_python_module_without_pip_gives_the_environment_its_own_copy(user: User, tmp_path: Path) -> None:
    user.environ["MODULEPATH"] += f":{make_python_without_pip(tmp_path, user.stack)}"
    made = user.stackenv("create", "bare", load=["Bare/1"])
    assert made.returncode == 0, made.stderr
    assert "own copy of pip: its modules have no pip" in made.stderr
    assert find_pip(user, start=ML.replace("ml it", "ml bare")) == str(site_packages(user, "bare"))


def test_pips_notice_of_newer_versions_is_disabled(user: User) -> None:
    done = user.run(
        f"{ML}pip config list --site && pip install --upgrade pip==25.2 && pip config list --site"
    )
    assert done.stdout.count("global.disable-pip-version-check='true'") == 2, done.stdout + done.stderr


def test_python_m_pip_and_ensurepip_work_without_installing_pip(user: User) -> None:
    """Editors run both commands."""
    done = user.run(f"{ML}python -m pip --version && python -m ensurepip && python -m pip install -q -U six")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (site_packages(user) / "pip").exists()


def test_an_older_environment_with_its_own_pip_is_out_of_date_but_not_broken(user: User) -> None:
    user.stackenv("remove", "it", "--yes")
    made = user.stackenv("create", "it", "--with-pip", load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    prefix = user.home / "venvs/it-1.0"
    for folder in ("stackenv/bin", "stackenv/pip"):
        shutil.rmtree(prefix / folder)
    (finding,) = check(user)
    assert (finding["rule"], finding["level"]) == ("stale", "warning")
    assert "stackenv/bin/pip" in finding["what"] and finding["hint"] == "stackenv edit it/1.0 --refresh"
    for program in (prefix / "bin").glob("pip*"):
        program.unlink()
    (finding,) = (f for f in check(user) if f["rule"] == "managed-files")
    assert finding["level"] == "broken"
    assert "`pip` belongs to another Python and installs elsewhere" in finding["why"]
    assert user.stackenv("edit", "it", "--refresh").returncode == 0
    assert check(user) == []


def test_rebuild_and_export_add_no_pip_to_an_environment_without_one(user: User) -> None:
    assert user.run(f"{ML}pip install -q six").returncode == 0
    (user.home / "it.yaml").write_text(user.stackenv("export", "it").stdout)
    for command, name in ((("rebuild", "it"), "it-1.0-2"), (("create", "un", "--from", "it.yaml"), "un-1.0")):
        made = user.stackenv(*command)
        assert made.returncode == 0, made.stderr
        packages = user.home / f"venvs/{name}/lib/python{MINOR}/site-packages"
        assert (packages / "six.py").is_file() and not (packages / "pip").exists()


OWN_PIPS = {
    "upgraded": ("six", f"{ML}pip install -q --upgrade pip"),
    "named": ("six pip==25.2", "true"),
    "upgraded copy": ("six --no-system-site-packages", f"{ML}pip install -q --upgrade pip==25.2"),
}


@pytest.mark.parametrize("kind", OWN_PIPS)
def test_an_installed_pip_is_kept_by_rebuild_and_export(user: User, kind: str) -> None:
    words, script = OWN_PIPS[kind]
    user.stackenv("remove", "it", "--yes")
    made = user.stackenv("create", "it", *words.split(), load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    assert user.run(script).returncode == 0
    (user.home / "it.yaml").write_text(user.stackenv("export", "it").stdout)
    for command, name in ((("rebuild", "it"), "it-1.0-2"), (("create", "un", "--from", "it.yaml"), "un-1.0")):
        done = user.stackenv(*command)
        assert done.returncode == 0, done.stderr
        assert (user.home / f"venvs/{name}/lib/python{MINOR}/site-packages/pip-25.2.dist-info").is_dir()


def test_an_unavailable_pip_version_is_reported_with_its_replacement(user: User) -> None:
    assert user.run(f"{ML}pip install -q --upgrade pip").returncode == 0
    exported = user.stackenv("export", "it").stdout
    (user.home / "it.yaml").write_text(exported.replace("25.2", "99.1"))
    done = user.stackenv("create", "un", "--from", "it.yaml")
    assert re.search(r"^pip 99\.1: now .* from ", done.stderr, re.MULTILINE), done.stderr


def test_uv_works_and_a_pip_installed_by_uv_is_used_until_it_is_uninstalled(user: User) -> None:
    (user.home / "uv.toml").write_text("no-index = true\n")
    start = f"{ML}export UV_CONFIG_FILE=~/uv.toml\n"
    done = user.run(
        f"{start}uv pip install -q six && pip show -q six && uv pip install -q pip && pip --version"
    )
    assert f" from {site_packages(user)}/pip (" in done.stdout, done.stdout + done.stderr
    assert check(user) == []
    assert find_pip(user, "uv pip uninstall -q pip; hash -r", start) == pip_of_modules(user)
