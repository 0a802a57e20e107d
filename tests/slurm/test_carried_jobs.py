"""An environment's Python without loaded modules, started by srun, sbatch and mpirun on a real Slurm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster, Job, find_hindrance, start_cluster
from mpi_module import give_up, require_mpi, write_mpi_module
from needy_python import BUNDLE, make_needy_modules
from needy_stack import KINDS, NeedleStack, make_needle_stack
from stacked import open_stack

BASE = "eb5-pythonpath"
# An environment of each kind, whose modules have all packages of these tests, and one on another generation.
MAKE = """\
set -e
module use {folder}/modules
module load {bundle}
module load mpi4py/1
stackenv create {kind}
module purge
module load {other}
stackenv create other-{kind}
"""
# An environment whose Python does not start without its modules, so that a script starts it.
SCRIPTED = "scripted"
MAKE_SCRIPTED = """\
set -e
module use {below}/modules {folder}/modules
module load {bundle}
module load mpi4py/1
stackenv create {kind}
"""
# Prints what a process imports, and its environment; only the modules have these packages.
SHOW = """\
import json, os, sys
shown = {"path": sys.path, "node": os.environ.get("SLURMD_NODENAME"), "environ": dict(os.environ)}
try:
    import needle, numpy
    shown.update(found=needle.find(), numpy=numpy.__file__)
except ImportError as error:
    shown.update(error=str(error))
# One write a line: the ranks of a step share their output.
os.write(1, (json.dumps(shown) + "\\n").encode())
"""
# A workflow that uses its packages and starts the command that it is given.
START = """\
import subprocess, sys
import needle
assert needle.find() == 10
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""
# Loads modules of another generation, as a job script or a rule of a workflow may do.
GENERATION = """\
#!/bin/bash
env -0 >"$1.before"
module use {folder}/modules
module load {other}
env -0 >"$1.after"
python show.py >"$1.python"
"""
STARTED_BY = {
    "sbatch": "sbatch --quiet --wait --export=ALL",
    "srun": "srun --quiet --ntasks=1 --export=ALL bash",
    "subshell": "bash",
}
RANK = """\
import json, os
from mpi4py import MPI
import needle, numpy
world = MPI.COMM_WORLD
total = numpy.zeros(1, dtype="i8")
world.Allreduce(numpy.array([world.Get_rank() + needle.find()], dtype="i8"), total)
shown = {"total": int(total[0]), "node": os.environ["SLURMD_NODENAME"], "environ": dict(os.environ)}
for rank in world.gather(shown) or []:
    print(json.dumps(rank))
"""
# With Slurm's own PMI2 library, by which a rank gets its data through a file descriptor that it inherits.
RANK_OF_PMI2 = """\
import ctypes, json, os
import needle
library = ctypes.CDLL("libpmi2.so.0")
values = [ctypes.c_int() for _ in range(4)]
status = library.PMI2_Init(*map(ctypes.byref, values)) or library.PMI2_Finalize()
shown = {"status": status, "size": values[1].value, "rank": values[2].value, "found": needle.find()}
os.write(1, (json.dumps({**shown, "node": os.environ["SLURMD_NODENAME"]}) + "\\n").encode())
"""
# Both nodes are this machine: their names for shared files in /dev/shm or /tmp would collide.
MPI = """\
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo
export SLURM_PMIX_TMPDIR={local}
"""
# Variables that depend on the step (a prefix) or the shell (a name), not only on the process.
OF_THE_STEP, OF_THE_SHELL = "SLURM_", "_"
# Prefixes of variables that loading the modules sets, or that stackenv itself may set.
OURS = ("LD_", "PYTHON", "EB", "LOADEDMODULES", "_LMFILES_", "STACKENV_", "_STACKENV", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Carrying:
    """A Slurm user with environments on modules of each kind, and no module loaded."""

    cluster: Cluster
    stacks: dict[str, NeedleStack]

    def python(self, name: str) -> str:
        return f"{self.cluster.home}/venvs/{name}-1.0/bin/python"

    def log_in(self, script: str) -> str:
        """Return what `script` prints in a login shell; assert that it succeeds without a message."""
        done = self.cluster.log_in(script)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def run_job(self, name: str, script: str, options: str = "") -> Job:
        """Submit `script` as this user, and return the job when it has ended."""
        file = self.cluster.home / f"{name}.sh"
        file.write_text(script)
        number = self.log_in(f"sbatch --parsable {options} {file.name}")
        return self.cluster.wait(number.strip())


@pytest.fixture(scope="module")
def carrying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrying]:
    hindrance = find_hindrance()
    if hindrance:
        give_up(f"no Slurm: {hindrance}")
    stacks = {kind: make_needle_stack(tmp_path_factory, BASE, kind) for kind in KINDS}
    with ExitStack() as stack:
        mpi = tmp_path_factory.mktemp("mpi")
        write_mpi_module(mpi)
        base = open_stack(BASE)
        cluster = stack.enter_context(start_cluster(f"{mpi}/modules:{base.modulepath}", {}))
        (cluster.home / "venvs").mkdir()
        for name, text in (("show", SHOW), ("start", START), ("rank", RANK), ("pmi2", RANK_OF_PMI2)):
            (cluster.home / f"{name}.py").write_text(text)
        for kind, needle in stacks.items():
            (cluster.home / f"generation-{kind}.sh").write_text(
                GENERATION.format(folder=needle.folder, other=needle.other_version)
            )
            made = cluster.log_in(
                MAKE.format(
                    folder=needle.folder, kind=kind, bundle=needle.bundle_module, other=needle.other_version
                )
            )
            assert made.returncode == 0, made.stdout + made.stderr
        folder, needy = tmp_path_factory.mktemp(SCRIPTED), stacks["needy"]
        make_needy_modules(folder, needy)
        places = {"below": needy.folder, "folder": folder}
        made = cluster.log_in(MAKE_SCRIPTED.format(**places, bundle=BUNDLE, kind=SCRIPTED))
        assert made.returncode == 0, made.stdout + made.stderr
        yield Carrying(cluster, {**stacks, SCRIPTED: needy})


def read_shown(text: str) -> list[dict[str, Any]]:
    """Return what each process of `SHOW` or `RANK` has printed."""
    return [json.loads(line) for line in text.splitlines()]


def without_the_call(environ: dict[str, str]) -> dict[str, str]:
    """Return the variables that do not depend on the step or job."""
    return {
        name: value
        for name, value in environ.items()
        if name != OF_THE_SHELL and not name.startswith(OF_THE_STEP)
    }


def read_environ(file: Path) -> dict[str, str]:
    """Return the variables that `env -0` has written, except those of the step or job."""
    pairs = file.read_text().split("\0")[:-1]
    return without_the_call(dict(pair.split("=", 1) for pair in pairs))


def require_found(carrying: Carrying, kind: str, shown: dict[str, Any]) -> None:
    """Assert that a process found the modules' packages and has none of their variables."""
    stack = carrying.stacks[kind]
    assert shown.get("found") == 10, shown
    assert shown["numpy"].startswith(f"{stack.software}/{stack.numpy_module}/")
    assert [name for name in shown["environ"] if name.startswith(OURS)] == []


@pytest.mark.parametrize("kind", [*KINDS, SCRIPTED])
def test_srun_on_two_nodes_finds_the_packages_without_adding_variables(carrying: Carrying, kind: str) -> None:
    srun = "srun --quiet --nodes=2 --ntasks-per-node=2 --output"
    # A file for each task, because Slurm may mix the lines of several tasks.
    for what, python in (("ours", carrying.python(kind)), ("other", "/usr/bin/python3")):
        carrying.log_in(f"{srun}={what}-{kind}-%t {python} show.py")
    nodes = []
    for number in range(4):
        ours, other = (
            read_shown((carrying.cluster.home / f"{what}-{kind}-{number}").read_text())[0]
            for what in ("ours", "other")
        )
        require_found(carrying, kind, ours)
        assert without_the_call(ours["environ"]) == without_the_call(other["environ"])
        nodes.append(ours["node"])
    assert sorted(nodes) == sorted(2 * carrying.cluster.nodes)


@pytest.mark.each_value("kind", "how")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["in a script", "as the script"])
def test_a_job_with_export_none_finds_its_packages(carrying: Carrying, kind: str, how: str) -> None:
    python = carrying.python(kind)
    script = f"#!{python}\n{SHOW}" if how == "as the script" else f"#!/bin/bash\nsrun {python} show.py\n"
    job = carrying.run_job(f"none-{kind}-{how[:2]}", script, "--export=NONE")
    assert job.state == "COMPLETED", job.output
    (shown,) = read_shown(job.output)
    require_found(carrying, kind, shown)


# All with the kind whose Python is started a second time; the other has nothing that a child could inherit.
@pytest.mark.parametrize(
    ("how", "kind"), [("sbatch", "needy"), ("srun", "needy"), ("subshell", "needy"), ("subshell", "rpath")]
)
def test_a_child_script_that_loads_other_modules_runs_as_from_a_shell(
    carrying: Carrying, kind: str, how: str
) -> None:
    stack, home = carrying.stacks[kind], carrying.cluster.home
    script = f"{STARTED_BY[how]} generation-{kind}.sh {how}-{kind}"
    carrying.log_in(f"{carrying.python(kind)} start.py {script}-python")
    carrying.log_in(f"{script}-shell")
    for when in ("before", "after"):
        ours, others = (read_environ(home / f"{how}-{kind}-{by}.{when}") for by in ("python", "shell"))
        assert ours == others
    before = read_environ(home / f"{how}-{kind}-python.before")
    assert [name for name in before if name.startswith(OURS)] == []
    (shown,) = read_shown((home / f"{how}-{kind}-python.python").read_text())
    assert shown["found"] == 20
    assert f"{stack.software}/{stack.numpy_module}/" in shown["numpy"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("child", ["/usr/bin/python3", "a plain venv", "the modules' Python", "another's"])
def test_another_python_started_as_a_child_finds_the_same_as_from_a_shell(
    carrying: Carrying, kind: str, child: str
) -> None:
    home, stack = carrying.cluster.home, carrying.stacks[kind]
    words = {
        "/usr/bin/python3": child,
        "a plain venv": f"{home}/plain/bin/python",
        "the modules' Python": f"{stack.software}/{stack.python_module}/bin/python3",
        "another's": carrying.python(f"other-{kind}"),
    }[child]
    if child == "a plain venv" and not (home / "plain").exists():
        carrying.log_in("/usr/bin/python3 -m venv --without-pip plain")
    (ours,) = read_shown(carrying.log_in(f"{carrying.python(kind)} start.py {words} show.py"))
    (others,) = read_shown(carrying.log_in(f"{words} show.py"))
    assert without_the_call(ours.pop("environ")) == without_the_call(others.pop("environ"))
    assert ours == others
    if child == "another's":
        assert ours["found"] == 20
    else:
        assert "No module named 'n" in ours["error"]


@pytest.mark.parametrize("kind", [*KINDS, SCRIPTED])
def test_mpirun_ranks_on_two_nodes_find_their_packages(carrying: Carrying, kind: str) -> None:
    require_mpi()
    mpirun = f"mpirun.openmpi --allow-run-as-root {carrying.python(kind)} rank.py"
    script = f"#!/bin/bash\n{MPI.format(local=carrying.cluster.local)}{mpirun}\n"
    job = carrying.run_job(f"mpirun-{kind}", script, "--nodes=2 --ntasks-per-node=2 --time=5")
    assert job.state == "COMPLETED", job.output
    require_ranks(carrying, read_shown(job.output))


@pytest.mark.parametrize("kind", KINDS)
def test_srun_pmix_ranks_on_two_nodes_find_their_packages(carrying: Carrying, kind: str) -> None:
    require_mpi()
    srun = f"srun --quiet --mpi=pmix --nodes=2 --ntasks-per-node=2 --time=5 {carrying.python(kind)} rank.py"
    shown = carrying.log_in(f"{MPI.format(local=carrying.cluster.local)}{srun}")
    require_ranks(carrying, read_shown(shown))


def require_ranks(carrying: Carrying, ranks: list[dict[str, Any]]) -> None:
    """Assert that four ranks on two nodes worked together, and have none of stackenv's variables."""
    assert sorted(rank["node"] for rank in ranks) == sorted(2 * carrying.cluster.nodes)
    for rank in ranks:
        assert rank["total"] == sum(number + 10 for number in range(4))
        assert [name for name in rank["environ"] if name.startswith(OURS)] == []


@pytest.mark.parametrize("kind", [*KINDS, SCRIPTED])
def test_srun_pmi2_ranks_keep_the_descriptor_they_inherit(carrying: Carrying, kind: str) -> None:
    if not find_library("pmi2"):
        give_up("no libpmi2 (sh tests/prepare.sh installs it)")
    srun = "srun --quiet --mpi=pmi2 --nodes=2 --ntasks-per-node=2"
    ranks = read_shown(carrying.log_in(f"{srun} {carrying.python(kind)} pmi2.py"))
    assert sorted(rank["node"] for rank in ranks) == sorted(2 * carrying.cluster.nodes)
    assert sorted(rank["rank"] for rank in ranks) == [0, 1, 2, 3]
    assert {(rank["status"], rank["size"], rank["found"]) for rank in ranks} == {(0, 4, 10)}
