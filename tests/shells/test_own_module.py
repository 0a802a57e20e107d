"""The modulefile of stackenv in real shells: what a load sets, and that an unload restores the shell.

The program behind it is tested in tests/easybuild/test_stackenv_module.py and in
tests/personal/test_first_line.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from built import LMOD
from in_ci import fail_or_skip
from session import Session, Snapshot, differences

from stackenv.configuration.loader import load_configuration
from stackenv.modulefile.text import render_module
from stackenv.site.stackenv_module import describe_stackenv_module

pytestmark = pytest.mark.some_shells

SITE = """\
version: 1
conda:
  storage:
    - {parent: "${STACKENV_TEST_PLACE}", environments: conda/envs, packages: conda/pkgs}
    - {parent: "${HOME}", environments: conda/envs, packages: conda/pkgs}
personal:
  modules: MODULES
caches:
  pip:
    - {parent: "${WORKSPACE}", folder: ".cache-${USER}/pip"}
  uv:
    - {parent: "${HOME}", folder: .cache/uv}
  conda:
    - {parent: "${STACKENV_TEST_PLACE}", folder: CONDA}
    - {parent: "${HOME}", folder: CONDA}
  huggingface:
    - {parent: "${WORKSPACE}/missing", folder: hf}
    - {parent: "${WORKSPACE}", folder: hf}
  torch:
    - {parent: "${WORKSPACE}", folder: torch}
  jupyter:
    - {parent: "${NOT_SET}", folder: jupyter}
    - {parent: "${HOME}", folder: jupyter}
"""
LOAD, UNLOAD = "module load stackenv", "module unload stackenv"
CONDA = "module load Anaconda3/2024.02-1"


def write_module(folder: Path, modules: str = "${HOME}/modules", conda: str = ".cache/conda") -> Path:
    """Write the module of stackenv, with its own site configuration; return the folder for MODULEPATH."""
    site = folder / "site.yaml"
    site.write_text(SITE.replace("MODULES", modules).replace("CONDA", conda))
    modulefile = folder / "site-modules/stackenv/1.0.lua"
    modulefile.parent.mkdir(parents=True, exist_ok=True)
    spec = describe_stackenv_module("stackenv/1.0", str(folder), load_configuration(site))
    modulefile.write_text(render_module(spec))
    return modulefile.parents[1]


@pytest.fixture
def workspace(session: Session, tmp_path: Path) -> Path:
    """The folder to which WORKSPACE is set; the module of stackenv can be loaded."""
    (tmp_path / "workspace").mkdir()
    modulepath = f"{session.environ['MODULEPATH']}:{write_module(tmp_path)}"
    session.environ = {
        **session.environ,
        **{"MODULEPATH": modulepath, "WORKSPACE": str(tmp_path / "workspace")},
    }
    return tmp_path / "workspace"


def list_set(workspace: Path, home: Path, user: str = "user") -> dict[str, str]:
    return {
        "PIP_CACHE_DIR": f"{workspace}/.cache-{user}/pip",
        "UV_CACHE_DIR": f"{home}/.cache/uv",
        "CONDA_PKGS_DIRS": f"{home}/.cache/conda",
        "HF_HUB_CACHE": f"{workspace}/hf/hub",
        "HF_DATASETS_CACHE": f"{workspace}/hf/datasets",
        "HF_XET_CACHE": f"{workspace}/hf/xet",
        "TORCH_HOME": f"{workspace}/torch",
        "JUPYTER_RUNTIME_DIR": f"{home}/jupyter",
        "STACKENV_SITE_CONFIG": f"{workspace.parent}/site.yaml",
    }


def select(snapshot: Snapshot, wanted: Mapping[str, str]) -> dict[str, str]:
    return {name: snapshot.environment[name] for name in wanted if name in snapshot.environment}


@pytest.mark.any_value("dialect")
def test_loading_another_version_replaces_the_settings(session, stack, workspace, tmp_path) -> None:
    old = tmp_path / "site-modules/stackenv/1.0.lua"
    old.with_name("2.0.lua").write_text(old.read_text().replace("/hf", "/newer"))
    session.snapshot("before").check("module load stackenv/1.0", "module load stackenv/2.0")
    result = session.snapshot("newer").check(UNLOAD).snapshot("after").run()
    newer = result.snapshots["newer"].environment
    assert newer["HF_HUB_CACHE"] == f"{workspace}/newer/hub" and newer["TORCH_HOME"] == f"{workspace}/torch"
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_a_load_sets_the_variables_and_an_unload_leaves_nothing(session, stack, workspace) -> None:
    result = (
        session.snapshot("before")
        .check(LOAD)
        .snapshot("loaded")
        .check(LOAD, "module refresh")
        .snapshot("again")
        # Values that change after the load make no difference to what the unload removes.
        .export("WORKSPACE", "/elsewhere")
        .export("HOME", str(workspace))
        .check(UNLOAD)
        .export("WORKSPACE", str(workspace))
        .export("HOME", str(stack.home))
        .snapshot("after")
        .run()
    )
    shots = result.snapshots
    assert result.statuses == [0] * 4, result.stderr
    # fish sets USER by itself.
    wanted = list_set(workspace, stack.home, shots["loaded"].environment["USER"])
    assert select(shots["loaded"], wanted) == wanted
    assert shots["loaded"].environment["MODULEPATH"].split(":")[0] == f"{stack.home}/modules"
    assert differences(shots["loaded"], shots["again"]) == {}
    assert differences(shots["before"], shots["after"]) == {}


@pytest.mark.any_value("dialect")
def test_a_reload_chooses_the_folders_again(session, stack, workspace, tmp_path) -> None:
    (tmp_path / "other").mkdir()
    session.check(LOAD).export("WORKSPACE", str(tmp_path / "other")).check(LOAD).snapshot("again")
    result = session.unset("WORKSPACE").check(LOAD).snapshot("without").run()
    again, without = result.snapshots["again"], result.snapshots["without"]
    wanted = list_set(tmp_path / "other", stack.home, again.environment["USER"])
    assert select(again, wanted) == wanted
    assert "TORCH_HOME" not in without.environment and "PIP_CACHE_DIR" not in without.environment


@pytest.mark.any_value("dialect")
@pytest.mark.parametrize("after", [False, True], ids=["before the load", "after the load"])
def test_a_users_own_value_wins_and_is_kept(session, stack, workspace, after: bool) -> None:
    # One of these values is the one that the site would choose.
    own = {
        **{"PIP_CACHE_DIR": "/mine", "TORCH_HOME": f"{workspace}/torch", "CONDA_PKGS_DIRS": "/mine,/more"},
        **{"HF_HUB_CACHE": "/mine/hub", "STACKENV_SITE_CONFIG": "/mine.yaml"},
    }
    if after:
        session.check(LOAD)
        own.pop("TORCH_HOME")
    for name, value in own.items():
        session.export(name, value)
    result = session.check(LOAD).snapshot("loaded").check(UNLOAD).snapshot("after").run()
    wanted = list_set(workspace, stack.home)
    loaded = select(result.snapshots["loaded"], wanted)
    assert loaded == {**wanted, **own}
    assert select(result.snapshots["after"], wanted) == own


@pytest.mark.parametrize(
    ("variable", "free"),
    [
        ("XDG_CACHE_HOME", {"CONDA_PKGS_DIRS", "JUPYTER_RUNTIME_DIR"}),
        (
            "HF_HOME",
            {"CONDA_PKGS_DIRS", "JUPYTER_RUNTIME_DIR", "PIP_CACHE_DIR", "UV_CACHE_DIR", "TORCH_HOME"},
        ),
    ],
)
@pytest.mark.any_value("dialect")
def test_xdg_cache_home_or_hf_home_of_the_user_wins(session, workspace, stack, variable, free) -> None:
    session.environ = {**session.environ, variable: "/mine"}
    loaded = session.check(LOAD).snapshot("loaded").run().snapshots["loaded"]
    wanted = list_set(workspace, stack.home)
    assert {*select(loaded, wanted)} == {*free, "STACKENV_SITE_CONFIG"}


def write_personal(home: Path) -> None:
    """Write a module into the folder of personal modules."""
    (home / "modules/mine").mkdir(parents=True)
    (home / "modules/mine/1.0.lua").write_text('setenv("MINE", "1")\n')


@pytest.mark.parametrize(
    ("file", "line", "free"),
    [
        (".config/uv/uv.toml", 'cache-dir = "~/mine"', "UV_CACHE_DIR"),
        (".config/pip/pip.conf", "[global]\n  cache-dir: ~/mine", "PIP_CACHE_DIR"),
        (".pip/pip.conf", "[global]\ncache-dir=~/mine", "PIP_CACHE_DIR"),
        (".condarc", "channels: [a]\npkgs_dirs: [~/mine]", "CONDA_PKGS_DIRS"),
        (".config/uv/uv.toml", '# cache-dir = "~/mine"\nno-cache-dir = 1', ""),
    ],
)
def test_a_cache_folder_in_a_tools_configuration_file_wins(
    session, stack, workspace, file, line, free
) -> None:
    (stack.home / file).parent.mkdir(parents=True, exist_ok=True)
    (stack.home / file).write_text(f"{line}\n")
    loaded = session.check(LOAD).snapshot("loaded").run().snapshots["loaded"].environment
    tools = {"UV_CACHE_DIR", "PIP_CACHE_DIR", "CONDA_PKGS_DIRS"}
    assert tools - loaded.keys() == ({free} if free else set())


def test_a_folder_that_the_user_cannot_write_is_skipped(session, stack, workspace) -> None:
    blocked = workspace.parent / "site-modules/stackenv/1.0.lua"
    # As if another member of the group had created it first; root can write everywhere except in /proc.
    text = blocked.read_text().replace('{ variable = "WORKSPACE" }, "/torch"', '"/proc/self/torch"')
    assert text != blocked.read_text()
    blocked.write_text(text)
    loaded = session.check(LOAD).snapshot("loaded").run().snapshots["loaded"].environment
    assert "TORCH_HOME" not in loaded and loaded["HF_HUB_CACHE"] == f"{workspace}/hf/hub"


def test_a_personal_module_named_stackenv_causes_no_endless_loop(session, stack, workspace) -> None:
    own = stack.home / "modules/stackenv/2.0.lua"
    own.parent.mkdir(parents=True)
    own.write_text("-- empty\n")
    result = session.snapshot("before").check(LOAD).snapshot("loaded").check(UNLOAD).snapshot("after").run()
    assert result.statuses == [0, 0], result.stderr
    assert f"one of them has the same name as this module: {own.parent}" in result.stderr.replace("\n", " ")
    loaded = result.snapshots["loaded"].environment
    assert str(stack.home / "modules") not in loaded["MODULEPATH"].split(":") and "HF_HUB_CACHE" in loaded
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_a_personal_module_created_after_the_load_is_found(session, stack, workspace) -> None:
    folder = f"{stack.home}/modules/mine"
    made = f'mkdir -p {folder}; echo \'setenv("MINE", "1")\' > {folder}/1.0.lua'
    session.snapshot("before").check(LOAD).do(made)
    session.check("module load mine").snapshot("loaded").check(UNLOAD).snapshot("unloaded")
    result = session.check(LOAD).snapshot("again").check("module purge").snapshot("after").run()
    shots = result.snapshots
    # It was found only through stackenv's module, so Lmod unloads and loads it together with that module.
    assert [shots[name].environment.get("MINE") for name in ("loaded", "unloaded", "again")] == [
        "1",
        None,
        "1",
    ]
    assert differences(shots["before"], shots["after"]) == {}


@pytest.mark.any_value("dialect")
@pytest.mark.parametrize("first", ["use", "load"])
def test_a_folder_that_the_user_added_with_module_use_is_kept(session, stack, workspace, first: str) -> None:
    write_personal(stack.home)
    use = f"module use {stack.home}/modules"
    session.check(*((use, LOAD) if first == "use" else (LOAD, use)), "module load mine", UNLOAD)
    result = session.snapshot("after").check("module load mine").run()
    assert result.statuses == [0] * 5, result.stderr
    assert result.snapshots["after"].environment["MINE"] == "1"
    assert f"{stack.home}/modules" in result.snapshots["after"].environment["MODULEPATH"].split(":")


@pytest.mark.any_value("dialect")
def test_a_collection_restores_stackenv_and_the_personal_module(session, stack, workspace) -> None:
    write_personal(stack.home)
    session.check(LOAD, "module load mine", "module save own").snapshot("saved")
    result = session.check("module purge", "module restore own").snapshot("restored").run()
    assert result.statuses == [0] * 5, result.stderr
    assert differences(result.snapshots["saved"], result.snapshots["restored"]) == {}


@pytest.mark.any_value("dialect")
def test_a_child_shell_can_unload_the_inherited_module(session, stack, workspace) -> None:
    child = session.folder / "child"
    module = f'module() {{ eval "$({LMOD} bash "$@")"; }}'
    child.write_text(f"{module}\nmodule unload stackenv; env > {session.folder}/child-env\n")
    session.check(LOAD).do(f"env > {session.folder}/inherited", f"bash --norc --noprofile {child}")
    session.run()
    lines = (session.folder / "child-env").read_text().splitlines()
    left = [line for line in lines if line.startswith((*list_set(workspace, stack.home), "STACKENV"))]
    assert (session.folder / "inherited").read_text().count("\nTORCH_HOME=") == 1
    assert left == [] and f"MODULEPATH={session.environ['MODULEPATH']}" in lines


@pytest.mark.each_value("first", "between", "conda", "dialect")
@pytest.mark.parametrize("conda", ["conda/pkgs", ".cache/conda"], ids=["the same folder", "another"])
@pytest.mark.parametrize("first", ["stackenv", "conda"])
@pytest.mark.parametrize("between", [False, True], ids=["", "a place is set between"])
def test_packages_and_environments_stay_together_with_the_conda_module_loaded(
    session, stack, workspace, tmp_path, first: str, between: bool, conda: str
) -> None:
    write_module(tmp_path, conda=conda)
    place = stack.folder("place")
    loads = [LOAD, CONDA] if first == "stackenv" else [CONDA, LOAD]
    session.snapshot("before").check(loads[0])
    if between:
        session.export("STACKENV_TEST_PLACE", str(place))
    session.check(loads[1]).snapshot("both").check(*loads).snapshot("reloaded")
    session.check(UNLOAD).snapshot("conda").check(LOAD).snapshot("again")
    session.check("module unload Anaconda3").snapshot("one").check(UNLOAD)
    result = session.unset("STACKENV_TEST_PLACE").snapshot("after").run()
    shots = result.snapshots
    for name in ("both", "reloaded", "conda", "again"):
        environ = shots[name].environment
        assert environ["CONDA_PKGS_DIRS"] == environ["CONDA_ENVS_PATH"].replace("envs", "pkgs"), name
    assert differences(shots["before"], shots["after"]) == {}


HOMELESS = ("HOME", "USER", "WORKSPACE", "STACKENV_TEST_PLACE")


@pytest.mark.any_value("dialect")
@pytest.mark.parametrize("homeless", [False, True], ids=["", "without HOME, USER, WORKSPACE"])
def test_module_show_help_and_spider_name_no_user_folders(session, workspace, homeless: bool) -> None:
    looks = [f"module {word} stackenv" for word in ("show", "help", "whatis", "spider", "avail")]
    if homeless:
        for name in HOMELESS:
            session.unset(name)
    session.snapshot("before").check(*looks, LOAD, UNLOAD)
    result = session.snapshot("after").run()
    assert result.statuses == [0] * 7, result.stderr
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
    assert "stackenv create myenv PACKAGE" in result.stderr
    assert str(workspace) not in result.stderr and f"{session.environ['HOME']}/" not in result.stderr


def count_started(module: str, environ: Mapping[str, str], folder: Path) -> int:
    """Return how many programs Lmod starts to load `module`."""
    trace = folder / f"{module}.strace"
    command = ["strace", "-f", "-e", "trace=execve", "-o", str(trace), LMOD, "bash", "load", module]
    subprocess.run(command, env=environ, capture_output=True, check=True)
    return trace.read_text().count("execve(")


def test_a_load_starts_no_process(tmp_path: Path) -> None:
    if not shutil.which("strace"):
        fail_or_skip("strace is not installed")
    modules = write_module(tmp_path)
    (modules / "empty").mkdir()
    (modules / "empty/1.0.lua").write_text("-- empty\n")
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "MODULEPATH": str(modules)}
    assert count_started("stackenv", environ, tmp_path) == count_started("empty", environ, tmp_path)


@pytest.mark.parametrize("form", ["spider-json", "softwarePage", "jsonSoftwarePage"])
def test_the_spider_cache_contains_nothing_of_the_user_who_builds_it(tmp_path: Path, form: str) -> None:
    modules, home = write_module(tmp_path), tmp_path / "root"
    write_personal(home)
    done = subprocess.run(
        [str(Path(LMOD).with_name("spider")), "-o", form, str(modules)],
        env={"HOME": str(home), "USER": "root", "WORKSPACE": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(home) not in done.stdout and "mine" not in done.stdout
    assert "stackenv" in json.dumps(json.loads(done.stdout) if "json" in form else done.stdout)
