"""`stackenv job`, typed in a job or with variables of sbatch set: what was typed is submitted."""

from __future__ import annotations

import ctypes
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from cluster import Cluster

SHOWN = shlex.quote('echo "$SLURM_PROCID of $SLURM_NTASKS"')
IN_ARRAY = shlex.quote("echo ${SLURM_ARRAY_TASK_ID-none} ${SLURM_STEP_ID-none}")
# Settings that srun would inherit from the surrounding job.
AROUND = {
    "a step": "srun --quiet -n1 -N1",
    "an allocation": "salloc --quiet -n4",
    "memory for each CPU": "salloc --quiet --mem-per-cpu=100M -n1",
}
SUBMIT = {"--submit": "--submit -- {}", "sbatch": "-- {} | sbatch --parsable"}
# slurm_errno.h
INVALID_ACCOUNT, ACCOUNTING_POLICY, INVALID_PARTITION, INVALID_QOS = 2045, 2050, 2000, 2066


@pytest.mark.each_pair("around", "options", "how")
@pytest.mark.parametrize("how", list(SUBMIT))
@pytest.mark.parametrize("options", ["--nodes 2", "--nodes 2 --mem 200M", "--nodes 2-3"])
@pytest.mark.parametrize("around", list(AROUND))
def test_a_job_submitted_from_a_job_runs_as_from_a_login_node(
    cluster: Cluster, around: str, options: str, how: str
) -> None:
    typed = f"stackenv job biopy {options} {SUBMIT[how].format(f'bash -c {SHOWN}')}"
    answer = cluster.log_in(f"{AROUND[around]} bash -c {shlex.quote(typed)}")
    assert answer.returncode == 0, answer.stderr
    job = cluster.wait(answer.stdout.split()[-1])
    assert (sorted(job.output.splitlines()), job.state) == (["0 of 2", "1 of 2"], "COMPLETED"), job.output


@pytest.mark.parametrize(("options", "number"), [("", "none"), ("--array=7", "7")])
def test_sbatch_in_an_array_job_does_not_inherit_the_array_number(
    cluster: Cluster, options: str, number: str
) -> None:
    """Also if the new job's own array was requested from sbatch, not from stackenv."""
    folder = cluster.home / f"array{number}"
    folder.mkdir()
    inner = f"stackenv job biopy -- bash -c {IN_ARRAY} | sbatch --wait --output=inner {options}"
    (folder / "outer.sh").write_text(f"#!/bin/bash\nsrun bash -c {shlex.quote(inner)}\n")
    done = cluster.log_in("sbatch --wait --array=5 outer.sh", folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "inner").read_text() == f"{number} none\n"


def test_submit_in_an_array_job_does_not_inherit_the_array_number(cluster: Cluster) -> None:
    folder = cluster.home / "array-submit"
    folder.mkdir()
    typed = f"number=$(stackenv job biopy --submit -- bash -c {IN_ARRAY}) && echo $number >inner\n"
    (folder / "outer.sh").write_text(f"#!/bin/bash\n{typed}")
    assert cluster.log_in("sbatch --wait --array=5 outer.sh", folder).returncode == 0
    assert cluster.wait((folder / "inner").read_text().strip()).output == "none none\n"


def show(cluster: Cluster, number: str) -> str:
    shown = cluster.run_slurm("scontrol", "show", "job", number)
    cluster.wait(number)
    return shown


def test_typed_options_override_sbatch_variables_which_set_the_rest(cluster: Cluster) -> None:
    around = "export SBATCH_PARTITION=bdw SBATCH_TIMELIMIT=7 SBATCH_MEM_PER_CPU=10 SBATCH_WAIT=1"
    typed = f"{around}; stackenv job biopy --partition epyc2 --mem 100M --submit -- true"
    answer = cluster.log_in(typed)
    assert answer.returncode == 0, answer.stderr
    shown = show(cluster, answer.stdout.strip())
    assert "Partition=epyc2" in shown and "MinMemoryNode=100M" in shown
    assert "TimeLimit=00:07:00" in shown


def test_a_variable_that_overrides_a_printed_script_is_reported(cluster: Cluster) -> None:
    typed = "export SBATCH_PARTITION=bdw; stackenv job biopy --partition epyc2 -- true"
    answer = cluster.log_in(f"{typed} | sbatch --parsable")
    assert "Partition=bdw" in show(cluster, answer.stdout.strip())
    assert "SBATCH_PARTITION is set in this shell, and sbatch prefers it to the script" in answer.stderr


def test_a_command_runs_once_if_only_sbatch_was_asked_for_tasks(cluster: Cluster) -> None:
    """mpirun requires this; see docs/users/mpi.md."""
    answer = cluster.log_in(f"stackenv job biopy -- bash -c {SHOWN} | sbatch --parsable -n 2")
    assert cluster.wait(answer.stdout.strip()).output == "0 of 2\n"


def tell_error(number: int) -> str:
    """Return the message of this machine's Slurm for an error."""
    sbatch = shutil.which("sbatch")
    assert sbatch
    linked = subprocess.run(["ldd", sbatch], capture_output=True, text=True, check=True).stdout
    library = ctypes.CDLL(re.findall(r"=> (\S*/libslurm\S*)", linked)[0])
    library.slurm_strerror.restype = ctypes.c_char_p
    return library.slurm_strerror(number).decode()


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (
            INVALID_ACCOUNT,
            "gratis, paygo or teaching; to list your accounts: sacctmgr show associations user=$USER",
        ),
        (ACCOUNTING_POLICY, "this exceeds a Slurm limit"),
        (INVALID_PARTITION, "to list the partitions: sinfo --summarize"),
        (INVALID_QOS, "to list yours: sacctmgr show associations user=$USER format=account,qos"),
    ],
)
def test_each_slurm_error_has_its_own_hint(cluster: Cluster, tmp_path: Path, number: int, hint: str) -> None:
    """A fake sbatch prints Slurm's message, because the Slurm of the tests has no accounts."""
    (tmp_path / "site.yaml").write_text("version: 1\njobs:\n  account_hint: gratis, paygo or teaching\n")
    words = f"sbatch: error: Batch job submission failed: {tell_error(number)}"
    (tmp_path / "sbatch").write_text(f"#!/bin/sh\necho {shlex.quote(words)} >&2\nexit 1\n")
    (tmp_path / "sbatch").chmod(0o755)
    around = f"export PATH={tmp_path}:$PATH STACKENV_SITE_CONFIG={tmp_path}/site.yaml"
    answer = cluster.log_in(f"{around}; stackenv job biopy --submit -- true")
    assert answer.returncode == 1
    assert f"{words}\n\nhint: {hint}" in answer.stderr
