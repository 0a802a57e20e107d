"""Job scripts written by `stackenv job`, submitted to a real Slurm."""

from __future__ import annotations

import json
import os
import re
import shlex

import pytest
from cluster import BARRIER, Cluster, Job
from in_ci import fail_or_skip

RUN = "python ~/pandas_test.py"
ACTIVE = "module load Anaconda3; conda activate other\n"
# cron provides neither a profile nor BASH_ENV.
CRON = 'env -i HOME="$HOME" PATH=/usr/bin:/bin SLURM_CONF="$SLURM_CONF"'
HOSTILE = [
    *(
        "a b",
        "",
        "$HOME",
        "'",
        '"',
        "\\",
        "`id`",
        "$(id)",
        "a\nexit 9\n#SBATCH --partition=nowhere\n",
        "*",
        "~",
    ),
    *("!!", "=ls", "#x", "-n", "--", "&& exit 9", ";", "|", "ä", "\t", "{a,b}", "<(id)"),
]
ARGUMENTS = "import json, sys; print(json.dumps(sys.argv[1:]))"
COUNTS = "$SLURM_PROCID of $SLURM_NTASKS, $SLURM_CPUS_PER_TASK CPUs, $OMP_NUM_THREADS threads"
TASK = f'echo "{COUNTS}" $SLURMD_NODENAME'
COUNTING = 'python -c \'import os; print("number", os.environ["SLURM_ARRAY_TASK_ID"])\''


def submit(cluster: Cluster, typed: str) -> Job:
    """Submit a job by typing `typed`; return the job when it has ended."""
    answer = cluster.log_in(typed)
    assert answer.returncode == 0, answer.stderr
    return cluster.wait(answer.stdout.strip())


def test_tab_completes_slurm_partitions_and_environments(cluster: Cluster) -> None:
    for line, offered in (
        ("stackenv job biopy --partition ", ["epyc2", "bdw"]),
        ("stackenv job biopy -p epyc2,b", ["epyc2,bdw"]),
        ("stackenv job p", ["pandas"]),
    ):
        answer = cluster.log_in(f"_STACKENV_COMPLETE={shlex.quote(line)} stackenv")
        assert [part.split("\t")[1] for part in answer.stdout.splitlines()] == offered, answer.stderr


@pytest.mark.each_value("name", "options")
@pytest.mark.parametrize(
    "options",
    [
        "",
        "--partition epyc2,bdw --time 0-02:00:00 --cpus 4 --mem 1G",
        "--nodes 2 --ntasks 6 --cpus 2 --time 30",
        "--nodes 1-2 --array 1-20%5 --account paygo",
    ],
)
@pytest.mark.parametrize("name", ["biopy", "pandas"])
def test_slurm_accepts_the_generated_script(cluster: Cluster, name: str, options: str) -> None:
    answer = cluster.log_in(f"stackenv job {name} {options} -- {RUN} | sbatch --test-only")
    assert answer.returncode == 0
    assert answer.stderr.startswith("sbatch: Job ") and " to start at " in answer.stderr, answer.stderr


def test_submit_prints_the_job_number_and_how_to_follow_the_job(cluster: Cluster) -> None:
    answer = cluster.log_in(f"stackenv job biopy --submit -- {RUN}")
    number = answer.stdout.strip()
    assert answer.stdout == f"{number}\n" and number.isdigit()
    assert answer.stderr == (
        f"Submitted; to follow the job: squeue --jobs={number}; "
        f"its output: {cluster.home}/slurm-{number}.out\n"
    )
    job = cluster.wait(number)
    assert (job.output, job.state) == ("ran in biopy-1.0\n", "COMPLETED")
    assert (cluster.home / f"slurm-{number}.out").read_text() == job.output


def test_submit_reports_the_output_file_set_by_sbatch_output(cluster: Cluster) -> None:
    (cluster.home / "the logs").mkdir()
    answer = cluster.log_in(f"export SBATCH_OUTPUT='the logs/%j.txt'; stackenv job biopy --submit -- {RUN}")
    number = answer.stdout.strip()
    file = cluster.home / f"the logs/{number}.txt"
    assert answer.stderr.endswith(f"; its output: {file}\n")
    cluster.wait(number)
    assert file.read_text() == "ran in biopy-1.0\n"


def test_gpus_job_name_output_and_extra_options_are_passed_to_slurm(cluster: Cluster) -> None:
    asked = "--gpus 2 --job-name deep --output %x-%j.txt --sbatch comment=seen --sbatch exclusive"
    told = """'echo "$SLURM_JOB_NAME $SLURM_GPUS"; scontrol show job "$SLURM_JOB_ID"'"""
    answer = cluster.log_in(f"export SBATCH_GPUS=1; stackenv job biopy {asked} --submit -- sh -c {told}")
    number = answer.stdout.strip()
    job = cluster.wait(number)
    assert job.output.splitlines()[0] == "deep 2", answer.stderr
    assert (cluster.home / f"deep-{number}.txt").read_text() == job.output
    assert "Comment=seen" in job.output and "OverSubscribe=NO" in job.output


def test_array_jobs_run_at_once_and_each_has_its_own_output(cluster: Cluster) -> None:
    folder = cluster.home / "counted"
    folder.mkdir()
    typed = f"stackenv job biopy --array 1-20 --submit -- bash -c {shlex.quote(BARRIER + COUNTING)}"
    answer = cluster.log_in(typed, folder)
    number = answer.stdout.strip()
    # As scontrol reports it: for the array, or for one of its jobs that already runs.
    told = re.fullmatch(r".*; its output: (\S+)_(?:NUMBER|\d+)\.out\n", answer.stderr)
    assert told and told.group(1) == f"{folder}/slurm-{number}"
    job = cluster.wait(number)
    assert sorted(job.output.splitlines()) == sorted(f"number {n}" for n in range(1, 21))
    assert (folder / f"slurm-{number}_20.out").read_text() == "number 20\n"


@pytest.mark.parametrize(("name", "ran"), [("biopy", "ran in biopy-1.0\n"), ("pandas", "ran in pandas\n")])
@pytest.mark.parametrize(
    "typed",
    [
        "stackenv job {name} --submit -- {run}",
        f"{ACTIVE}stackenv job {{name}} --submit -- {{run}}",
        "ml use ~/modules; ml biopy; stackenv job {name} --submit -- {run}",
        f"{ACTIVE}stackenv job {{name}} -- {{run}} | sbatch --parsable --export=NONE",
        f"stackenv job {{name}} -- {{run}} > ~/{{name}}.sh; {CRON} sbatch --parsable ~/{{name}}.sh",
    ],
    ids=["login", "active environment", "active module", "--export=NONE", "cron"],
)
def test_a_job_runs_in_its_environment_wherever_it_is_submitted_from(
    cluster: Cluster, name: str, ran: str, typed: str
) -> None:
    job = submit(cluster, typed.format(name=name, run=RUN))
    assert (job.output, job.state) == (ran, "COMPLETED")


@pytest.mark.parametrize("export", ["", "--export=NONE"])
def test_tasks_on_two_nodes_have_the_environment_and_their_cpus(cluster: Cluster, export: str) -> None:
    command = f"sh -c {shlex.quote(f'{TASK}; {RUN}')}"
    job = submit(cluster, f"stackenv job biopy --nodes 2 --cpus 3 -- {command} | sbatch --parsable {export}")
    lines = sorted(job.output.splitlines())
    nodes = {line.split()[-1] for line in lines if "threads" in line}
    assert nodes == set(cluster.nodes)
    counted = [line.rpartition(" ")[0] for line in lines if "threads" in line]
    assert counted == ["0 of 2, 3 CPUs, 3 threads", "1 of 2, 3 CPUs, 3 threads"]
    assert lines.count("ran in biopy-1.0") == 2
    assert job.state == "COMPLETED"


def test_steps_added_to_a_generated_script_run_in_the_environment(cluster: Cluster) -> None:
    job = submit(cluster, f"{{ stackenv job biopy -- {RUN} one; echo '{RUN} two'; }} | sbatch --parsable")
    assert job.output == "ran in biopy-1.0 one\nran in biopy-1.0 two\n"


@pytest.mark.parametrize("tasks", [1, 2])
def test_command_arguments_reach_the_job_unchanged(cluster: Cluster, tasks: int) -> None:
    command = shlex.join(["python", "-c", ARGUMENTS, *HOSTILE])
    job = submit(cluster, f"stackenv job biopy --ntasks {tasks} --submit -- {command}")
    assert [json.loads(line) for line in job.output.splitlines()] == [HOSTILE] * tasks


def test_the_job_has_the_exit_status_of_its_command(cluster: Cluster) -> None:
    job = submit(cluster, "stackenv job biopy --submit -- python -c 'raise SystemExit(3)'")
    assert (job.state, job.status) == ("FAILED", 3)


@pytest.mark.parametrize(
    ("options", "word", "hint"),
    [
        ("--partition nowhere", "nowhere", "to list the partitions: sinfo --summarize"),
        ("--array 5-1", "array", "print the script without --submit"),
        ("--mem 1T", "Memory", "print the script without --submit"),
    ],
)
def test_a_rejected_job_is_reported_in_slurms_words_with_a_hint(
    cluster: Cluster, options: str, word: str, hint: str
) -> None:
    by_hand = cluster.log_in(f"stackenv job biopy {options} -- {RUN} | sbatch")
    assert by_hand.returncode != 0 and word in by_hand.stderr
    answer = cluster.log_in(f"stackenv job biopy {options} --submit -- {RUN}")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith(
        f"error: Slurm rejected the job (sbatch, status {by_hand.returncode}):\n"
        f"{by_hand.stderr}\nhint: {hint}"
    )


@pytest.fixture
def packed(cluster: Cluster) -> str:
    """Return the name of a packed environment that is mounted on a node's own disk."""
    if not os.access("/dev/fuse", os.W_OK):
        fail_or_skip("no /dev/fuse")
    configuration = cluster.home / "mounts.yaml"
    configuration.write_text(f"version: 1\npack:\n  mounts: {cluster.local}\n")
    made = cluster.log_in(
        f"set -e; export STACKENV_SITE_CONFIG={configuration}; module load SciPy-bundle\n"
        "stackenv create image biopython; stackenv pack image"
    )
    assert made.returncode == 0, made.stderr
    return "image"


def test_tasks_on_two_nodes_run_in_a_packed_environment(cluster: Cluster, packed: str) -> None:
    """Each node mounts the image on its own disk, without a command for that in the script."""
    own = "Bio.__file__.startswith(sys.prefix)"
    code = f"import os, sys, Bio; print(os.environ['SLURMD_NODENAME'], {own}, sys.prefix)"
    job = submit(cluster, f"stackenv job {packed} --nodes 2 --submit -- python -c {shlex.quote(code)}")
    found = [line.split() for line in job.output.splitlines()]
    assert {node for node, _, _ in found} == set(cluster.nodes), job.output
    assert all(own == "True" and place.startswith(f"{cluster.local}/stackenv-") for _, own, place in found)
    assert job.state == "COMPLETED"
