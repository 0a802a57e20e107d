"""`stackenv rebuild` of a conda environment: packages are reinstalled, other files reported and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from answers import read_result
from built import SITE_CONFIGURATION, BuiltModules
from stacked import Stack
from users import User, make_user

# Files from a program of the environment or from the user, which conda does not know.
BY_HAND = {
    "lib/R/library/mine/DESCRIPTION": "lib/R",
    "share/db/reference.fa": "share/db",
    "lib/libmine.so": "lib/libmine.so",
    "etc/conda/activate.d/mine.sh": "etc/conda/activate.d/mine.sh",
    "conda-meta/pinned": "conda-meta/pinned",
}
# Recreated by the programs that use them.
CACHES = ("lib/__pycache__/mine.pyc", "var/cache/fontconfig/x.cache", "share/compiled/x.pyc")


@pytest.fixture
def user(tmp_path: Path, one_stack: Stack, built_modules: BuiltModules) -> User:
    """Return a user with the conda environment it/1.0."""
    user = make_user(tmp_path, one_stack)
    configuration = tmp_path / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION)
    user.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
    made = user.stackenv("create", "it", "--conda", "activating", "python", "pip", "pandas")
    assert made.returncode == 0, made.stderr
    return user


def test_files_unknown_to_conda_are_reported_and_kept(user: User) -> None:
    prefix = user.home / "conda/envs/it-1.0"
    for name in CACHES:
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).write_text("made again")
    first = user.stackenv("rebuild", "it", "--json")
    assert first.returncode == 0, first.stderr
    assert read_result(first.stdout)["package_report"]["not_copied"] == []
    (entry,) = read_result(user.stackenv("list", "--json").stdout)
    second = Path(entry["environment"])
    assert second != prefix
    for name in BY_HAND:
        (second / name).parent.mkdir(parents=True, exist_ok=True)
        (second / name).write_text("")
    done = user.stackenv("rebuild", "it")
    assert done.returncode == 0, done.stderr
    for told in BY_HAND.values():
        assert f"{told}: not copied, because it belongs to no installed package" in done.stdout + done.stderr
    kept = {
        item["paths"][0]: item["kept_reason"] for item in read_result(user.stackenv("clean", "--json").stdout)
    }
    assert kept[str(prefix)] == ""
    assert "lib/R, " in kept[str(second)] and f"rm -r {second}" in kept[str(second)]
    assert user.stackenv("clean", "--yes").returncode == 0
    assert not prefix.exists() and all((second / name).is_file() for name in BY_HAND)
