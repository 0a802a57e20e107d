"""Causes before effects: what a fault keeps from working is not tried before that is fixed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from built import POLICY, BuiltModules
from findings import read_findings
from made_again import make_again
from people import MINOR, make_person, make_site
from stacked import open_stack
from users import User, make_user

BROKEN = "channels: [conda-forge\nssl_verify: true\n"
INSTALL = "stackenv run it/1.0 -- conda install --yes --force-reinstall activating=1.0"


@pytest.fixture
def user(tmp_path_factory: pytest.TempPathFactory, built_modules: BuiltModules) -> User:
    """Return a user with the module it of a conda environment that lacks a file."""

    def make(folder: Path) -> User:
        user = make_user(folder, open_stack("eb5-pythonpath"))
        policy = folder / "site.yaml"
        policy.write_text(POLICY)
        user.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(policy))
        made = user.stackenv("create", "it", "--conda", "activating")
        assert made.returncode == 0, made.stderr
        lost_file(user).unlink()
        return user

    return make_again(tmp_path_factory.getbasetemp() / "causes", make)


def lost_file(user: User) -> Path:
    return user.home / "conda/envs/it-1.0/etc/conda/deactivate.d/activating.fish"


def test_a_broken_condarc_goes_aside_before_conda_is_needed(user: User) -> None:
    condarc = user.home / ".condarc"
    condarc.write_text(BROKEN)
    taken = user.home / ".condarc.moved-aside"
    taken.write_text("mine\n")
    found = read_findings(user.stackenv("check", "--json").stdout)
    assert [(f["subject"], f["rule"]) for f in found][:2] == [
        ("your account", "condarc"),
        ("it/1.0", "missing-files"),
    ]
    listed = user.stackenv("check", "--fix", "--dry-run").stdout.splitlines()
    aside = f"{taken}.2"
    back = f"mv {aside} {condarc}"
    assert listed[:2] == [f"rename {condarc} to {aside}; to bring it back: {back}", INSTALL]
    done = user.stackenv("check", "--fix", "--yes")
    assert done.returncode == 0, done.stderr
    assert lost_file(user).is_file() and not condarc.exists()
    assert (taken.read_text(), Path(aside).read_text()) == ("mine\n", BROKEN)
    subprocess.run(["sh", "-c", back], check=True)
    assert condarc.read_text() == BROKEN


@pytest.mark.parametrize("cause", ["condarc", "variables"])
def test_what_needs_conda_is_not_tried_without_it(user: User, cause: str) -> None:
    changes = {}
    if cause == "condarc":
        (user.home / ".condarc").write_text(BROKEN)
    else:
        changes = {"CONDA_ENVS_PATH": "/a", "CONDA_ENVS_DIRS": "/b"}
    done = user.stackenv("check", "it", "--fix", "--yes", **changes)
    assert done.returncode == 1 and not lost_file(user).exists()
    assert "skipped, because it would fail: " in done.stderr and "not mended" not in done.stderr
    # What conda itself would say is pages.
    assert len(done.stderr.splitlines()) < 8, done.stderr
    listed = user.stackenv("check", "it", "--fix", "--dry-run", **changes).stdout
    assert "conda install" not in listed


def test_what_runs_in_an_environment_is_not_tried_without_its_modules(tmp_path: Path) -> None:
    person = make_person(tmp_path, make_site(tmp_path / "site"))
    module = person.create("biopy", "tiny-own==1.0") / f"lib/python{MINOR}/site-packages/tiny_own.py"
    module.unlink()
    bundle = Path(person.site.modulepath, "Bundle/1.lua")
    text = bundle.read_text()
    bundle.unlink()
    done = person.stackenv("check", "biopy", "--fix", "--yes", status=1)
    assert "not mended" not in done.stderr and not module.exists()
    assert "skipped, because it would fail: Bundle/1: not there any more" in done.stderr
    bundle.write_text(text)
    person.stackenv("check", "biopy", "--fix", "--yes")
    assert module.is_file()
    assert json.loads(person.stackenv("check", "biopy", "--json").stdout) == []
