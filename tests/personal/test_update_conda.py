"""`stackenv update` of conda environments, with and without a module, by the real conda, also killed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from answers import read_result
from built import CHECKOUT, SITE_CONFIGURATION, BuiltModules
from stacked import open_stack
from terminals import read_table
from trees import describe_tree
from users import User, make_user

sys.path.insert(0, str(CHECKOUT / "tests/distribution"))

from channel import Package, write_index, write_package

MADE = ("genes/1.0", "plain")
# Kills conda, or first the command that started it, when the package is linked but not yet recorded.
POST_LINK = """\
#!/bin/sh
case $TEST_KILL in
both) read -r _ _ _ parent _ < /proc/$PPID/stat; kill -9 $parent $PPID; sleep 60 ;;
conda) kill -9 $PPID; sleep 60 ;;
fail) exit 1 ;;
esac
"""


def write_packages(folder: Path) -> str:
    """Write a channel with tool 1.0 and 2.0; 2.0 adds a folder, a dependency and a post-link script."""
    records = {}
    for version in ("1.0", "2.0"):
        tool = Package("tool", version, ("library",) if version == "2.0" else (), "generic")
        files = {"bin/tool": f"#!/bin/sh\necho tool {version}\n", f"share/tool/{version}/data.txt": version}
        files["share/tool/same-size.txt"] = version
        files["etc/conda/activate.d/tool.sh"] = f"export TOOL={version}\n"
        if version == "2.0":
            files["bin/.tool-post-link.sh"] = POST_LINK
        records[tool] = write_one(tool, files, folder)
    library = Package("library", "1.0", (), "generic")
    records[library] = write_one(library, {"lib/library/data.txt": "library\n"}, folder)
    write_index(folder / "channel", records)
    return f"file://{folder / 'channel'}"


def write_one(package: Package, files: dict[str, str], folder: Path) -> dict[str, object]:
    tree = folder / f"{package.name}-{package.version}"
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
        (tree / name).chmod(0o755 if name.startswith("bin/") else 0o644)
    return write_package(package, tree, folder / "channel")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, built_modules: BuiltModules) -> User:
    """Return a user with tool 1.0 in `genes` (with a module) and `plain` (without), and with `other`."""
    folder = tmp_path_factory.mktemp("update-conda")
    user = make_user(folder, open_stack("eb5-pythonpath"))
    configuration = folder / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION)
    user.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
    channel = write_packages(folder)
    made = user.stackenv("create", "--conda", "genes", "-c", channel, "tool=1.0", "activating")
    assert made.returncode == 0, made.stderr
    others = user.run(
        f"module load Anaconda3 && conda create -q -y -n plain -c {channel} tool=1.0 &&"
        " conda create -q -y -n other activating"
    )
    assert others.returncode == 0, others.stderr
    shutil.copytree(user.home, folder / "before", symlinks=True)
    return user


@pytest.fixture
def user(origin: User) -> User:
    """Return the user, with the home restored."""
    shutil.rmtree(origin.home)
    shutil.copytree(origin.home.parent / "before", origin.home, symlinks=True)
    return origin


def path_of(user: User, name: str) -> Path:
    return user.home / "conda/envs" / {"genes/1.0": "genes-1.0"}.get(name, name)


def look_at(user: User) -> dict[str, dict[str, tuple[str, str]]]:
    """Return the files of the environments and the modules, without conda's cache, which may grow."""
    trees = {folder: describe_tree(user.home / folder) for folder in ("conda/envs", "modules")}
    trees["modules"].pop(".stackenv", None)
    # conda touches this whenever it looks for environments.
    trees["conda/envs"].pop(".conda_envs_dir_test", None)
    return trees


def require_nothing_beside(user: User) -> None:
    assert not list(user.home.glob("conda/envs/*/stackenv/before-*"))
    assert not (path_of(user, "plain") / "stackenv").exists()
    assert not list(user.home.glob("conda/envs/*/**/*.c~"))
    assert not list((user.modules / ".stackenv").glob("*"))
    assert list((user.home.parent / "tmp").iterdir()) == []


def test_a_dry_run_lists_environments_with_and_without_a_module_and_changes_nothing(user: User) -> None:
    before = describe_tree(user.home)
    told = user.stackenv("update", "tool", "--all", "--dry-run")
    assert told.returncode == 0, told.stderr
    assert read_table(told.stdout) == [
        ["genes/1.0", "1.0", "2.0", "-", "library 1.0 is added"],
        [str(path_of(user, "plain")), "1.0", "2.0", "-", "library 1.0 is added"],
    ]
    assert describe_tree(user.home) == before
    assert list((user.home.parent / "tmp").iterdir()) == []


def test_update_all_updates_packages_modulefile_and_activation(user: User) -> None:
    other = describe_tree(path_of(user, "other"))
    done = user.stackenv("update", "tool", "--all", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert [(row["state"], row["kind"], row["other_changes"]) for row in read_result(done.stdout)] == [
        ("updated", "conda", [{"name": "library", "old_version": "", "new_version": "1.0"}])
    ] * 2
    used = user.run("module use ~/modules; module load genes && tool && echo $TOOL")
    assert used.stdout == "tool 2.0\n2.0\n", used.stderr
    used = user.run("module load Anaconda3 && conda activate plain && tool && conda list | grep -c library")
    assert used.stdout == "tool 2.0\n1\n", used.stderr
    assert "tool/2.0" in (user.modules / "genes/1.0.lua").read_text()
    assert describe_tree(path_of(user, "other")) == other
    require_nothing_beside(user)


def test_environments_are_selected_by_module_conda_name_or_path(user: User) -> None:
    done = user.stackenv("update", "tool", "--env", "plain", "--yes")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(next((path_of(user, n) / "conda-meta").glob("tool-*")).read_text()) for n in MADE]
    assert [answer["version"] for answer in answers] == ["1.0", "2.0"]
    again = user.stackenv(
        "update", "tool==2.0", "--env", "genes", "--env", str(path_of(user, "plain")), "--yes"
    )
    assert again.returncode == 0 and "updated genes/1.0: tool 1.0 -> 2.0" in again.stderr, again.stderr


def test_conda_errors_are_shown_in_condas_own_words(user: User) -> None:
    before = look_at(user)
    told = user.stackenv("update", "tool>=7", "--env", "genes", "--yes")
    assert told.returncode == 10
    assert "conda: " in told.stderr and "tool[version='>=7']" in told.stderr.replace('"', "'")
    assert look_at(user) == before


def test_packages_installed_by_pip_are_left_to_pip(user: User) -> None:
    site = path_of(user, "plain") / "lib/python3.11/site-packages/six-1.0.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: six\nVersion: 1.0\n")
    told = user.stackenv("update", "six", "--all", "--yes")
    assert "six was installed by pip, not by conda\nhint: conda activate " in told.stderr


@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((MADE[0], way) for way in ("fail", "conda", "both")),
        *(pytest.param(MADE[1], way, marks=pytest.mark.matrix) for way in ("fail", "conda")),
        (MADE[1], "both"),
    ],
)
def test_a_failed_or_killed_update_is_undone(user: User, name: str, way: str) -> None:
    before = look_at(user)
    named = name if "/" in name else str(path_of(user, name))
    done = user.stackenv("update", "tool", "--env", named, "--yes", TEST_KILL=way)
    if way == "both":
        assert done.returncode == -9 and look_at(user) != before
        assert "were undone" in user.stackenv("list").stderr
    else:
        assert done.returncode == 10, done.stderr
        assert "was not changed: conda: " in done.stderr, done.stderr
        assert ("post-link" in done.stderr) == (way == "fail"), done.stderr
    assert look_at(user) == before
    require_nothing_beside(user)
    done = user.stackenv("update", "tool", "--env", named, "--yes")
    assert done.returncode == 0 and (path_of(user, name) / "share/tool/2.0/data.txt").exists(), done.stderr


@pytest.mark.parametrize("file", ["bin/tool", "share/tool/same-size.txt", "conda-meta/tool-1.0-0.json"])
@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.matrix)])
def test_an_update_killed_while_changing_a_file_is_undone(user: User, file: str, number: int) -> None:
    before = look_at(user)
    path = path_of(user, "genes/1.0") / file
    calls = "rename,link,linkat,unlink"
    done = user.run(
        f"strace -f -qq -o {user.home.parent}/trace -P {path} -e trace={calls} "
        f"-e inject={calls}:signal=KILL:when={number} stackenv update tool --env genes --yes"
    )
    if done.returncode == 0:
        assert number == 2 and "killed by SIGKILL" not in (user.home.parent / "trace").read_text()
        return
    assert "killed by SIGKILL" in (user.home.parent / "trace").read_text()
    user.stackenv("list")
    assert look_at(user) == before
    require_nothing_beside(user)
