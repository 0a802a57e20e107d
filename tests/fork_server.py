"""A process that has imported stackenv, and forks for each command that a test runs.

    python -I fork_server.py SOCKET

The cost of starting an interpreter and of the imports is paid once. Each command gets its own process,
environment, folder and streams, and runs isolated, like the installed command. `forked.py` is the client.
"""

from __future__ import annotations

import array
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from types import ModuleType

from stackenv.cli.start import end

MESSAGE_BYTES = 1 << 20
# Modules that the command does not import: EasyBuild, a vendor's Python or other Pythons run them.
NOT_OURS = (
    "stackenv.site.easybuild",
    "stackenv.hooks",
    "stackenv.templates",
    "stackenv.conda.probe_condarc",
    "stackenv.environments.probe_python",
    "stackenv.health.probe_imports",
    "stackenv.jupyter.probe_ipykernel",
)
# Modules that commands import only when they need them.
LATER = ("rich.console", "rich.progress", "rich.table", "yaml", "jinja2", "voluptuous", "archspec.cpu")


def import_all() -> ModuleType:
    """Import all that a command may need; return the module of the command line."""
    package = importlib.import_module("stackenv")
    for module in pkgutil.walk_packages(package.__path__, "stackenv."):
        if not module.name.startswith(NOT_OURS):
            importlib.import_module(module.name)
    for name in LATER:
        importlib.import_module(name)
    return importlib.import_module("stackenv.cli.start")


def receive(connection: socket.socket) -> tuple[dict, list[int]]:
    """Return the request, and the file descriptors that came with it."""
    size = array.array("i", [0] * 3)
    data, ancillary, _, _ = connection.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(size.itemsize * 3))
    descriptors = array.array("i")
    for _, _, payload in ancillary:
        descriptors.frombytes(payload)
    while not data.endswith(b"\n"):
        more = connection.recv(MESSAGE_BYTES)
        if not more:
            raise EOFError("the client has gone")
        data += more
    return json.loads(data), list(descriptors)


def run_command(cli: ModuleType, question: dict, descriptors: list[int]) -> None:
    """Run the command in this process, and end the process."""
    status: object = 1
    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.chdir(question["folder"])
        os.umask(question["umask"])
        os.environ.clear()
        os.environ.update(question["environ"])
        sys.argv = question["words"]
        tempfile.tempdir = None
        sys.exit(cli.main())
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
    end_process(status)


def end_process(status: object) -> None:
    """End like an interpreter that ran only this command: with its threads, exit handlers and streams."""
    if isinstance(status, str):
        print(status, file=sys.stderr)
    end(status if isinstance(status, int) else 0 if status is None else 1)


def answer(cli: ModuleType, connection: socket.socket) -> None:
    """Run the command that `connection` requests in a process of its own, and send its status."""
    question, descriptors = receive(connection)
    child = os.fork()
    if not child:
        run_command(cli, question, descriptors)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall(f"{status}\n".encode())


def serve(path: str) -> None:
    """Serve all clients that connect to the socket at `path`, in parallel, until standard input ends."""
    cli = import_all()
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(16)
    print("ready", flush=True)
    # Processes that have answered are not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while server in select.select([server, sys.stdin], [], [])[0]:
        connection, _ = server.accept()
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                answer(cli, connection)
            finally:
                os._exit(0)
        connection.close()
    shutil.rmtree(os.path.dirname(path), ignore_errors=True)  # noqa: PTH120


if __name__ == "__main__":
    serve(sys.argv[1])
