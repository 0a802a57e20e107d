"""`stackenv` as most tests run it: in a fork of a process that has imported it, see fork_server.py.

The fork is a separate, isolated process that has only what it is given. A test of the start itself, or of
signals, terminals or locales starts the installed command instead.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from built import LMOD
from copied_ensurepip import SWITCH

COMMAND = str(Path(sysconfig.get_path("scripts"), "stackenv"))
SERVER = Path(__file__).with_name("fork_server.py")
# Variables that an interpreter reads before the command begins.
READ_AT_START = re.compile(r"PYTHONHOME|LC_|LANGUAGE|LD_|MALLOC_|GLIBC_|TZ$")
LANGUAGE = "C.UTF-8"
INIT = Path(LMOD).parents[1] / "init/bash"
LOAD = f'. "{INIT}"; for m; do module load "$m" || exit 99; done; exec env -0'


def can_fork(environ: Mapping[str, str]) -> bool:
    """Return whether a fork behaves like a start of the command with `environ`.

    PYTHONPATH and similar variables have no effect: the command runs isolated.
    """
    if SWITCH in environ:
        return False
    return environ.get("LANG") == LANGUAGE and not any(READ_AT_START.match(name) for name in environ)


@functools.lru_cache(maxsize=1)
def start_server(worker: int) -> str:
    """Start the server for the process `worker`; return the path of its socket."""
    folder = tempfile.mkdtemp(prefix="stackenv-fork-")
    path = f"{folder}/socket"
    process = subprocess.Popen(
        [sys.executable, "-I", SERVER, path],
        env={"LANG": LANGUAGE, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    atexit.register(stop_server, process)
    with process.stdout as said:
        if said.readline() != b"ready\n":
            raise RuntimeError(f"{SERVER} does not start: status {process.wait()}")
    return path


def stop_server(process: subprocess.Popen[bytes]) -> None:
    """End the server: at the end of its standard input it removes its folder and exits."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def run_stackenv(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    load: Sequence[str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `stackenv ARGUMENTS` in `folder`, in a shell that has loaded the modules `load`; return the result.

    Its standard input is empty. The status is 99 if a module cannot be loaded. If `load` is None, neither a
    shell nor Lmod is used.
    """
    said = ""
    if load is not None:
        loaded = run_alone(["bash", "--norc", "--noprofile", "-c", LOAD, "bash", *load], environ, folder)
        if loaded.returncode:
            return loaded
        said = loaded.stderr
        environ = dict(entry.split("=", 1) for entry in loaded.stdout.split("\0")[:-1])
    done = fork(arguments, environ, folder) if can_fork(environ) else start(arguments, environ, folder)
    done.stderr = said + done.stderr
    return done


def start(
    arguments: Sequence[str], environ: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run the installed command; return its result."""
    return run_alone([COMMAND, *arguments], environ, folder)


def run_alone(
    command: Sequence[str], environ: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run `command` with this environment and folder, and with empty standard input; return its result."""
    return subprocess.run(
        command,
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def fork(
    arguments: Sequence[str], environ: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run the command in a fork of the server; return its result."""
    question = {
        "words": [COMMAND, *map(str, arguments)],
        "environ": dict(environ),
        "folder": str(folder),
        "umask": int(re.findall(r"(?m)^Umask:\t(\d+)$", Path("/proc/self/status").read_text())[0], 8),
    }
    (out, into_out), (error, into_error) = os.pipe(), os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(start_server(os.getpid()))
        socket.send_fds(connection, [b" "], [nothing, into_out, into_error])
        for descriptor in (nothing, into_out, into_error):
            os.close(descriptor)
        connection.sendall(json.dumps(question).encode() + b"\n")
        # Read both to the end, as subprocess does: a process that the command leaves running must not hold
        # them open.
        with ThreadPoolExecutor(max_workers=2) as pool:
            texts = list(pool.map(read_to_the_end, (out, error)))
        with connection.makefile() as answers:
            status = answers.readline()
    if not status:
        raise RuntimeError(f"the process of {SERVER} that was to run {arguments} has gone")
    return subprocess.CompletedProcess(["stackenv", *arguments], int(status), *texts)


def read_to_the_end(descriptor: int) -> str:
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read().decode()
