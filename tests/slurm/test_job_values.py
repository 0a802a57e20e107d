"""The values that `stackenv job` accepts: the same as sbatch, which is asked; and its words on all others."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from in_ci import fail_or_skip

from stackenv.slurm.values import describe_fault

# No controller answers there: sbatch refuses values that it cannot parse before it contacts one.
CONFIGURATION = """\
ClusterName=none
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=1
SlurmdPort=2
AuthType=auth/munge
SelectType=select/cons_tres
GresTypes=gpu
MessageTimeout=1
NodeName=localhost
PartitionName=any Nodes=ALL
"""
TIMES = "120 90:30 2:00:00 2:0:0 1-12 1-12:30 1-12:30:15 0 INFINITE unlimited -1 25:61:99"
NO_TIMES = "2h 2d 1d12h 90min 1.5 1.5h 1:2:3:4 1-2-3 :30 +5 two 2:00:00h"
MEMORIES, NO_MEMORIES = "8G 8g 8GB 8000 8k 8KB 8T 0", "8Gi 1.5G 8P x G -8 8G8"
NODES, NO_NODES = "2 1-3 2k 1-3k 0", "x 1,x a-b 1.5"
GPUS, NO_GPUS = "1 a100:2 v100=1 a100:1,v100:2", "two a100: 1.5 :2 1,"
ARRAYS, NO_ARRAYS = "1-20 1-20%4 1,3,7 1-20:2 0 1-9:2%3", "x %2 1- 1..9 1-20% 1;2"


def values(option: str, text: str) -> list[tuple[str, str]]:
    return [(option, value) for value in text.split()]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *values("time", f"{TIMES} {NO_TIMES}"),
        *values("mem", f"{MEMORIES} {NO_MEMORIES}"),
        *values("nodes", NODES),
        *values("gpus", GPUS),
    ],
)
def test_a_value_is_refused_if_and_only_if_sbatch_refuses_it(option: str, value: str, tmp_path: Path) -> None:
    if not shutil.which("sbatch"):
        fail_or_skip("no sbatch")
    (tmp_path / "slurm.conf").write_text(CONFIGURATION)
    done = subprocess.run(
        ["sbatch", "--test-only", f"--{option}={value}"],
        input="#!/bin/sh\n",
        env={"PATH": "/usr/bin:/bin", "SLURM_CONF": str(tmp_path / "slurm.conf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Invalid" in done.stderr or "Unable to contact" in done.stderr, done.stderr
    assert bool(describe_fault(option, value)) == ("Invalid" in done.stderr), done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *values("nodes", NO_NODES),
        *values("array", NO_ARRAYS),
        *values("time", NO_TIMES),
        *values("gpus", NO_GPUS),
    ],
)
def test_an_invalid_value_is_refused_with_its_option_named(option: str, value: str) -> None:
    """Also a value that sbatch itself accepts and only Slurm's controller would refuse."""
    assert f"--{option} " in describe_fault(option, value)


@pytest.mark.parametrize("option", ["array", "nodes"])
def test_valid_arrays_and_node_counts_are_accepted(option: str) -> None:
    for value in (*(ARRAYS.split() if option == "array" else ()), "1,5,9", "1-15:4", "2-4"):
        assert describe_fault(option, value) == ""


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        *(("2h", "02:00:00"), ("1d12h", "1-12:00:00"), ("90min", "01:30:00"), ("1.5h", "01:30:00")),
        *(("45s", "00:00:45"), ("2 days", "2-00:00:00"), ("1h30m", "01:30:00"), ("30m", "00:30:00")),
    ],
)
def test_a_time_with_units_gets_a_suggestion_in_slurms_format(value: str, meant: str) -> None:
    assert describe_fault("time", value) == f"--time {meant}"
    assert describe_fault("time", meant) == ""
