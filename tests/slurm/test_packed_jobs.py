"""Packed environments in jobs of a real Slurm: each job has its own mounts, which end with the job."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import BARRIER, Cluster
from in_ci import fail_or_skip

LOAD = "module use ~/modules; module load {} || exit 70\n"
SAY = "import sys; print('ran in', sys.prefix)"
PACK = """\
set -e
module load {bundle}
stackenv create inone biopython
stackenv pack inone
module purge
module load Anaconda3
conda create --yes --quiet --name big python >create.log
stackenv adopt big
stackenv pack big
"""
# The second job is still importing when the first one ends.
WAITING = """\
import os, sys, time
import Bio
open("second-is-up", "w").close()
while not os.path.exists("first-is-over"):
    time.sleep(0.05)
import Bio.Seq
print("ran in", sys.prefix)
"""


@pytest.fixture(scope="module")
def packed(cluster: Cluster) -> Iterator[Cluster]:
    """Return the cluster, whose user has a packed venv and a packed conda environment."""
    if not os.access("/dev/fuse", os.W_OK):
        fail_or_skip("no /dev/fuse")
    made = cluster.log_in(PACK.format(bundle="SciPy-bundle"))
    assert made.returncode == 0, made.stdout + made.stderr
    (cluster.home / "say.py").write_text(SAY)
    yield cluster
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place = line.split()[1]
        if place.startswith(f"/tmp/stackenv-{os.geteuid()}/job-"):
            subprocess.run(["umount", "-l", place], capture_output=True, check=False)


def submit(cluster: Cluster, body: str, *options: str) -> str:
    """Submit a script with `body`; return the number of the job."""
    script = cluster.home / f"packed-{abs(hash((body, options)))}.sh"
    script.write_text(f"#!/bin/bash\n{body}")
    done = cluster.log_in(f"sbatch --parsable {' '.join(options)} {script}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def list_squashfuses(job: str) -> list[str]:
    """Return the command lines of the squashfuse processes that serve the mounts of `job`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"/job-{job}-" in words:
                found.append(words)
    return found


@pytest.mark.parametrize("name", ["inone", "big"])
def test_a_packed_environment_runs_in_a_job_and_leaves_no_process(packed: Cluster, name: str) -> None:
    number = submit(packed, f'{LOAD.format(name)}python -c "{SAY}"\n')
    job = packed.wait(number)
    assert job.state == "COMPLETED", job.output
    where = f"/tmp/stackenv-{os.geteuid()}/job-{number}-batch/" if name == "inone" else str(packed.home)
    assert job.output.startswith(f"ran in {where}")
    assert not list_squashfuses(number)


@pytest.mark.parametrize("name", ["inone"])
def test_the_end_of_one_job_does_not_break_another_on_its_node(packed: Cluster, name: str) -> None:
    (packed.home / "waiting.py").write_text(WAITING)
    node = f"--nodelist={packed.nodes[0]}"
    second = submit(packed, f"{LOAD.format(name)}exec python waiting.py\n", node)
    first = submit(
        packed,
        f"{LOAD.format(name)}python -c 'import Bio'\nwhile [ ! -e second-is-up ]; do sleep 0.1; done\n",
        node,
    )
    over = packed.wait(first)
    assert over.state == "COMPLETED", over.output
    assert not list_squashfuses(first)
    (packed.home / "first-is-over").touch()
    job = packed.wait(second)
    assert job.state == "COMPLETED", job.output
    assert job.output.startswith(f"ran in /tmp/stackenv-{os.geteuid()}/job-{second}-batch/")


@pytest.mark.parametrize("name", ["inone", "big"])
def test_srun_on_two_nodes_runs_in_a_packed_environment(packed: Cluster, name: str) -> None:
    body = f'{LOAD.format(name)}srun --nodes=2 --ntasks-per-node=1 python -c "{SAY}"\n'
    job = packed.wait(submit(packed, body, "--nodes=2", "--ntasks-per-node=1"))
    assert job.state == "COMPLETED", job.output
    assert job.output.count("ran in ") == 2


@pytest.mark.parametrize("name", ["inone", "big"])
def test_a_generated_script_runs_a_packed_environment_on_two_nodes(packed: Cluster, name: str) -> None:
    done = packed.log_in(f"stackenv job {name} --nodes 2 --submit -- python say.py")
    assert done.returncode == 0, done.stderr
    job = packed.wait(done.stdout.strip())
    assert job.state == "COMPLETED", job.output
    assert job.output.count("ran in ") == 2


def test_each_job_of_an_array_of_20_has_its_own_mount(packed: Cluster) -> None:
    job = packed.wait(submit(packed, f'{BARRIER}{LOAD.format("inone")}python -c "{SAY}"\n', "--array=1-20"))
    assert job.state == "COMPLETED", job.output
    places = [line for line in job.output.splitlines() if line.startswith("ran in ")]
    assert len(places) == len(set(places)) == 20


def test_a_job_submitted_from_a_loaded_shell_has_its_own_mount(packed: Cluster) -> None:
    wrap = "number=$(sbatch --parsable --wrap 'python say.py'); echo $number; module unload inone"
    done = packed.log_in(f"{LOAD.format('inone')}{wrap}")
    assert done.stdout.strip().isdigit(), done.stderr
    job = packed.wait(done.stdout.strip())
    assert job.output.startswith(f"ran in /tmp/stackenv-{os.geteuid()}/job-{done.stdout.strip()}-batch/")
