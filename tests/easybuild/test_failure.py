"""A failed build never loses the production modulefile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runner import FAILING_HOOKS, IN_ALL_SHELLS, WORK

# In EasyBuild's order. The step testcases is missing, because it runs only if an easyconfig has test cases.
STEPS = (
    *("fetch", "ready", "source", "patch", "prepare", "configure", "build", "test", "install"),
    *("extensions", "postiter", "postproc", "sanitycheck", "cleanup", "module", "permissions", "package"),
)
POINTS = [f"{when}_{step}" for step in STEPS for when in ("pre", "post")]
MODULE = "Anaconda3/2024.02-1.lua"
OLD = "-- the modulefile of an earlier build\n"


def in_version(point: str, version: str) -> str:
    """Return the name of the hook in this EasyBuild: 5 renamed source to extract."""
    return point.replace("source", "extract") if version.startswith("5") else point


@pytest.fixture
def old(built) -> Path:
    """The production modulefile, with the text OLD; restored afterwards."""
    module = built.modules / MODULE
    text = module.read_bytes()
    module.write_text(OLD)
    yield module
    module.write_bytes(text)


@pytest.fixture(scope="module")
def failures(built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what forks of one build, each failing at one point, have printed and left."""
    report = tmp_path_factory.mktemp("failures")
    module = built.modules / MODULE
    module.write_text(OLD)
    points = ",".join(in_version(point, built.version) for point in POINTS)
    built.build("--rebuild", hooks=FAILING_HOOKS, FAIL_IN=points, REPORT=str(report), MODULE=str(module))
    assert module.read_text() != OLD
    return report


@pytest.mark.parametrize("point", POINTS)
def test_the_old_modulefile_is_restored_when_a_step_fails(built, failures, point) -> None:
    name = in_version(point, built.version)
    left = json.loads((failures / f"{name}.json").read_text())
    assert left["status"] != 0
    words = (failures / f"{name}.words").read_text()
    assert f"the test fails in {name}" in words
    # The beginning of faulthandler's traceback, if the fork hung.
    assert "Timeout (" not in words
    assert left["modulefile"] == OLD
    assert not left["kept"]


@pytest.mark.parametrize(
    "point", ["pre_module", *(pytest.param(p, marks=pytest.mark.matrix) for p in POINTS if p != "pre_module")]
)
def test_the_old_modulefile_is_restored_when_eb_ends_in_a_step(built, old, point) -> None:
    """Here eb itself fails, and not a fork of it."""
    name = in_version(point, built.version)
    done = built.build("--rebuild", hooks=FAILING_HOOKS, check=False, FAIL_IN=name)
    assert done.returncode != 0
    assert f"the test fails in {name}" in done.stdout + done.stderr
    assert old.read_text() == OLD
    assert not (built.prefix / "software/.stackenv-kept").exists()


@pytest.mark.any_value("built")
def test_the_message_says_when_rebuild_has_already_removed_the_installation(built, old, tmp_path) -> None:
    (tmp_path / "Anaconda3-2024.02-1-Linux-x86_64.sh").write_text("exit 3\n")
    done = built.build("--rebuild", check=False, EASYBUILD_SOURCEPATH=str(tmp_path))
    words = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert old.read_text() == OLD
    assert "restored the old modulefile" in words
    assert "which this build has already removed" in words
    built.build("--rebuild")


def test_the_old_modulefile_is_restored_after_a_bug_in_another_hook(built, old) -> None:
    done = built.build("--rebuild", hooks=FAILING_HOOKS, check=False, FAIL_IN="post_module", BUG="1")
    assert done.returncode != 0
    assert old.read_text() == OLD


def test_the_next_eb_restores_the_old_modulefile_after_a_killed_one(built, old) -> None:
    done = built.build("--rebuild", hooks=FAILING_HOOKS, check=False, FAIL_IN="post_ready", CRASH="1")
    assert done.returncode == 9
    assert not old.exists()
    for lock in (built.prefix / "software/.locks").iterdir():
        lock.rmdir()
    done = built.build("--rebuild", hooks=FAILING_HOOKS, check=False, FAIL_IN="pre_ready")
    assert old.read_text() == OLD
    assert "an earlier eb was killed" in done.stdout + done.stderr


@pytest.mark.any_value("easybuild")
def test_tcl_module_syntax_is_refused_before_anything_is_built(easybuild) -> None:
    done = easybuild.build("--module-syntax=Tcl", check=False)
    assert done.returncode != 0
    assert "--module-syntax=Lua" in done.stdout + done.stderr
    assert not (easybuild.prefix / "software/Anaconda3").exists()


@pytest.mark.any_value("easybuild")
def test_an_invalid_configuration_is_refused_before_anything_is_built(easybuild, tmp_path) -> None:
    configuration = tmp_path / "site.yaml"
    configuration.write_text("version: 1\nconda:\n  base_on_pth: true\n")
    done = easybuild.build(check=False, STACKENV_SITE_CONFIG=str(configuration))
    words = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"{configuration}:3: conda.base_on_pth" in words and "base_on_path" in words
    assert "Traceback" not in words
    assert not (easybuild.prefix / "software/Anaconda3").exists()


@pytest.mark.any_value("easybuild")
def test_a_module_that_fails_its_load_test_fails_the_build(easybuild, tmp_path) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "conda.lua.j2").write_text(
        '{% extends "stackenv/conda.lua.j2" %}\n'
        '{% block unload %}if mode() == "load" then setenv("LEFT_BEHIND", "1") end\n{% endblock %}\n'
    )
    configuration = tmp_path / "site.yaml"
    configuration.write_text(f"version: 1\nconda:\n  templates: {templates}\n")
    done = easybuild.build(check=False, STACKENV_SITE_CONFIG=str(configuration))
    words = done.stdout + done.stderr
    assert done.returncode != 0
    assert "failed its load test" in words and "in bash:" in words and "LEFT_BEHIND" in words
    assert not (easybuild.modules / "Anaconda3/2024.02-1.lua").exists()


@pytest.mark.any_value("built")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("#!/bin/sh\necho broken >&2; exit 3\n", "broken"),
        ("#!/bin/sh\nexit 0\n", "conda"),
    ],
    ids=["a conda that fails", "a python that answers nothing"],
)
def test_a_broken_installation_fails_the_build(built, old, script, words) -> None:
    python = built.prefix / "software/Anaconda3/2024.02-1/bin/python"
    kept = python.with_name("python.kept")
    python.rename(kept)
    try:
        python.write_text(script)
        python.chmod(0o755)
        done = built.build("--module-only", "--force", check=False)
    finally:
        kept.rename(python)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert old.read_text() == OLD


@pytest.mark.any_value("built")
def test_a_missing_conda_fails_the_build_and_is_named(built, old) -> None:
    conda = built.prefix / "software/Anaconda3/2024.02-1/bin/conda"
    kept = conda.with_name("conda.kept")
    conda.rename(kept)
    try:
        done = built.build("--module-only", "--force", check=False)
    finally:
        kept.rename(conda)
    assert done.returncode != 0
    assert str(conda) in done.stdout + done.stderr
    assert old.read_text() == OLD


@pytest.mark.any_value("built")
def test_a_condarc_not_written_by_stackenv_is_kept_and_fails_the_build(built, old) -> None:
    condarc = built.prefix / "software/Anaconda3/2024.02-1/condarc.d/stackenv.yml"
    text = condarc.read_text()
    condarc.write_text("channels: [mine]\n")
    try:
        done = built.build("--module-only", "--force", check=False)
        assert condarc.read_text() == "channels: [mine]\n"
    finally:
        condarc.write_text(text)
    assert done.returncode != 0
    assert "was not written by stackenv" in done.stdout + done.stderr
    assert old.read_text() == OLD


@pytest.mark.any_value("built")
def test_a_broken_shell_on_the_build_host_is_only_a_warning(built, tmp_path) -> None:
    fish = tmp_path / "fish"
    fish.write_text("#!/bin/sh\necho 'fish: cannot start' >&2\nexit 1\n")
    fish.chmod(0o755)
    path = f"{tmp_path}:{WORK / built.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    done = built.build("--module-only", "--force", PATH=path, **IN_ALL_SHELLS)
    words = " ".join((done.stdout + done.stderr).split())
    assert "fish does not work with Lmod on this host" in words
