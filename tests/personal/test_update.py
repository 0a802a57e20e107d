"""`stackenv update`: one package is updated in each venv that has it, and nothing else changes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from answering import answer
from answers import read_result
from stacked import open_stack
from terminals import read_table
from trees import describe_tree, list_files
from users import STACKENV, User, make_user
from wheels import break_wheel, make_wheel


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with four environments; the home is restored for each test.

    `one` has tiny-lib 1.0, and another packaging than its modules; `two` has tiny-lib 1.0 and tiny-app,
    which requires tiny-lib<2; `held` has only six; `bare` has tiny-lib, no pip, and cannot use the pip of
    its modules.
    """
    folder = tmp_path_factory.mktemp("update")
    user = make_user(folder, open_stack("eb5-pythonpath"))
    make_wheel(folder / "wheels", "tiny-lib", "1.0")
    make_wheel(folder / "wheels", "tiny-app", "1.0", ["tiny-lib<2"])
    user.environ["PIP_FIND_LINKS"] += f" {folder / 'wheels'}"
    load = [user.stack.bundle_module]
    for arguments in (
        ("one", "tiny-lib", "packaging==23.2", "--allow-shadow", "packaging"),
        ("two", "tiny-app"),
        ("held", "six"),
        ("bare", "tiny-lib"),
    ):
        made = user.stackenv("create", *arguments, load=load)
        assert made.returncode == 0, made.stderr
    # Like an adopted environment: one made by create sees the pip of its modules.
    settings = user.home / "venvs/bare-1.0/pyvenv.cfg"
    settings.write_text(settings.read_text().replace("site-packages = true", "site-packages = false"))
    make_wheel(folder / "wheels", "tiny-lib", "2.0")
    make_wheel(folder / "wheels", "tiny-lib", "2.1", ["tiny-new"])
    make_wheel(folder / "wheels", "tiny-new", "0.5")
    shutil.copytree(user.home, folder / "before", symlinks=True)
    return user


def stamp_tree(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return mode, size and modification time of all files below `folder`."""
    found = {str(path.relative_to(folder)): path.lstat() for path in folder.rglob("*") if not path.is_dir()}
    return {name: (status.st_mode, status.st_size, status.st_mtime_ns) for name, status in found.items()}


@pytest.fixture
def user(origin: User) -> User:
    """Return the user, with the home restored."""
    before = origin.home.parent / "before"
    for place in ("modules", *(f"venvs/{path.name}" for path in (before / "venvs").iterdir())):
        if stamp_tree(origin.home / place) != stamp_tree(before / place):
            shutil.rmtree(origin.home / place)
            shutil.copytree(before / place, origin.home / place, symlinks=True)
    return origin


def ask_version(user: User, name: str, package: str) -> str:
    """Return the version of `package` that Python finds with the module `name` loaded."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = user.run(f'module use ~/modules; module load {name} && python -c "{code}"')
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def require_nothing_beside(user: User) -> None:
    """Require that no copies, journals or temporary files are left."""
    assert not list(user.home.glob("venvs/*/stackenv/before-*"))
    assert list((user.modules / ".stackenv").iterdir()) == []
    assert list((user.home.parent / "tmp").iterdir()) == []


def without_journals(tree: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: entry for name, entry in tree.items() if name != "modules/.stackenv"}


def rows(text: str) -> dict[str, list[str]]:
    return {name: cells for name, *cells in read_table(text)}


@pytest.mark.parametrize(("arguments", "status"), [((), 2), (("--dry-run",), 0), (("--all", "--dry-run"), 0)])
def test_the_table_shows_the_planned_updates_and_nothing_is_changed(
    user: User, arguments: tuple[str, ...], status: int
) -> None:
    before = describe_tree(user.home)
    told = user.stackenv("update", "tiny-lib", *arguments)
    assert told.returncode == status, told.stderr
    assert rows(told.stdout) == {
        "bare/1.0": ["1.0", "unknown", "-", "-"],
        "one/1.0": ["1.0", "2.1", "-", "tiny-new 0.5 is added"],
        "two/1.0": ["1.0", "2.1", "-", "tiny-new 0.5 is added"],
    }
    assert "bare/1.0 is skipped: bare/1.0 has no pip\nhint: ml bare/1.0; python -m ensurepip" in told.stderr
    assert ("stackenv update tiny-lib --all" in told.stderr) == (status == 2)
    assert describe_tree(user.home) == before
    assert list((user.home.parent / "tmp").iterdir()) == []


def test_packages_from_modules_are_listed_with_their_module_and_not_updated(user: User) -> None:
    before = without_journals(describe_tree(user.home))
    told = user.stackenv("update", "packaging", "--all", "--dry-run")
    module = user.stack.bundle_module
    assert rows(told.stdout) == {
        "bare/1.0": ["23.1", "23.1", module, "-"],
        "held/1.0": ["23.1", "23.1", module, "-"],
        "one/1.0": ["23.2", "24.2", "-", "-"],
        "two/1.0": ["23.1", "23.1", module, "-"],
    }
    (line,) = (line for line in told.stderr.splitlines() if module in line)
    assert line.startswith(f"packaging in bare/1.0, held/1.0, two/1.0 comes from {module} and is")
    assert "stackenv edit NAME --allow-shadow packaging; ml NAME; pip install --upgrade packaging" in line
    assert without_journals(describe_tree(user.home)) == before


def test_the_suggested_commands_replace_a_modules_package_with_a_generic_one(user: User) -> None:
    told = user.stackenv("update", "packaging", "--env", "held", "--dry-run")
    advice = told.stderr.strip().rpartition("for a generic one: ")[2]
    edit, separator, install = advice.partition("; ")
    assert separator and user.run(f"module use ~/modules; {edit}").returncode == 0
    allowed = user.stackenv("update", "packaging", "--env", "held", "--yes")
    assert allowed.returncode == 10 and allowed.stderr.strip().endswith(f"hint: held/1.0: {install}")
    done = user.run(f"module use ~/modules; {install}")
    assert done.returncode == 0, done.stderr
    assert ask_version(user, "held", "packaging") == "24.2"


def test_the_suggested_commands_lift_a_pin_and_update_the_package(user: User, tmp_path: Path) -> None:
    make_wheel(tmp_path, "tiny-lib", "3.0", ["packaging>=24"])
    links = {"PIP_FIND_LINKS": f"{user.environ['PIP_FIND_LINKS']} {tmp_path}"}
    user.stackenv("edit", "one", "--forbid-shadow", "packaging")
    refused = user.stackenv("update", "tiny-lib>=3", "--env", "one", "--yes", **links)
    assert refused.returncode == 10
    assert "with the packages of the modules: packaging 23.1" in refused.stderr
    hint = refused.stderr.strip().rpartition("hint: one/1.0: ")[2]
    assert hint.split("; ") == [
        "stackenv edit one/1.0 --allow-shadow packaging",
        "stackenv update 'tiny-lib>=3' --env one/1.0",
    ]
    user.stackenv("edit", "one/1.0", "--allow-shadow", "packaging")
    done = user.stackenv("update", "tiny-lib>=3", "--env", "one/1.0", "--yes", **links)
    assert done.returncode == 0, done.stderr
    assert ask_version(user, "one", "tiny-lib") == "3.0"


@pytest.mark.parametrize("words", ["", "--all --yes", "--env bare --env held --env two --yes"])
def test_a_package_from_modules_in_all_environments_is_reported_in_one_line(user: User, words: str) -> None:
    before = without_journals(describe_tree(user.home))
    done = user.stackenv("update", "numpy<9", *words.split())
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert (
        line.startswith("numpy in bare/1.0, held/1.0, ")
        and f" comes from {user.stack.bundle_module} " in line
    )
    assert without_journals(describe_tree(user.home)) == before


def test_a_failed_environment_is_unchanged_and_the_others_are_updated(user: User) -> None:
    before = {name: describe_tree(user.home / "venvs" / name) for name in ("two-1.0", "bare-1.0", "held-1.0")}
    modules = {n: (user.modules / n).read_bytes() for n in ("two/1.0.lua", "bare/1.0.lua", "held/1.0.lua")}
    done = user.stackenv("update", "tiny-lib", "--all", "--yes")
    assert done.returncode == 10, done.stderr
    assert "updated one/1.0: tiny-lib 1.0 -> 2.1" in done.stderr
    assert "two/1.0 was not changed: " in done.stderr
    assert "tiny-app 1.0 has requirement tiny-lib<2, but you have tiny-lib 2.1" in done.stderr
    assert [ask_version(user, "one", p) for p in ("tiny-lib", "tiny-new")] == ["2.1", "0.5"]
    assert {name: describe_tree(user.home / "venvs" / name) for name in before} == before
    assert {name: (user.modules / name).read_bytes() for name in modules} == modules
    assert not (user.home / "venvs/one-1.0/share/tiny_lib/1.0.txt").exists()
    require_nothing_beside(user)


def test_an_environment_without_python_is_reported_and_the_others_are_updated(user: User) -> None:
    gone = user.home / "venvs/two-1.0/bin"
    for python in gone.glob("python*"):
        python.unlink()
    looked = user.stackenv("update", "tiny-lib", "--all", "--dry-run")
    assert looked.returncode == 0, looked.stderr
    assert f"two/1.0 is skipped: its Python {gone}/python cannot be started" in looked.stderr
    assert "hint: stackenv rebuild two/1.0" in looked.stderr
    user.stackenv("update", "tiny-lib", "--all", "--yes")
    assert ask_version(user, "one", "tiny-lib") == "2.1"


def test_record_and_modulefile_name_the_new_version(user: User) -> None:
    done = user.stackenv("update", "packaging", "--env", "one", "--yes")
    assert done.returncode == 0, done.stderr
    assert ask_version(user, "one", "packaging") == "24.2"
    record = json.loads((user.home / "venvs/one-1.0/stackenv/record.json").read_text())
    (package,) = (p for p in record["packages"] if p["name"] == "packaging")
    assert (package["version"], package["source"]) == ("24.2", "packaging-24.2-py3-none-any.whl")
    assert len(package["sha256"]) == 64
    assert "packaging/24.2" in (user.modules / "one/1.0.lua").read_text()
    spider = user.run("module use ~/modules; module spider packaging/24.2")
    assert "one/1.0" in spider.stdout + spider.stderr
    require_nothing_beside(user)


def test_requested_versions_are_installed(user: User) -> None:
    done = user.stackenv("update", "tiny-lib>=1.5,<2.1", "--env", "one", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert ask_version(user, "one", "tiny-lib") == "2.0"
    assert read_result(done.stdout) == [
        {
            "module": "one/1.0",
            "environment": str(user.home / "venvs/one-1.0"),
            "kind": "venv",
            "old_version": "1.0",
            "new_version": "2.0",
            "pinned_by": "",
            "state": "updated",
            "other_changes": [],
            "problem": "",
            "hint": "",
        }
    ]
    back = user.stackenv("upgrade", "tiny-lib==1.0", "--env", "one", "--yes")
    assert "tiny-lib 2.0 -> 1.0" in back.stderr and ask_version(user, "one", "tiny-lib") == "1.0"
    again = user.stackenv("update", "tiny-lib==1.0", "--env", "one", "--yes")
    assert again.returncode == 0 and "nothing to update" in again.stderr


@pytest.mark.parametrize("package", ["tiny-lib @ file:///x", "tiny-lib; python_version > '3'", "-r", ""])
def test_an_argument_other_than_a_name_and_versions_is_refused(user: User, package: str) -> None:
    refused = user.stackenv("update", "--all", "--", package)
    assert refused.returncode == 2 and "hint: " in refused.stderr


def test_the_package_is_not_added_to_an_environment_without_it(user: User) -> None:
    before = without_journals(describe_tree(user.home))
    refused = user.stackenv("update", "tiny-lib", "--env", "held", "--yes")
    assert refused.returncode == 10 and "tiny-lib is not installed in held/1.0" in refused.stderr
    done = user.stackenv("update", "no-such-package", "--all", "--yes")
    assert done.returncode == 0 and "no environment has no-such-package" in done.stderr
    assert without_journals(describe_tree(user.home)) == before


def test_update_without_a_terminal_requires_yes(user: User) -> None:
    before = without_journals(describe_tree(user.home))
    refused = user.stackenv("update", "tiny-lib", "--env", "one")
    assert refused.returncode == 2
    assert "hint: stackenv update tiny-lib --env one --yes" in refused.stderr
    assert without_journals(describe_tree(user.home)) == before


@pytest.mark.parametrize(("typed", "status", "version"), [("n\n", 1, "1.0"), ("y\n", 0, "2.1")])
def test_update_asks_for_confirmation_on_a_terminal(
    user: User, typed: str, status: int, version: str
) -> None:
    words = [STACKENV, "update", "tiny-lib", "--env", "one"]
    done, shown = answer(words, user.environ, user.home, typed, early="y\n" if status else "n\n")
    assert done == status, shown
    assert "Update tiny-lib in 1 environment?" in shown and "ALSO CHANGES" in shown
    assert ask_version(user, "one", "tiny-lib") == version


def test_a_failed_install_is_undone_and_reported_in_pips_own_words(user: User, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tiny-lib", "3.0", files={"tiny_lib/zz.txt": "whole and good"})
    break_wheel(wheel, "whole and good")
    before = without_journals(describe_tree(user.home))
    links = f"{user.environ['PIP_FIND_LINKS']} {tmp_path}"
    done = user.stackenv("update", "tiny-lib", "--env", "one", "--yes", PIP_FIND_LINKS=links)
    assert done.returncode == 10, done.stderr
    assert "one/1.0 was not changed: " in done.stderr and "Bad CRC-32" in done.stderr
    assert without_journals(describe_tree(user.home)) == before
    require_nothing_beside(user)


def test_a_package_not_installed_from_an_index_is_not_replaced(user: User, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "tiny-lib", "0.1")
    done = user.run(f"ml use ~/modules; ml one; pip install -q {wheel}")
    assert done.returncode == 0, done.stderr
    before = without_journals(describe_tree(user.home))
    told = user.stackenv("update", "tiny-lib", "--env", "one", "--yes")
    assert told.returncode == 10
    assert f"tiny-lib was installed from file://{wheel}; an update would replace it" in told.stderr
    assert without_journals(describe_tree(user.home)) == before


def test_a_shell_with_the_module_loaded_gets_the_new_version_and_a_notice(user: User) -> None:
    done = user.run(
        f'ml use ~/modules; ml one; "{STACKENV}" update tiny-lib --env one --yes && tiny-lib; deactivate'
    )
    assert done.stdout.splitlines()[-1] == "2.1", done.stderr
    assert "this shell has one/1.0 loaded" in done.stderr


def test_a_modulefile_changed_by_hand_is_backed_up(user: User) -> None:
    path = user.modules / "one/1.0.lua"
    path.write_text(path.read_text() + 'setenv("MINE", "1")\n')
    text = path.read_text()
    done = user.stackenv("update", "tiny-lib", "--env", "one", "--yes")
    assert done.returncode == 0 and f"which was changed by hand, as {path}.orig" in done.stderr, done.stderr
    assert Path(f"{path}.orig").read_text() == text and "MINE" not in path.read_text()


def test_an_environment_being_changed_by_another_process_is_not_updated(user: User) -> None:
    holding = (
        "import sys, time; from pathlib import Path; from stackenv.transactions.journal import Journal\n"
        f"with Journal(Path({str(user.modules)!r})).changing('one/1.0', 'test'):\n"
        "    print('held', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [Path(STACKENV).with_name("python"), "-c", holding], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        done = user.stackenv("update", "packaging", "--env", "one", "--yes")
        holder.kill()
    assert done.returncode == 10 and f"is being changed now by process {holder.pid}" in done.stderr
    assert ask_version(user, "one", "packaging") == "23.2"


def test_pip_itself_can_be_updated(user: User) -> None:
    assert user.run("ml use ~/modules; ml one; pip install pip==23.2.1 --force-reinstall").returncode == 0
    done = user.stackenv("update", "pip", "--env", "one", "--yes")
    assert done.returncode == 0, done.stderr
    assert ask_version(user, "one", "pip") == "25.2"
    assert "pip 25.2 from" in user.run("ml use ~/modules; ml one; pip --version").stdout
    require_nothing_beside(user)
    assert not [name for name in list_files(user.home / "venvs/one-1.0") if "/~" in name]
