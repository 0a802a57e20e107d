"""The link to a Python that needs its modules, and the script in its place, when environments are changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from answers import read_result
from needy_python import BUNDLE, MODULE, make_needy_user, run, write_python
from needy_stack import FIND, PYTHON_FOLDER, NeedleStack
from traced_starts import bare
from users import User

UUID = "5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94"
# The commands that create a venv, with PYTHON and FOLDER, and how many of its links lead out of it.
MAKERS = {
    "venv": ("PYTHON -m venv --without-pip FOLDER", 1),
    "virtualenv": ("virtualenv -q --no-download -p PYTHON FOLDER", 1),
    "uv": ("uv venv -q -p PYTHON FOLDER", 1),
    "relative": ("PYTHON -m venv --without-pip FOLDER && ln -sfr PYTHON FOLDER/bin/OWN", 1),
}


@pytest.fixture(scope="module")
def user(needy_stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user of such modules; each test uses its own environment."""
    return make_needy_user(tmp_path_factory.mktemp("needy-changed"), needy_stack)


def find_base(user: User) -> Path:
    return Path(user.stack.modulepath.partition(":")[0]).parent / MODULE / "bin" / PYTHON_FOLDER


def make(user: User, maker: str, folder: Path) -> None:
    """Create a venv in `folder` with the modules loaded."""
    base = find_base(user)
    command = MAKERS[maker][0].replace("PYTHON", str(base)).replace("FOLDER", str(folder))
    made = user.run(f"module load {BUNDLE} && {command.replace('OWN', base.name)}")
    assert made.returncode == 0, made.stderr


def stackenv(user: User, *words: str) -> str:
    done = user.stackenv(*words, load=[BUNDLE])
    assert done.returncode == 0, done.stderr
    return done.stderr


def plan(user: User, *words: str) -> str:
    """Return the plan that the command prints with --dry-run."""
    done = user.stackenv(*words, "--dry-run", load=[BUNDLE])
    assert done.returncode == 0, done.stderr
    return done.stdout


def look(folder: Path) -> dict[str, str]:
    """Return what each Python in bin is: the target of its link, `ours` for stackenv's script, or `other`."""
    found = {}
    for path in (folder / "bin").glob("python*"):
        if path.is_symlink():
            found[path.name] = str(path.readlink())
        else:
            found[path.name] = "ours" if UUID.encode() in path.read_bytes() else "other"
    return found


def starts(user: User, folder: Path) -> bool:
    """Return whether Python starts without modules, and check that it then finds the modules' packages."""
    code = f"import sys; print(sys.prefix); {FIND}"
    done = run(folder / "bin/python", "-c", code, env=bare(user))
    assert done.returncode == 127 or (done.stdout, done.stderr) == (f"{folder}\n10\n", "")
    return done.returncode == 0


def checks(user: User, name: str) -> bool:
    done = user.stackenv("check", name)
    assert done.returncode == 0, done.stdout
    return True


@pytest.mark.parametrize("maker", list(MAKERS))
def test_adopt_replaces_the_link_and_remove_restores_it(user: User, maker: str) -> None:
    folder = user.home / f"adopted {maker}"
    make(user, maker, Path(f"'{folder}'"))
    before = look(folder)
    assert not starts(user, folder)
    planned = plan(user, "adopt", str(folder), maker)
    assert look(folder) == before
    stackenv(user, "adopt", str(folder), maker)
    names = [name for name, is_now in look(folder).items() if is_now == "ours"]
    assert len(names) == MAKERS[maker][1]
    for name in names:
        assert f"replace the link bin/{name} with a script" in planned
    assert starts(user, folder) and checks(user, maker)
    stackenv(user, "remove", maker, "--yes")
    assert look(folder) == before


def test_a_copied_python_is_kept_and_reported_to_need_its_modules(user: User) -> None:
    folder = user.home / "copies"
    made = user.run(f"module load {BUNDLE} && {find_base(user)} -m venv --without-pip --copies {folder}")
    assert made.returncode == 0, made.stderr
    before = {path.name: path.read_bytes() for path in (folder / "bin").glob("python*")}
    assert len(before) == 3 and not any(path.is_symlink() for path in (folder / "bin").glob("python*"))
    planned = plan(user, "adopt", str(folder), "copies")
    assert "replace the link" not in planned
    said = stackenv(user, "adopt", str(folder), "copies")
    assert said.count("the Python of copies/1.0 starts only while its modules are loaded") == 1, said
    found = read_result(user.stackenv("info", "copies", "--json").stdout)
    assert found["carried"]["reason"] == "python-needs-modules"
    loaded = user.run(f"module use ~/modules; module load copies && python -c '{FIND}'")
    assert (loaded.stdout, loaded.stderr) == ("10\n", "")
    stackenv(user, "edit", "copies", "--refresh")
    stackenv(user, "edit", "copies", "--no-carry")
    stackenv(user, "remove", "copies", "--yes")
    assert {path.name: path.read_bytes() for path in (folder / "bin").glob("python*")} == before


def test_a_failed_adopt_keeps_the_link(user: User) -> None:
    folder = user.home / "failing"
    make(user, "venv", folder)
    before = look(folder)
    # A file in the place of stackenv's folder.
    (folder / "stackenv").write_text("mine\n")
    assert user.stackenv("adopt", str(folder), "failing", load=[BUNDLE]).returncode == 1
    assert look(folder) == before


def test_edit_carry_writes_the_script_and_no_carry_restores_the_link(user: User) -> None:
    folder = user.home / "venvs/edited-1.0"
    only = "the Python of edited/1.0 starts only while its modules are loaded"
    said = stackenv(user, "create", "edited", "--no-carry")
    assert only in said and "error while loading" not in said
    before = look(folder)
    assert "ours" not in before.values()
    shown = user.stackenv("info", "edited").stdout
    assert "--carry; its Python starts only while its modules are loaded" in shown
    (name,) = [name for name, was in before.items() if was.startswith("/")]
    planned = plan(user, "edit", "edited", "--carry")
    assert f"replace the link bin/{name} with a script" in planned and look(folder) == before
    stackenv(user, "edit", "edited", "--carry")
    assert starts(user, folder) and checks(user, "edited")
    planned = plan(user, "edit", "edited", "--no-carry")
    assert f"restore the link bin/{name} to {before[name]}" in planned and starts(user, folder)
    assert stackenv(user, "edit", "edited", "--no-carry").count(only) == 1
    assert look(folder) == before and not starts(user, folder) and checks(user, "edited")


def test_refresh_warns_when_the_site_has_turned_carrying_off(user: User) -> None:
    off = user.home / "off.yaml"
    off.write_text("version: 1\npersonal:\n  carry: false\n")
    environ = {"STACKENV_SITE_CONFIG": str(off)}
    stackenv(user, "create", "sites")
    done = user.stackenv("edit", "sites", "--refresh", **environ)
    assert done.returncode == 0 and not starts(user, user.home / "venvs/sites-1.0")
    assert done.stderr.count("the Python of sites/1.0 starts only while its modules are loaded") == 1
    shown = read_result(user.stackenv("info", "sites", "--json", **environ).stdout)["carried"]
    assert (shown["reason"], shown["needs_modules"]) == ("site", True)
    (found,) = read_result(user.stackenv("check", "sites", "--json", **environ).stdout)
    assert found["rule"] == "carrying" and "starts only while its modules are loaded" in found["what"]
    # The command in the message works.
    assert user.stackenv("edit", "sites", "--no-carry", **environ).returncode == 0
    assert read_result(user.stackenv("check", "sites", "--json", **environ).stdout) == []


def test_refresh_restores_a_missing_or_replaced_script(user: User) -> None:
    folder = user.home / "venvs/lost-1.0"
    stackenv(user, "create", "lost")
    (name,) = [name for name, is_now in look(folder).items() if is_now == "ours"]
    script = folder / "bin" / name
    script.unlink()
    found = user.stackenv("check", "lost")
    assert found.returncode == 1 and f"bin/{name}" in found.stdout
    stackenv(user, "edit", "lost", "--refresh")
    assert starts(user, folder) and checks(user, "lost")
    # `uv venv` and `python -m venv --upgrade` do this.
    script.unlink()
    script.symlink_to(find_base(user))
    (found,) = read_result(user.stackenv("check", "lost", "--json").stdout)
    assert found["what"].endswith("differs from what stackenv would write now")
    assert found["why"] == "at worst, Python does not start without the modules"
    stackenv(user, "edit", "lost", "--refresh")
    assert starts(user, folder) and checks(user, "lost")
    # The user's own script is kept.
    script.write_text(f'#!/bin/sh\nexec {find_base(user)} "$@"\n')
    script.chmod(0o755)
    assert "is your own file and is not changed" in stackenv(user, "edit", "lost", "--description", "mine")
    assert look(folder)[name] == "other"


def test_check_reports_a_script_that_cannot_be_executed_and_refresh_fixes_it(user: User) -> None:
    folder = user.home / "venvs/forbidden-1.0"
    stackenv(user, "create", "forbidden")
    (name,) = [name for name, is_now in look(folder).items() if is_now == "ours"]
    (folder / "bin" / name).chmod(0o644)
    found = user.stackenv("check", "forbidden")
    assert found.returncode == 1 and f"bin/{name} cannot be executed" in found.stdout, found.stdout
    assert "stackenv edit forbidden/1.0 --refresh" in " ".join(found.stdout.split())
    stackenv(user, "edit", "forbidden", "--refresh")
    assert starts(user, folder) and checks(user, "forbidden")


def test_refresh_restores_a_lost_record(user: User) -> None:
    folder = user.home / "venvs/forgotten-1.0"
    stackenv(user, "create", "forgotten")
    record = folder / "stackenv/record.json"
    before = json.loads(record.read_text())["carried"]["launchers"]
    record.unlink()
    stackenv(user, "edit", "forgotten", "--refresh")
    (name, leads_to), *more = json.loads(record.read_text())["carried"]["launchers"]
    assert [name, str(Path(leads_to).resolve())] == [before[0][0], str(find_base(user))] and not more
    assert starts(user, folder) and checks(user, "forgotten")


def test_renamed_and_rebuilt_environments_start_without_modules(user: User) -> None:
    stackenv(user, "create", "first")
    stackenv(user, "rename", "first", "second")
    assert starts(user, user.home / "venvs/first-1.0") and checks(user, "second")
    stackenv(user, "rebuild", "second")
    found = read_result(user.stackenv("info", "second", "--json").stdout)
    assert found["carried"]["reason"] == ""
    assert starts(user, Path(found["environment"])) and checks(user, "second")


@pytest.mark.parametrize("load", ["", f"module load {BUNDLE} && "], ids=["bare", "loaded"])
def test_a_venv_made_by_the_environments_python_links_to_the_base_python(user: User, load: str) -> None:
    folder = user.home / "venvs/above-1.0"
    if not folder.exists():
        stackenv(user, "create", "above")
    made = []
    for python, before in ((find_base(user), f"module load {BUNDLE} && "), (folder / "bin/python", load)):
        below = user.home / "below"
        done = user.run(f"{before}{python} -m venv --without-pip {below}")
        assert done.returncode == 0, done.stderr
        assert not starts(user, below)
        started = user.run(f"module load {BUNDLE} && {below}/bin/python -c '{FIND}'")
        assert (started.stdout, started.stderr) == ("10\n", "")
        settings = (below / "pyvenv.cfg").read_text().splitlines()
        # The command and the program that created it are information for readers only.
        made.append(
            (look(below), [line for line in settings if not line.startswith(("executable", "command"))])
        )
        shutil.rmtree(below)
    assert made[0] == made[1]
    # Installing pip starts the new Python, which needs its modules; its link leads to the base Python, too.
    done = user.run(f"{load}{folder}/bin/python -m venv {user.home}/half")
    assert (done.returncode == 0) == bool(load), done.stderr
    assert (user.home / "half/bin/python").resolve() == find_base(user)
    shutil.rmtree(user.home / "half")


def test_a_copied_venv_made_by_the_environment_is_adopted_with_the_base_python(user: User) -> None:
    stackenv(user, "create", "maker")
    folder = user.home / "made"
    made = user.run(f"module load {BUNDLE} && venvs/maker-1.0/bin/python -m venv --copies {folder}")
    assert made.returncode == 0 and not (folder / "bin/python").is_symlink(), made.stderr
    stackenv(user, "adopt", str(folder), "made")
    found = read_result(user.stackenv("info", "made", "--json").stdout)
    assert found["python"]["executable"] == str(find_base(user))


def test_pip_and_uv_work_without_modules(user: User) -> None:
    folder = user.home / "venvs/tools-1.0"
    stackenv(user, "create", "tools", "--with-pip")
    python, environ = folder / "bin/python", {**bare(user), "PIP_NO_INDEX": "1"}
    for words in (
        (folder / "bin/pip", "list"),
        (python, "-m", "pip", "list"),
        (user.environ["PATH"].partition(":")[0] + "/pip", "--python", python, "list"),
        (user.environ["PATH"].partition(":")[0] + "/uv", "pip", "list", "--python", python),
    ):
        done = run(*words, env=environ)
        assert done.returncode == 0 and "pip " in done.stdout, done.stderr


def test_refresh_adds_or_removes_the_script_as_the_base_python_changes(
    needy_stack: NeedleStack, tmp_path: Path
) -> None:
    user = make_needy_user(tmp_path, needy_stack)
    stackenv(user, "create", "bio")
    folder = user.home / "venvs/bio-1.0"
    assert "ours" in look(folder).values()
    write_python(tmp_path, needy_stack, f"-Wl,-rpath,{needy_stack.folder}/{needy_stack.library}/lib")
    # The script still starts it.
    assert starts(user, folder)
    stackenv(user, "edit", "bio", "--refresh")
    assert "ours" not in look(folder).values() and starts(user, folder) and checks(user, "bio")
    write_python(tmp_path, needy_stack)
    stackenv(user, "edit", "bio", "--refresh")
    assert "ours" in look(folder).values() and starts(user, folder) and checks(user, "bio")


def test_a_python_that_needs_a_variable_keeps_its_link_and_create_warns(
    needy_stack: NeedleStack, tmp_path: Path
) -> None:
    user = make_needy_user(tmp_path, needy_stack)
    write_python(tmp_path, needy_stack, "-DNEEDS_VARIABLE")
    said = stackenv(user, "create", "bio")
    (line,) = [line for line in said.splitlines() if "starts only" in line]
    assert line.startswith("the Python of bio/1.0 starts only while its modules are loaded")
    assert "ours" not in look(user.home / "venvs/bio-1.0").values()
    found = read_result(user.stackenv("info", "bio", "--json").stdout)
    assert found["carried"]["reason"] == "python-needs-modules"
    loaded = user.run(f"module use ~/modules; module load bio && python -c '{FIND}'")
    assert (loaded.stdout, loaded.stderr) == ("10\n", "")
    write_python(tmp_path, needy_stack)
    stackenv(user, "edit", "bio", "--refresh")
    assert starts(user, user.home / "venvs/bio-1.0")
