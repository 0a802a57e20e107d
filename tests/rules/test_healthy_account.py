"""An account without faults: no rule reports anything, and none starts a process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from built import CHANNEL
from findings import read_findings
from people import Person
from stacked import open_stack

# The start-up file that each account begins with, and lines that users add to it.
RC = """\
[ -f /etc/bashrc ] && . /etc/bashrc
export PATH="$HOME/.local/bin:$HOME/bin:$PATH" EDITOR=vim
alias ca='conda activate'
# export PYTHONPATH=$HOME/lib
module use ~/modules
module load Workspace
load_mine() {
    module load Anaconda3
    conda activate mine
}
"""
COUNTING = """\
import os, sys
def hook(event, arguments):
    if event in ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "os.system"):
        os.write(2, f"started: {event} {arguments!r}\\n".encode())
from stackenv.cli.start import main
sys.argv = ["stackenv", "check", "--json"]
sys.addaudithook(hook)
sys.exit(main())
"""


def furnish(person: Person, conda: Path) -> None:
    """Give the person what users of a site have: rc files, configurations, a conda environment."""
    home = person.home
    (home / ".bashrc").write_text(RC)
    (home / ".condarc").write_text("channels: [conda-forge, bioconda]\nauto_activate_base: false\n")
    (home / ".config/pip").mkdir(parents=True)
    (home / ".config/pip/pip.conf").write_text("[global]\ntimeout = 60\n")
    (home / ".local/bin").mkdir(parents=True)
    (home / "modules/Workspace").mkdir(parents=True)
    (home / "modules/Workspace/1.lua").write_text('setenv("WORKSPACE", "/tmp")\n')
    for file in Path("/etc/skel").glob(".*rc"):
        if not (home / file.name).exists():
            shutil.copy(file, home)
    # As the site's conda module sets it.
    storage = {"CONDA_PKGS_DIRS": f"{home}/conda/pkgs", "CONDA_ENVS_PATH": f"{home}/conda/envs"}
    words = ["create", "-y", "-q", "-n", "genes", "--override-channels", "-c", CHANNEL, "plain", "python"]
    subprocess.run(
        [conda / "bin/conda", *words], env={**person.environ, **storage}, check=True, capture_output=True
    )
    assert (home / "conda/envs/genes/conda-meta/history").exists()


def check_counting(person: Person) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-c", COUNTING],
        env=person.environ,
        cwd=person.home,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_healthy_account_has_no_finding_and_starts_no_process(person: Person, own_conda: Path) -> None:
    furnish(person, own_conda)
    before = person.tree()
    done = check_counting(person)
    assert (done.returncode, read_findings(done.stdout), done.stderr) == (0, [], "")
    assert person.tree() == before
    # A block that can be removed takes one process, which shows that the counting works.
    with (person.home / ".bashrc").open("a") as rc:
        rc.write("# >>> conda initialize >>>\nunset __conda_setup\n# <<< conda initialize <<<\n")
    assert check_counting(person).stderr.count("subprocess.Popen") == 1


def test_a_healthy_account_with_an_environment_has_no_finding(person: Person, own_conda: Path) -> None:
    stack = open_stack("eb5-pythonpath")
    person.environ.update(MODULEPATH=stack.modulepath, PIP_FIND_LINKS=stack.wheels)
    furnish(person, own_conda)
    person.stackenv("create", "biopy", "-m", stack.bundle_module, "biopython")
    done = person.stackenv("check", "--json", load=stack.bundle_module)
    assert [finding for finding in read_findings(done.stdout) if finding["module"] == ""] == []
