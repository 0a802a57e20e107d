"""A real Slurm, and the conda environments and personal modules of its only user."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_ci import fail_or_skip

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "carrying"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from built import WORK, BuiltModules
from cluster import Cluster, find_hindrance, start_cluster
from stacked import open_stack

# What users create by following the guide, from the site's modules.
MAKE = """\
set -e
module load Anaconda3
conda create --yes --quiet --name pandas python >create.log
conda create --yes --quiet --name other python >>create.log
stackenv adopt pandas
module purge
module load {bundle}
stackenv create biopy biopython
"""
WHERE = """\
import os, sys
print("ran in", os.path.basename(sys.prefix), *sys.argv[1:])
"""


@pytest.fixture(scope="session")
def cluster(built_modules: BuiltModules) -> Iterator[Cluster]:
    """Start a Slurm; if that is impossible, skip on a laptop and fail in CI."""
    hindrance = find_hindrance()
    if hindrance:
        fail_or_skip(f"no Slurm: {hindrance}")
    stack = open_stack("eb5-pythonpath")
    variables = {
        "STACKENV_SITE_CONFIG": f"{WORK}/built/site.yaml",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": stack.wheels,
    }
    with start_cluster(f"{built_modules.modulepath}:{stack.modulepath}", variables) as cluster:
        (cluster.home / "venvs").mkdir()
        (cluster.home / "pandas_test.py").write_text(WHERE)
        made = cluster.log_in(MAKE.format(bundle=stack.bundle_module))
        assert made.returncode == 0, made.stdout + made.stderr
        yield cluster
