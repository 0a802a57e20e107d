"""Environments on stacks built by EasyBuild, and of the real conda: no false alarms, and real faults."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from built import SITE_CONFIGURATION, BuiltModules
from findings import read_findings
from made_again import make_again
from stacked import STACKS, Stack, open_stack
from users import User, make_user


def check(user: User, *words: str) -> list[dict[str, str]]:
    done = user.stackenv("check", *words, "--json")
    assert done.stdout, done.stderr
    return read_findings(done.stdout)


def run(user: User, *arguments: str, load: tuple[str, ...] = ()) -> None:
    done = user.stackenv(*arguments, load=load)
    assert done.returncode == 0, done.stderr


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> Stack:
    return open_stack(request.param)


@pytest.fixture
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with the venv biopy, which has a compiled package, and its module."""

    def make(folder: Path) -> User:
        user = make_user(folder, open_stack("eb5-pythonpath"))
        run(user, "create", "biopy", "biopython", load=(user.stack.bundle_module,))
        return user

    return make_again(tmp_path_factory.getbasetemp() / "compiled", make)


@pytest.fixture
def conda_user(tmp_path_factory: pytest.TempPathFactory, built_modules: BuiltModules) -> User:
    """Return a user with the conda environment `it` and its module."""

    def make(folder: Path) -> User:
        user = make_user(folder, open_stack("eb5-pythonpath"))
        configuration = folder / "site.yaml"
        configuration.write_text(SITE_CONFIGURATION)
        user.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
        run(user, "create", "it", "--conda", "activating")
        return user

    return make_again(tmp_path_factory.getbasetemp() / "activating", make)


@pytest.mark.some_stacks
def test_healthy_venvs_have_no_finding(tmp_path: Path, stack: Stack) -> None:
    user = make_user(tmp_path, stack)
    run(user, "create", "biopy", "biopython", load=(stack.bundle_module,))
    project = user.home / "source"
    (project / "src/mine").mkdir(parents=True)
    (project / "src/mine/__init__.py").write_text("")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "mine"\nversion = "1"\n'
    )
    for words in (
        ("python", "-m", "pip", "install", "-q", "-e", str(project)),
        ("python", "-c", "import Bio, numpy, mine"),
    ):
        run(user, "run", "biopy", "--", *words)
    for maker in (
        "python -m venv --system-site-packages",
        "virtualenv -q --system-site-packages",
        "uv venv -q",
    ):
        name = maker.split()[0].replace("python", "venv")
        made = user.run(f"module load {stack.bundle_module} && {maker} ~/own/{name}")
        assert made.returncode == 0, made.stderr
        run(user, "adopt", str(user.home / "own" / name), name, load=(stack.bundle_module,))
        assert check(user, name) == []
    assert check(user, "biopy") == []
    assert check(user) == []


def test_a_damaged_compiled_package_is_reported_and_fixed(user: User) -> None:
    extension = next((user.home / "venvs/biopy-1.0").glob("lib/python3*/site-packages/Bio/*.so"))
    extension.write_bytes(b"\0" * extension.stat().st_size)
    found = {finding["rule"]: finding for finding in check(user, "biopy")}
    assert found["extensions"]["level"] == "broken"
    assert f"Bio.{extension.name.split('.')[0]} cannot be imported" in found["extensions"]["what"]
    user.stackenv("check", "biopy", "--fix", "--yes")
    assert check(user, "biopy") == []


def test_a_crashing_import_is_reported_but_not_tried_if_others_can_write(user: User) -> None:
    package = next((user.home / "venvs/biopy-1.0").glob("lib/python3*/site-packages/Bio"))
    (package / "__init__.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n")
    found = {finding["rule"]: finding for finding in check(user, "biopy")}
    assert "killed by signal 11" in found["extensions"]["what"]
    # An import runs code, as a load does: code that others could have written is not imported.
    (user.home / "venvs/biopy-1.0/stackenv/record.json").chmod(0o660)
    levels = {finding["level"] for finding in check(user, "biopy") if finding["rule"] == "extensions"}
    assert levels == {"unchecked"}


def test_a_healthy_conda_environment_has_no_finding(conda_user: User) -> None:
    assert check(conda_user, "it") == []


def test_a_conda_package_that_a_module_has_optimised_is_reported(conda_user: User) -> None:
    modules = conda_user.home / "site/SciPy-bundle"
    modules.mkdir(parents=True)
    (modules / "2023.07.lua").write_text('setenv("X", "1")\n')
    conda_user.environ["MODULEPATH"] += f":{modules.parent}"
    meta = conda_user.home / "conda/envs/it-1.0/conda-meta/numpy-1.26.4-0.json"
    meta.write_text(json.dumps({"name": "numpy", "version": "1.26.4", "files": []}))
    (found,) = check(conda_user, "it")
    assert (found["rule"], found["level"]) == ("generic-packages", "warning")
    assert "numpy 1.26.4" in found["what"] and "SciPy-bundle/2023.07" in found["what"]


def test_a_changed_activation_is_reported_and_captured_again(conda_user: User) -> None:
    script = conda_user.home / "conda/envs/it-1.0/etc/conda/activate.d/mine.sh"
    script.write_text("export STACKENV_TEST_NEW=1\n")
    (found,) = check(conda_user, "it")
    assert found["rule"] == "stale" and "activation" in found["what"]
    fixed = conda_user.stackenv("check", "it", "--fix", "--yes")
    assert check(conda_user, "it") == [], fixed.stderr
    done = conda_user.run("module use ~/modules; module load it && echo $STACKENV_TEST_NEW")
    assert done.stdout == "1\n", done.stderr


def test_a_missing_file_of_a_conda_package_is_reported_and_restored(conda_user: User) -> None:
    prefix = conda_user.home / "conda/envs/it-1.0"
    (note,) = (prefix / "conda-meta").glob("activating-*.json")
    file = prefix / next(name for name in json.loads(note.read_text())["files"] if "activate.d" in name)
    file.unlink()
    found = {finding["rule"]: finding for finding in check(conda_user, "it")}
    assert found["missing-files"]["where"] == str(file)
    assert "conda install --yes --force-reinstall activating" in found["missing-files"]["hint"]
    conda_user.stackenv("check", "it", "--fix", "--yes")
    assert file.exists()
    assert check(conda_user, "it") == []


def test_a_changed_byte_in_a_conda_package_is_reported_and_restored(conda_user: User) -> None:
    prefix = conda_user.home / "conda/envs/it-1.0"
    (note,) = (prefix / "conda-meta").glob("activating-*.json")
    entries = json.loads(note.read_text())["paths_data"]["paths"]
    file = next(prefix / e["_path"] for e in entries if "sha256" in e and not e.get("prefix_placeholder"))
    contents = file.read_bytes()
    # The file is a hard link to the one in conda's cache, which must not change.
    file.unlink()
    file.write_bytes(bytes([contents[0] ^ 1]) + contents[1:])
    found = {finding["rule"]: finding for finding in check(conda_user, "it")}
    assert (found["missing-files"]["level"], found["missing-files"]["where"]) == ("warning", str(file))
    assert "missing-files" not in {finding["rule"] for finding in check(conda_user)}
    conda_user.stackenv("check", "it", "--fix", "--yes")
    assert file.read_bytes() == contents
    assert check(conda_user, "it") == []


def lose_file(user: User) -> Path:
    """Delete a file of a conda package; return its path."""
    path = user.home / "conda/envs/it-1.0/etc/conda/deactivate.d/activating.fish"
    path.unlink()
    return path


def test_a_broken_condarc_is_moved_aside_before_conda_is_used(conda_user: User) -> None:
    lost_file = lose_file(conda_user)
    condarc, broken = conda_user.home / ".condarc", "channels: [conda-forge\nssl_verify: true\n"
    condarc.write_text(broken)
    taken = conda_user.home / ".condarc.moved-aside"
    taken.write_text("mine\n")
    found = read_findings(conda_user.stackenv("check", "--json").stdout)
    assert [(f["module"], f["rule"]) for f in found][:2] == [
        ("", "condarc"),
        ("it/1.0", "missing-files"),
    ]
    listed = conda_user.stackenv("check", "--fix", "--dry-run")
    aside = f"{taken}.2"
    back = f"mv {aside} {condarc}"
    assert listed.stdout.splitlines()[0] == f"rename {condarc} to {aside}; to undo: {back}"
    assert "conda install" not in listed.stdout and "would be moved aside" in listed.stderr
    # The moved file has the user's channels: the user must write them again before conda installs anything.
    done = conda_user.stackenv("check", "--fix", "--yes")
    assert done.returncode == 1, done.stderr
    assert "configuration was moved aside; write a correct one" in done.stderr
    assert not lost_file.exists() and not condarc.exists()
    again = conda_user.stackenv("check", "--fix", "--yes")
    assert again.returncode == 0 and lost_file.is_file(), again.stderr
    assert (taken.read_text(), Path(aside).read_text()) == ("mine\n", broken)
    subprocess.run(["sh", "-c", back], check=True)
    assert condarc.read_text() == broken


@pytest.mark.parametrize("cause", ["condarc", "variables"])
def test_fixes_that_need_conda_are_skipped_if_conda_cannot_run(conda_user: User, cause: str) -> None:
    lost_file = lose_file(conda_user)
    changes = {}
    if cause == "condarc":
        (conda_user.home / ".condarc").write_text("channels: [conda-forge\n")
    else:
        changes = {"CONDA_ENVS_PATH": "/a", "CONDA_ENVS_DIRS": "/b"}
    done = conda_user.stackenv("check", "it", "--fix", "--yes", **changes)
    assert done.returncode == 1 and not lost_file.exists()
    assert "skipped, because it would fail: " in done.stderr and "not fixed" not in done.stderr
    # conda's own error message would fill pages.
    assert len(done.stderr.splitlines()) < 8, done.stderr
    listed = conda_user.stackenv("check", "it", "--fix", "--dry-run", **changes).stdout
    assert "conda install" not in listed
