"""The job scripts on the pages of docs/, submitted unchanged to a real Slurm."""

from __future__ import annotations

import math
import re
import shlex
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pages"))

from cluster import Cluster
from mpi_module import BASE, require_mpi, write_mpi_module
from own_prefix import install_thin_module
from pages import JobScript, list_job_scripts
from stacked import open_stack

# What the scripts start, and the environment in which it must run.
STARTED = {
    "count.py": "ran in biopy-1.0",
    "pandas_test.py": "ran in pandas",
    "simulation.py": "ran in simulation-1.0",
}
# The environment of the MPI page, which is based on a module with mpi4py.
SIMULATION = "module load {bundle} mpi4py && stackenv create simulation"
SCRIPTS = [
    pytest.param(script, id=f"{Path(script.page).stem}-{number}")
    for number, script in enumerate(list_job_scripts())
]


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> str:
    """Create the environment `simulation`; return the arguments of `module use` for stackenv and mpi4py."""
    mpi = tmp_path_factory.mktemp("mpi")
    write_mpi_module(mpi)
    use = shlex.join((str(install_thin_module(tmp_path_factory.mktemp("site"))), f"{mpi}/modules"))
    made = cluster.log_in(f"module use {use} && {SIMULATION.format(bundle=open_stack(BASE).bundle_module)}")
    assert made.returncode == 0, made.stdout + made.stderr
    return use


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_job_script_from_the_docs_runs(
    cluster: Cluster, modules: str, script: JobScript, tmp_path: Path
) -> None:
    ((name, said),) = ((name, said) for name, said in STARTED.items() if name in script.text)
    if name == "simulation.py":
        require_mpi()
    begin = "import mpi4py\n" if name == "simulation.py" else ""
    (tmp_path / name).write_text(begin + (cluster.home / "pandas_test.py").read_text())
    (tmp_path / "job.sh").write_text(script.text)
    submit = f"module use {modules}\nsbatch --parsable job.sh"
    answer = cluster.log_in(submit, tmp_path)
    assert answer.stderr == ""
    job = cluster.wait(answer.stdout.strip())
    tasks = math.prod(map(int, re.findall(r"--(?:nodes|ntasks\S*)=(\d+)", script.text)))
    assert (job.output.splitlines(), job.state) == ([said] * tasks, "COMPLETED")


def test_job_scripts_are_found_on_the_expected_pages() -> None:
    assert {"users/conda.md", "users/jobs.md", "users/mpi.md"} <= {
        script.page for script in list_job_scripts()
    }
