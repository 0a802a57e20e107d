"""A Slurm cluster for the tests: two nodes on this machine, and users who log in to it."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from built import LMOD, WORK

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "unshare", "nsenter")
# A job that requests more is refused.
NODE_CPUS, NODE_MEMORY_MB = 12, 2000
GPU_DEVICES = ("/dev/null", "/dev/zero")
INIT = Path(LMOD).parents[1] / "init"
FREEZER = Path("/sys/fs/cgroup/freezer")
CONFIGURATION = """\
ClusterName=stackenv
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge
ProctrackType=proctrack/{proctrack}
TaskPlugin=task/none
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
MailProg=/bin/true
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd-%n
# A job starts at once, not at the next of the usual rounds.
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0
KillWait=1
# What `su -` sets up for --export=NONE may take longer than the usual 2 s here.
GetEnvTimeout=60
{nodes}
PartitionName=epyc2 Nodes=ALL Default=YES MaxTime=1-0
PartitionName=bdw Nodes=ALL MaxTime=1-0
"""
# For an array of 20 jobs: each waits up to a minute until all of them run.
BARRIER = """\
touch "up.$SLURM_ARRAY_TASK_ID"
for _ in $(seq 600); do set -- up.*; [ "$#" -lt 20 ] || break; sleep 0.1; done
[ "$#" -eq 20 ] || exit 71
"""
# What the packages of Lmod and of a site put into /etc/profile.d (EPEL: z00_lmod.sh and 00-modulepath.sh).
PROFILE = """\
export SLURM_CONF={folder}/slurm.conf
export BASH_ENV={init}/bash
export LMOD_CMD={lmod}
export PATH="{folder}/bin:$PATH"
case $(readlink /proc/$$/exe) in
*bash) . {init}/bash ;;
*zsh) . {init}/zsh ;;
*) . {init}/sh ;;
esac
"""


@dataclass(frozen=True)
class Job:
    """A finished job: its joined output files, and the state and exit status that Slurm reports."""

    output: str
    state: str
    status: int


@dataclass(frozen=True)
class Cluster:
    """A running Slurm; `world` is the process whose /etc applies to users who log in."""

    folder: Path
    nodes: tuple[str, ...]
    proctrack: str
    world: int

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def local(self) -> Path:
        """A path with different contents on each node and on the login node, like a local disk."""
        return self.folder / "local"

    def log_in(self, script: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run `script` in a login bash without the caller's environment, as on a login node."""
        clean = ("env", "-i", f"HOME={self.home}", "USER=root", "LOGNAME=root", "LANG=C.UTF-8", "TERM=dumb")
        return subprocess.run(
            [
                *("nsenter", f"--mount=/proc/{self.world}/ns/mnt", f"--wd={cwd or self.home}", *clean),
                *("PATH=/usr/bin:/bin", "bash", "--login", "-c", script),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run_slurm(self, *words: str) -> str:
        """Return the output of a Slurm command."""
        environ = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}
        return subprocess.run(words, env=environ, capture_output=True, text=True, check=True).stdout

    def wait(self, job_id: str, timeout_s: int = 90) -> Job:
        """Wait for the job or job array `job_id` to end, and return it."""
        deadline = time.monotonic() + timeout_s
        while True:
            shown = self.run_slurm("scontrol", "show", "job", "--oneliner", job_id).splitlines()
            jobs = [dict(word.partition("=")[::2] for word in line.split()) for line in shown]
            if all(job["JobState"] not in ("PENDING", "RUNNING", "COMPLETING") for job in jobs):
                break
            if time.monotonic() > deadline:
                raise AssertionError(f"job {job_id} did not end within {timeout_s} s: {shown}")
            time.sleep(0.05)
        files = sorted({Path(job["StdOut"]) for job in jobs})
        output = "".join(file.read_text() for file in files if file.exists())
        statuses = [int(job["ExitCode"].split(":")[0]) for job in jobs]
        return Job(output, ",".join(sorted({job["JobState"] for job in jobs})), max(statuses))


def find_hindrance() -> str:
    """Return why Slurm cannot be started here, or an empty string if it can."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if missing:
        return f"not installed: {', '.join(missing)} (sh tests/prepare.sh installs them)"
    if os.geteuid() != 0:
        return "slurmd starts jobs as their users, which needs root"
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    return f"no mount namespace of its own: {done.stderr.strip()}" if done.returncode else ""


@contextmanager
def start_cluster(modulepath: str, variables: Mapping[str, str]) -> Iterator[Cluster]:
    """Start a Slurm where a login sets MODULEPATH and `variables`; stop it at the end of the context."""
    # Not in pytest's folder: munged requires a socket that everybody can reach, and its path may have at most
    # 108 characters.
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stackenv-slurm-", dir="/tmp")))
        ports = choose_ports(3)
        # Named after their ports, because the machine's control groups are named after the nodes.
        nodes = tuple(f"node{port}" for port in ports[1:])
        proctrack = write_configuration(folder, ports, nodes)
        write_world(folder, {"MODULEPATH": modulepath, **variables})
        process = stack.enter_context(
            subprocess.Popen(
                [
                    "unshare",
                    "--mount",
                    "sh",
                    str(Path(__file__).with_name("cluster.sh")),
                    str(folder),
                    *nodes,
                ],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stack.enter_context((folder / "log/start").open("w")),
                text=True,
            )
        )
        cluster = Cluster(folder, nodes, proctrack, process.pid)
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"Slurm did not start:\n{read_logs(folder)}")
        wait_for_nodes(cluster)
        yield cluster


def choose_ports(number: int) -> list[int]:
    """Return ports that are free now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def write_configuration(folder: Path, ports: list[int], nodes: tuple[str, ...]) -> str:
    """Write the configuration of the daemons; return how they track a job's processes."""
    folder.chmod(0o755)
    for name in ("run", "log", "state", "home", "local", *(f"spool/{node}" for node in nodes)):
        (folder / name).mkdir(parents=True, mode=0o755)
    (folder / "secret").mkdir(mode=0o700)
    key = folder / "secret/key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    host = socket.gethostname().split(".")[0]
    lines = [
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={NODE_CPUS} "
        f"RealMemory={NODE_MEMORY_MB} Gres=gpu:{len(GPU_DEVICES)}"
        for node, port in zip(nodes, ports[1:])
    ]
    proctrack = "cgroup" if os.access(FREEZER / "cgroup.procs", os.W_OK) else "linuxproc"
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\n")
    # Slurm counts GPUs by their device files: these devices stand in for them.
    (folder / "gres.conf").write_text("".join(f"Name=gpu File={device}\n" for device in GPU_DEVICES))
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            folder=folder, host=host, ports=ports, proctrack=proctrack, nodes="\n".join(lines)
        )
    )
    return proctrack


def write_world(folder: Path, variables: Mapping[str, str]) -> None:
    """Write the /etc/passwd and /etc/profile.d of the cluster, and the command `stackenv`."""
    root = pwd.getpwuid(0)
    lines = Path("/etc/passwd").read_text().splitlines(keepends=True)
    others = [line for line in lines if not line.startswith(f"{root.pw_name}:")]
    own = f"{root.pw_name}:x:0:0:root:{folder}/home:/bin/bash\n"
    (folder / "passwd").write_text("".join([own, *others]))
    (folder / "profile.d").mkdir()
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    profile = PROFILE.format(folder=folder, init=INIT, lmod=LMOD)
    (folder / "profile.d/z00_lmod.sh").write_text(exports + profile)
    (folder / "bin").mkdir()
    (folder / "bin/stackenv").symlink_to(WORK / "venv/bin/stackenv")


def wait_for_nodes(cluster: Cluster, timeout_s: int = 30) -> None:
    """Wait until all nodes accept jobs."""
    deadline = time.monotonic() + timeout_s
    while True:
        environ = {**os.environ, "SLURM_CONF": str(cluster.folder / "slurm.conf")}
        shown = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--partition=epyc2", "--format=%T"],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if shown.stdout.split() == ["idle"] * len(cluster.nodes):
            return
        if time.monotonic() > deadline:
            logs = read_logs(cluster.folder)
            raise RuntimeError(f"Slurm's nodes are not idle: {shown.stdout}{shown.stderr}\n{logs}")
        time.sleep(0.1)


def read_logs(folder: Path) -> str:
    return "\n".join(
        f"== {path.name}\n{path.read_text()[-4000:]}" for path in sorted((folder / "log").iterdir())
    )
