"""`stackenv adopt` for conda environments: by name, by path, without Python, with odd activation scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from answers import read_result
from built import SITE_CONFIGURATION as CONDA_POLICY
from built import BuiltModules
from trees import describe_tree, list_files
from users import User

SITE_CONFIGURATION = """\
version: 1
conda:
  storage:
    - {parent: "${STACKENV_TEST_PLACE}", environments: conda/envs, packages: conda/pkgs}
"""
ACTIVATE = """\
export FROM_ACTIVATE=yes
helper() { :; }
export TEMPORARY=$TMPDIR/x
echo noisy
"""


def make_environment(prefix: Path, python: bool = False, activate: str = "") -> Path:
    """Create what conda creates: conda-meta and a program, and on request a Python and activate.d."""
    packages = {"r-base": "4.3.1", **({"python": "3.11.2"} if python else {})}
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta/history").touch()
    for name, version in packages.items():
        meta = {"name": name, "version": version, "fn": f"{name}-{version}-0.conda", "sha256": "0" * 64}
        (prefix / f"conda-meta/{name}-{version}-0.json").write_text(json.dumps(meta))
    (prefix / "bin").mkdir()
    (prefix / "bin/R").write_text(f"#!/bin/sh\necho 'R of {prefix.name}'\n")
    (prefix / "bin/R").chmod(0o755)
    if python:
        (prefix / "bin/python").symlink_to("/usr/bin/python3")
    if activate:
        (prefix / "etc/conda/activate.d").mkdir(parents=True)
        (prefix / "etc/conda/activate.d/it.sh").write_text(activate)
    return prefix


@pytest.mark.parametrize("way", ["CONDA_ENVS_PATH", "CONDA_ENVS_DIRS", "site", "home", "register", "path"])
def test_an_environment_is_found_in_all_places_where_conda_looks(
    user: User, tmp_path: Path, way: str
) -> None:
    place = user.home / ".conda/envs" if way == "home" else tmp_path / "place/conda/envs"
    prefix = make_environment(place / "stats")
    environ = {"site": {"STACKENV_TEST_PLACE": str(tmp_path / "place")}}.get(way, {})
    if way.startswith("CONDA"):
        environ = {way: f"/nowhere:{place}"}
    if way == "register":
        (user.home / ".conda").mkdir()
        (user.home / ".conda/environments.txt").write_text(f"/gone/stats\n{prefix}\n")
    (tmp_path / "site.yaml").write_text(SITE_CONFIGURATION)
    named = str(prefix) if way == "path" else "stats"
    adopted = user.stackenv("adopt", named, STACKENV_SITE_CONFIG=str(tmp_path / "site.yaml"), **environ)
    assert adopted.returncode == 0, adopted.stderr
    used = user.run(f"{adopted.stdout.strip()} && R && echo $CONDA_PREFIX")
    assert used.stdout.split("\n")[:2] == ["R of stats", str(prefix)], used.stderr
    listed = read_result(user.stackenv("list", "--json").stdout)
    assert [(entry["kind"], entry["python_version"], entry["problem"]) for entry in listed] == [
        ("conda", "", "")
    ]


def test_a_loaded_python_module_is_reported_as_not_used(user: User) -> None:
    make_environment(user.home / "stats", python=True)
    adopted = user.stackenv("adopt", "stats", load=[user.stack.bundle_module])
    assert adopted.returncode == 0, adopted.stderr
    assert f"{user.stack.python_module} is loaded; a conda environment has its own Python" in adopted.stderr
    assert read_result(user.stackenv("list", "--json").stdout)[0]["modules"] == []


def test_activation_steps_a_module_cannot_do_are_reported_and_the_others_kept(user: User) -> None:
    make_environment(user.home / "stats", activate=ACTIVATE)
    adopted = user.stackenv("adopt", "stats")
    assert adopted.returncode == 0, adopted.stderr
    told = [line for line in adopted.stderr.splitlines() if line.startswith("activation: ")]
    for word in ("helper", "TEMPORARY", "noisy"):
        assert any(word in line for line in told), (word, told)
    used = user.run(f"{adopted.stdout.strip()} && echo $FROM_ACTIVATE ${{TEMPORARY-none}}")
    assert used.stdout == "yes none\n", used.stderr


@pytest.mark.parametrize("script", ["syntax error (\n", "exit 3\n", "return 4\n"])
def test_a_failing_activation_script_is_named_and_the_module_still_written(user: User, script: str) -> None:
    make_environment(user.home / "stats", activate=script)
    adopted = user.stackenv("adopt", "stats")
    assert adopted.returncode == 0 and "it.sh" in adopted.stderr, adopted.stderr
    assert user.run(f"{adopted.stdout.strip()} && R").stdout == "R of stats\n"


def test_a_dry_run_or_a_second_adopt_changes_nothing(user: User) -> None:
    prefix = make_environment(user.home / "stats")
    before = describe_tree(user.home)
    assert user.stackenv("adopt", "stats", "--dry-run").returncode == 0
    assert describe_tree(user.home) == before
    inside = describe_tree(prefix)
    assert user.stackenv("adopt", "stats").returncode == 0
    after = describe_tree(prefix)
    assert {path: after[path] for path in inside} == inside
    assert {path.split("/")[0] for path in after.keys() - inside.keys()} == {"pip.conf", "stackenv"}
    before = describe_tree(user.home)
    again = user.stackenv("adopt", "./stats/", "other")
    assert again.returncode == 9 and "already has a module: stats/1.0" in again.stderr
    assert describe_tree(user.home) == before


def test_the_json_output_describes_the_adopted_environment(user: User) -> None:
    prefix = make_environment(user.home / "stats")
    answer = read_result(user.stackenv("adopt", "stats", "--json").stdout)
    assert answer == {
        "module": "stats/1.0",
        "modulefile": str(user.modules / "stats/1.0.lua"),
        "environment": str(prefix),
        "modules": [],
        "packages": [{"name": "r-base", "version": "4.3.1"}],
        "load_command": "ml use ~/modules; ml stats",
    }


def test_an_environment_name_that_is_invalid_for_a_module_is_converted(user: User) -> None:
    make_environment(user.home / "my stats (é)")
    adopted = user.stackenv("adopt", "my stats (é)")
    assert adopted.stdout == "ml use ~/modules; ml my-stats-e\n", adopted.stderr
    assert user.run(f"{adopted.stdout.strip()} && R").stdout == "R of my stats (é)\n"


@pytest.fixture
def conda_user(user: User, built_modules: BuiltModules) -> User:
    """A user of the module of the real Anaconda3, with the channel of the tests."""
    configuration = user.home.parent / "site.yaml"
    configuration.write_text(CONDA_POLICY)
    user.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
    return user


def test_an_environment_created_by_real_conda_is_adopted_by_its_name(conda_user: User) -> None:
    made = conda_user.run("module load Anaconda3 && conda create -q -y --name real activating")
    assert made.returncode == 0, made.stderr
    adopted = conda_user.stackenv("adopt", "real")
    assert adopted.returncode == 0, adopted.stderr
    used = conda_user.run(f"{adopted.stdout.strip()} && echo $CONDA_PREFIX $CONDA_DEFAULT_ENV")
    assert used.stdout.split() == [str(conda_user.home / "conda/envs/real"), "real"], used.stderr


def test_create_leaves_no_files_when_conda_cannot_install_a_package(conda_user: User) -> None:
    failed = conda_user.stackenv("create", "--conda", "it", "no-such-package")
    assert failed.returncode == 10, failed.stderr
    words, error, _ = failed.stderr.partition("error: conda could not create the environment")
    assert "no-such-package" in words.rpartition("conda create")[2].partition("\n")[2] and error
    assert not list((conda_user.home / "conda/envs").glob("*")) and list_files(conda_user.modules) == []
    assert list((conda_user.home.parent / "tmp").iterdir()) == []


def test_a_shared_conda_environment_has_no_hard_links_and_is_group_writable(conda_user: User) -> None:
    project = conda_user.home / "project"
    project.mkdir()
    project.chmod(0o2770)
    made = conda_user.stackenv("create", "--conda", "it", "activating", "--shared", str(project))
    assert made.returncode == 0, made.stderr
    files = [path for path in (project / "envs/it-1.0").rglob("*") if path.is_file()]
    # A hard link into the user's own package cache would have the group of the cache.
    assert files and all(path.stat().st_nlink == 1 for path in files)
    assert all(path.stat().st_mode & 0o060 == 0o060 for path in files)
