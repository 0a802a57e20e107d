"""Typical job scripts on a real Slurm: they work, or one message says what to add."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from cluster import BARRIER, Cluster

# The guide's submission script, word for word, below a first line that Slurm requires.
DIRECTIVES = """\
#SBATCH --job-name pandas-test-job
#SBATCH --nodes 1
#SBATCH --ntasks-per-node 1
#SBATCH --cpus-per-task 1
#SBATCH --time=0-02:00:00
#SBATCH --partition epyc2,bdw
"""
BODY = """
echo "Launched at $(date)"
echo "Job ID: ${SLURM_JOBID}"
echo "Node list: ${SLURM_NODELIST}"
echo "Submit dir.: ${SLURM_SUBMIT_DIR}"
echo "Numb. of cores: ${SLURM_CPUS_PER_TASK}"

module load Anaconda3
eval "$(conda shell.bash hook)"

conda activate pandas

python pandas_test.py

conda deactivate
"""
EVAL = 'eval "$(conda shell.bash hook)"\n'
BASH = "#!/bin/bash\n"
GUIDE = BASH + DIRECTIVES + BODY
SHORT = GUIDE.replace(EVAL, "")
SOURCE = {
    "zsh": "source $LMOD_PKG/init/zsh",
    "tcsh": "source $LMOD_PKG/init/tcsh",
    "sh": ". $LMOD_PKG/init/sh",
}
NO_MODULE = {
    "zsh": "command not found: module",
    "tcsh": "module: Command not found.",
    "sh": "module: not found",
}
ACTIVATE = "conda activate pandas && python pandas_test.py"
LOADED = "module load Anaconda3"
ACTIVE = "module load Anaconda3; conda activate other"
PERSONAL = "ml use ~/modules; ml biopy"
ACTIVATE_LINES = ACTIVATE.replace(" && ", "\n")
PERSONAL_SCRIPT = f"{BASH}{PERSONAL}\npython pandas_test.py\n"
RAN, RAN_PERSONAL = "ran in pandas", "ran in biopy-1.0"
# From stackenv's module, if a process has inherited it without its function.
ADD = "this shell has no function `conda`; hint: add `module load Anaconda3/2024.02-1` to this script"
# Slurm's own messages.
NO_ENVIRONMENT = "execve(): python: No such file or directory"
NO_SCRIPT = "sbatch: error: line must start with #! followed by the path to an interpreter."


@dataclass(frozen=True)
class Row:
    """One way to run a job.

    Parameters
    ----------
    script
        The job script; empty if `command` waits for its own end.
    command
        The command that starts the job.
    shell
        The commands typed before it.
    output
        A complete line of the output.
    failed
        Whether the job, or the command, ends with an error.
    times
        How often the line occurs.
    """

    script: str
    output: str = RAN
    command: str = "sbatch --parsable job.sh"
    shell: str = ""
    failed: bool = False
    times: int = 1


NONE = "sbatch --parsable --export=NONE job.sh"
WRAP = "sbatch --parsable --wrap"
ARRAY = "#SBATCH --array=1-20\n"
TWO_NODES = "#SBATCH --nodes=2 --ntasks-per-node=1\n"
# On two nodes at once, in the environment that the script has activated.
ON_BOTH = f"{BASH}{TWO_NODES}{LOADED}\nconda activate pandas\nsrun python pandas_test.py\n"
PERSONAL_ON_BOTH = f"{BASH}{TWO_NODES}{PERSONAL}\nsrun python pandas_test.py\n"
INHERIT = "export SLURM_EXPORT_ENV=ALL\n"

# From a login shell where nothing is loaded, unless `shell` loads it.
ROWS = {
    # The guide's script, in the shells that people submit from.
    "the guide's script": Row(GUIDE),
    "without eval": Row(SHORT),
    "without #!": Row(DIRECTIVES + BODY, NO_SCRIPT, failed=True),
    "under set -euo pipefail": Row(f"{BASH}{DIRECTIVES}set -euo pipefail\n{BODY}"),
    "as a login shell": Row(GUIDE.replace(BASH, "#!/bin/bash -l\n")),
    "from a loaded shell": Row(GUIDE, shell=LOADED),
    "from an active environment": Row(GUIDE, shell=ACTIVE),
    "without eval from an active environment": Row(SHORT, shell=ACTIVE),
    # A module that is already loaded need not be loaded again.
    "activate alone, from a loaded shell": Row(f"{BASH}{ACTIVATE}\n", shell=LOADED),
    "activate alone, from an active environment": Row(f"{BASH}{ACTIVATE}\n", shell=ACTIVE),
    "python alone, from an active environment": Row(
        f"{BASH}python pandas_test.py\n", "ran in other", shell=ACTIVE
    ),
    "sh by --wrap, from a loaded shell": Row("", ADD, f"{WRAP} '{ACTIVATE}'", LOADED, failed=True),
    "sh by --wrap that sources Lmod's init and loads, from a loaded shell": Row(
        "", RAN, f"{WRAP} '{SOURCE['sh']}; {LOADED}; {ACTIVATE}'", LOADED
    ),
    # dash, which is sh here, does not pass on the function that bash has exported.
    "bash by --wrap, from a loaded shell": Row(
        "", ADD, f"{WRAP} 'bash -c \"{ACTIVATE}\"'", LOADED, failed=True
    ),
    # Jobs that do not inherit the environment of the submitting shell.
    "--export=NONE": Row(GUIDE, command=NONE),
    "--export=NONE without eval": Row(SHORT, command=NONE),
    "--export=NONE from an active environment": Row(GUIDE, command=NONE, shell=ACTIVE),
    "--export=NONE without eval from an active environment": Row(SHORT, command=NONE, shell=ACTIVE),
    "--export=NAME=value from an active environment": Row(
        GUIDE, command="sbatch --parsable --export=A=1 job.sh", shell=ACTIVE
    ),
    "--export=NONE, activate alone": Row(
        f"{BASH}{ACTIVATE}\n", "conda: command not found", NONE, LOADED, failed=True
    ),
    # srun
    "srun bash, from a loaded shell": Row("", command=f"srun bash -c '{ACTIVATE}'", shell=LOADED),
    "srun bash, from an active environment": Row("", command=f"srun bash -c '{ACTIVATE}'", shell=ACTIVE),
    "srun bash that loads": Row("", command=f"srun bash -c '{LOADED}; {ACTIVATE}'"),
    "srun sh, from a loaded shell": Row("", ADD, f"srun sh -c '{ACTIVATE}'", LOADED, failed=True),
    "srun zsh, from a loaded shell": Row("", ADD, f"srun zsh -c '{ACTIVATE}'", LOADED, failed=True),
    "srun in a script, on two nodes": Row(ON_BOTH, times=2),
    "srun bash in a script": Row(f"{BASH}{TWO_NODES}{LOADED}\nsrun bash -c '{ACTIVATE}'\n", times=2),
    "srun in a script, --export=NONE": Row(ON_BOTH, NO_ENVIRONMENT, NONE, failed=True, times=2),
    "srun in a script, --export=NONE and SLURM_EXPORT_ENV": Row(
        ON_BOTH.replace("srun", f"{INHERIT}srun"), command=NONE, times=2
    ),
    # Arrays
    "an array of 20": Row(f"{BASH}{ARRAY}{BARRIER}{LOADED}\n{ACTIVATE}\n", times=20),
    "an array of 20 from an active environment": Row(f"{BASH}{ARRAY}{ACTIVATE}\n", shell=ACTIVE, times=20),
    # Other shells
    "zsh": Row(f"#!/bin/zsh\n{LOADED}\n{ACTIVATE}\n", NO_MODULE["zsh"], failed=True),
    "zsh that sources Lmod's init": Row(f"#!/bin/zsh\n{SOURCE['zsh']}\n{LOADED}\n{ACTIVATE}\n"),
    "zsh that sources Lmod's init, --export=NONE": Row(
        f"#!/bin/zsh\n{SOURCE['zsh']}\n{LOADED}\n{ACTIVATE}\n", command=NONE
    ),
    "zsh, from a loaded shell": Row(f"#!/bin/zsh\n{ACTIVATE}\n", ADD, shell=LOADED, failed=True),
    "tcsh": Row(f"#!/bin/tcsh\n{LOADED}\n{ACTIVATE}\n", NO_MODULE["tcsh"], failed=True),
    "tcsh that sources Lmod's init": Row(f"#!/bin/tcsh\n{SOURCE['tcsh']}\n{LOADED}\n{ACTIVATE_LINES}\n"),
    "tcsh that sources Lmod's init, --export=NONE": Row(
        f"#!/bin/tcsh\n{SOURCE['tcsh']}\n{LOADED}\n{ACTIVATE_LINES}\n", command=NONE
    ),
    "tcsh, from a loaded shell": Row("#!/bin/tcsh\nconda activate pandas\n", ADD, shell=LOADED, failed=True),
    "sh": Row(f"#!/bin/sh\n{LOADED}\n{ACTIVATE}\n", NO_MODULE["sh"], failed=True),
    "sh that sources Lmod's init": Row(f"#!/bin/sh\n{SOURCE['sh']}\n{LOADED}\n{ACTIVATE}\n"),
    # Personal modules
    "personal": Row(PERSONAL_SCRIPT, RAN_PERSONAL),
    "personal, under set -euo pipefail": Row(
        PERSONAL_SCRIPT.replace(BASH, f"{BASH}set -euo pipefail\n"), RAN_PERSONAL
    ),
    "personal, --export=NONE": Row(PERSONAL_SCRIPT, RAN_PERSONAL, NONE),
    "personal, from a shell that has it loaded": Row(PERSONAL_SCRIPT, RAN_PERSONAL, shell=PERSONAL),
    "personal, python alone, from a shell that has it loaded": Row(
        f"{BASH}python pandas_test.py\n", RAN_PERSONAL, shell=PERSONAL
    ),
    "personal, sh by --wrap, from a shell that has it loaded": Row(
        "", RAN_PERSONAL, f"{WRAP} 'python pandas_test.py'", PERSONAL
    ),
    "personal, from an active conda environment": Row(PERSONAL_SCRIPT, RAN_PERSONAL, shell=ACTIVE),
    "personal, an array of 20": Row(
        PERSONAL_SCRIPT.replace(BASH, BASH + ARRAY + BARRIER), RAN_PERSONAL, times=20
    ),
    "personal, srun on two nodes": Row(PERSONAL_ON_BOTH, RAN_PERSONAL, times=2),
    "personal, zsh": Row(PERSONAL_SCRIPT.replace(BASH, f"#!/bin/zsh\n{SOURCE['zsh']}\n"), RAN_PERSONAL),
    "personal, tcsh": Row(PERSONAL_SCRIPT.replace(BASH, f"#!/bin/tcsh\n{SOURCE['tcsh']}\n"), RAN_PERSONAL),
    "personal, of a conda environment": Row(PERSONAL_SCRIPT.replace("biopy", "pandas")),
    "stackenv run by --wrap, --export=NONE": Row(
        "",
        RAN_PERSONAL,
        f"{WRAP} 'stackenv run biopy -- python pandas_test.py' --export=NONE",
    ),
}


@pytest.fixture(scope="module")
def typed(cluster: Cluster) -> dict[str, subprocess.CompletedProcess[str]]:
    """Start all rows in parallel, as a job waits a second for Slurm's next round; return their answers."""

    def start(number: int, row: Row) -> subprocess.CompletedProcess[str]:
        folder = cluster.home / f"row{number}"
        folder.mkdir()
        (folder / "job.sh").write_text(row.script)
        shutil.copy(cluster.home / "pandas_test.py", folder)
        return cluster.log_in(f"{row.shell}\n{row.command}", folder)

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(ROWS, pool.map(start, range(len(ROWS)), ROWS.values())))


@pytest.mark.parametrize("name", list(ROWS))
def test_a_typical_job_ends_with_the_expected_output_and_state(
    cluster: Cluster, typed: dict[str, subprocess.CompletedProcess[str]], name: str
) -> None:
    row, answer = ROWS[name], typed[name]
    output, failed = answer.stdout + answer.stderr, answer.returncode != 0
    if answer.stdout.strip().isdigit():
        assert answer.stderr == ""
        job = cluster.wait(answer.stdout.strip())
        output, failed = job.output, job.state != "COMPLETED"
    found = [line for line in output.splitlines() if line == row.output or line.endswith(f": {row.output}")]
    assert (len(found), failed) == (row.times, row.failed), output


def test_the_test_slurm_tracks_processes_by_cgroups_where_available(cluster: Cluster) -> None:
    """With control groups v1, or by parent processes where control groups cannot be created."""
    job = cluster.wait(cluster.log_in("sbatch --parsable --wrap 'cat /proc/self/cgroup'").stdout.strip())
    assert ("/slurm_node" in job.output) == (cluster.proctrack == "cgroup")
    if cluster.proctrack != "cgroup":
        pytest.skip("the tests' Slurm knows control groups v1 only: here it went by who has started whom")
