"""Ways to start a command line without loaded modules: daemons, and programs that outlive a shell."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MACHINE = Path(__file__).with_name("machine.sh")
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
DAEMONS = {"cron": ("cron", "crontab"), "at": ("atd", "at"), "ssh": ("sshd", "ssh", "ssh-keygen")}
END_S = 60
# Python itself sets LC_CTYPE in the C locale (PEP 538), so a Python reads the variables of the caller, too.
PRINT = "import json, os; print(json.dumps(dict(os.environ)))"
# StrictModes: the folders above those of the tests are world-writable.
SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
"""
CLIENT = """\
Host tested
    HostName 127.0.0.1
    Port {port}
    User root
    IdentityFile {folder}/key
    BatchMode yes
    StrictHostKeyChecking no
    UserKnownHostsFile {folder}/known
    LogLevel ERROR
"""


@dataclass(frozen=True)
class Ended:
    """The result of a command line, and the variables that a system Python was started with there."""

    stdout: str
    stderr: str
    status: int
    environ: dict[str, str]


def find_hindrance(way: str) -> str:
    """Return why the daemon cannot be started here; empty if it can."""
    missing = [name for name in (*DAEMONS[way], "unshare") if not shutil.which(name, path=SYSTEM_PATH)]
    if missing:
        return f"not installed: {', '.join(missing)} (sh tests/prepare.sh installs them)"
    if os.geteuid() != 0:
        return f"{DAEMONS[way][0]} is started by root"
    words = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return f"no namespaces of its own: {done.stderr.strip()}" if done.returncode else ""


def start(way: str, command: str, home: Path, folder: Path) -> Ended:
    """Run `command`, a line of sh, in `home`, without modules, started in the way that `way` names.

    `folder` is for the files that the start needs, and for the results.
    """
    line = (
        f"cd {home}; /usr/bin/python3 -Ic '{PRINT}' >{folder}/environ; "
        f"({command}) >{folder}/out 2>{folder}/err </dev/null; "
        f"echo $? >{folder}/ended; mv {folder}/ended {folder}/status"
    )
    (folder / "line").write_text(line + "\n")
    log = START[way](line, home, folder)
    deadline = time.monotonic() + END_S
    while not (folder / "status").exists():
        assert time.monotonic() < deadline, f"{way} did not run it: {log}"
        time.sleep(0.05)
    return Ended(
        (folder / "out").read_text(),
        (folder / "err").read_text(),
        int((folder / "status").read_text()),
        json.loads((folder / "environ").read_text()),
    )


def start_by_daemon(way: str) -> Callable[[str, Path, Path], str]:
    """Return a function that lets a daemon run a line as root, whose home is that of the test."""

    def run(line: str, home: Path, folder: Path) -> str:
        users = Path("/etc/passwd").read_text().splitlines()
        others = [user for user in users if not user.startswith("root:")]
        (folder / "passwd").write_text("\n".join([f"root:x:0:0:root:{home}:/bin/bash", *others, ""]))
        if way == "ssh":
            write_ssh_files(folder)
        own = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        done = subprocess.run(
            ["unshare", *own, "sh", str(MACHINE), str(folder), way],
            env={"PATH": SYSTEM_PATH, "HOME": str(home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def write_ssh_files(folder: Path) -> None:
    """Write the keys and the configurations of sshd and ssh to `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("host", "key"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    (folder / "sshd_config").write_text(SERVER.format(port=port, folder=folder))
    (folder / "ssh_config").write_text(CLIENT.format(port=port, folder=folder))


def start_by_words(*words: str, bare: bool = False) -> Callable[[str, Path, Path], str]:
    """Return a function that lets the program `words` run a line; `bare` leaves even PATH and HOME unset."""

    def run(line: str, home: Path, folder: Path) -> str:
        # screen keeps its sockets in a folder that only the user may access.
        (folder / "screen").mkdir(mode=0o700)
        done = subprocess.run(
            [*words, "sh", "-c", line],
            env={} if bare else {"HOME": str(home), "PATH": "/usr/bin:/bin", "SCREENDIR": f"{folder}/screen"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return run


START = {
    **{way: start_by_daemon(way) for way in DAEMONS},
    "nohup": start_by_words("nohup"),
    "setsid": start_by_words("setsid", "--fork"),
    "screen": start_by_words("screen", "-D", "-m"),
    # A system service without any variables: sh itself sets PATH and PWD.
    "nothing": start_by_words("/usr/bin/env", bare=True),
}
