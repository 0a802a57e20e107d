"""Files of stackenv that are missing from a conda environment, or beside the image of a packed one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from built import SITE_CONFIGURATION, BuiltModules
from made_again import make_again
from managed import (
    check,
    describe_environment,
    fix,
    list_own,
)
from packing import make_packing_user, require_fuse, unmounting
from stacked import open_stack
from users import User, make_user


@pytest.fixture
def conda_user(tmp_path_factory: pytest.TempPathFactory, built_modules: BuiltModules) -> User:
    """Return a user with the conda environment `it` and its module."""

    def make(folder: Path) -> User:
        user = make_user(folder, open_stack("eb5-pythonpath"))
        configuration = folder / "site.yaml"
        configuration.write_text(SITE_CONFIGURATION)
        user.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
        made = user.stackenv("create", "it", "--conda", "activating", "--user-site", "--description", "Mine")
        assert made.returncode == 0, made.stderr
        return user

    return make_again(tmp_path_factory.getbasetemp() / "own-conda", make)


def lose_and_fix(user: User, name: str, prefix: Path, lost: Sequence[Path]) -> None:
    """Delete the files `lost` of the environment `name`, and assert that check restores them."""
    modulefile = (user.modules / f"{name}/1.0.lua").read_text()
    before, record = describe_environment(prefix), json.loads((prefix / "stackenv/record.json").read_text())
    assert check(user, name) == []
    for path in lost:
        path.unlink()
    (found,) = check(user, name)
    assert (found["rule"], found["hint"]) == ("managed-files", f"stackenv edit {name}/1.0 --refresh")
    fix(user, name)
    assert describe_environment(prefix) == before
    assert (user.modules / f"{name}/1.0.lua").read_text() == modulefile
    again = json.loads((prefix / "stackenv/record.json").read_text())
    # Only the record says whether stackenv made the environment; the copy in an image still exists.
    owned = prefix / "stackenv/record.json" not in lost or record["packed"] is not None
    assert {**again, "made_by": []} == {**record, "made_by": [], "owned": owned}


@pytest.mark.each_value("which")
@pytest.mark.parametrize("which", ["files", "record", "all"])
def test_lost_files_of_a_conda_environment_are_restored(conda_user: User, which: str) -> None:
    prefix = conda_user.home / "conda/envs/it-1.0"
    record, *files = list_own(prefix)
    lost = {"files": files, "record": [record], "all": [record, *files]}[which]
    lose_and_fix(conda_user, "it", prefix, lost)


def test_the_hint_for_a_missing_conda_python_is_conda_install(conda_user: User) -> None:
    prefix = conda_user.home / "conda/envs/it-1.0"
    note = {"name": "python", "version": "3.12.1", "files": ["bin/python"], "build": "0", "build_number": 0}
    (prefix / "conda-meta/python-3.12.1-0.json").write_text(json.dumps(note))
    record = prefix / "stackenv/record.json"
    data = json.loads(record.read_text())
    data["python"] = {"version": "3.12.1", "executable": f"{prefix}/bin/python", "module": ""}
    record.write_text(json.dumps(data))
    # An environment with a Python also has files of stackenv.
    found = {found["rule"]: found for found in check(conda_user, "it")}
    assert set(found) == {"managed-files", "missing-files"}
    assert "conda install" in found["missing-files"]["hint"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """Return a user with a packed venv."""
    require_fuse()
    folder = tmp_path_factory.mktemp("packed")
    with unmounting(folder):
        user = make_packing_user(folder, open_stack("eb5-pythonpath"))
        for words in (("create", "bio", "biopython", "--allow-shadow", "numpy"), ("pack", "bio")):
            done = user.stackenv(*words, load=[user.stack.bundle_module])
            assert done.returncode == 0, done.stderr
        yield user


@pytest.mark.parametrize("which", ["files", "record", "all"])
def test_lost_files_beside_an_image_are_restored(packed: User, which: str) -> None:
    prefix = packed.home / "venvs/bio-1.0"
    record, *files = list_own(prefix)
    assert not [file for file in files if "site-packages" in str(file)]
    files += [prefix / "stackenv/requirements.txt", prefix / "stackenv/environment.yml"]
    lose_and_fix(packed, "bio", prefix, {"files": files, "record": [record], "all": [record, *files]}[which])
    used = packed.run("module use ~/modules; module load bio && python -c 'import Bio'")
    assert used.returncode == 0, used.stderr


def test_the_hint_restores_lost_python_programs_beside_an_image(packed: User) -> None:
    prefix = packed.home / "venvs/bio-1.0"
    before = describe_environment(prefix)
    for path in (prefix / "bin").glob("python*"):
        path.unlink()
    (found,) = check(packed, "bio")
    assert found["rule"] == "python-changed"
    typed = packed.run(found["hint"])
    assert typed.returncode == 0, typed.stderr
    assert check(packed, "bio") == []
    assert {Path(p).name for p in before if "/bin/" in p} == {
        Path(p).name for p in describe_environment(prefix) if "/bin/" in p
    }
