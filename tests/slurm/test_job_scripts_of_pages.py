"""The job scripts on the pages of docs/, submitted as they stand to a real Slurm."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pages"))

from cluster import Cluster
from own_prefix import install_thin_module
from pages import JobScript, list_job_scripts

# What the scripts start, and where it is to run.
STARTED = {"count.py": "ran in biopy-1.0", "pandas_test.py": "ran in pandas"}
SCRIPTS = [
    pytest.param(script, id=f"{Path(script.page).stem}-{number}")
    for number, script in enumerate(list_job_scripts())
]


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the module `stackenv`."""
    return install_thin_module(tmp_path_factory.mktemp("site"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_job_script_of_a_page_runs(
    cluster: Cluster, modules: Path, script: JobScript, tmp_path: Path
) -> None:
    ((name, said),) = ((name, said) for name, said in STARTED.items() if name in script.text)
    shutil.copy(cluster.home / "pandas_test.py", tmp_path / name)
    (tmp_path / "job.sh").write_text(script.text)
    submit = f"module use {shlex.quote(str(modules))}\nsbatch --parsable job.sh"
    answer = cluster.log_in(submit, tmp_path)
    assert answer.stderr == ""
    job = cluster.wait(answer.stdout.strip())
    assert (job.output.splitlines(), job.state) == ([said], "COMPLETED")


def test_there_are_job_scripts() -> None:
    assert {"users/conda.md", "users/jobs.md"} <= {script.page for script in list_job_scripts()}
