"""The list of a user's conda environments, which update, usage, clean and check share."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackenv.conda.storage import find_named_environment, list_conda_prefixes, list_environments
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import SHIPPED_FILE
from stackenv.lmod.versions import order_version

pytestmark = pytest.mark.quick

CONFIGURATION = load_configuration(SHIPPED_FILE)


def make_environment(prefix: Path, *others: str) -> Path:
    for name in ("conda-meta/history", *others):
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).touch()
    return prefix


def test_environments_are_found_once_in_each_place_that_conda_searches(tmp_path: Path) -> None:
    home = tmp_path / "home"
    base = make_environment(home / "miniconda3", "condabin/conda")
    noted = make_environment(tmp_path / "noted")
    expected = {
        noted,
        make_environment(tmp_path / "variable/one"),
        make_environment(tmp_path / "condarc/two"),
        make_environment(home / ".conda/envs/three"),
        make_environment(base / "envs/four"),
    }
    make_environment(home / ".conda/envs/.trash")
    make_environment(tmp_path / "variable/site", "libexec/stackenv/conda")
    (home / ".conda/environments.txt").write_text(f"{base}\n{noted}\n{tmp_path}/gone\n{noted}\n")
    (home / ".condarc").write_text("envs_dirs: [~/../condarc]\n")
    environ = {"HOME": str(home), "CONDA_ENVS_PATH": f"{tmp_path}/variable:relative"}
    found = [path.resolve() for path in list_environments(environ, CONFIGURATION)]
    assert sorted(found) == sorted(expected)
    assert base in list_conda_prefixes(environ, CONFIGURATION)
    for name, prefix in (("two", tmp_path / "condarc/two"), ("noted", noted)):
        named = find_named_environment(name, environ, CONFIGURATION)
        assert named is not None and named.resolve() == prefix
    assert find_named_environment("five", environ, CONFIGURATION) is None


def test_versions_are_sorted_from_oldest_to_newest() -> None:
    versions = ["main", "1.0-rc1", "1.0", "1.0-1", "3.9.6-GCCcore-11.2.0", "3.11.3-GCCcore-12.3.0"]
    assert sorted(reversed(versions), key=order_version) == versions
    assert sorted(["3.11.3-GCCcore-12.3.0", "3.11.3-GCCcore-9.3.0"], key=order_version)[0].endswith("-9.3.0")
