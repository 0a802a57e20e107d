"""debugpy with the environment's Python and no loaded modules: as VS Code starts it, and by hand.

VS Code uses the environment's Python to start the adapter of its extension; the adapter starts the launcher,
and the launcher the program. So the environment's Python starts three times, and once for each child.
"""

from __future__ import annotations

import ast
import contextlib
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from debugging import ANSWER_S, Session, attend, connect
from needy_stack import NeedleStack
from programs import JUPYTERS_PACKAGES, REPORT, Carrier, share_carrier

# An extension has its own debugpy and starts it by its path.
BUNDLED = JUPYTERS_PACKAGES / "debugpy"
# Without these, debugpy warns about frozen modules, in children too.
NO_WARNING = ["-Xfrozen_modules=off"]
QUIET = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
LAST_LINE = len(REPORT.splitlines())
SEEN = ("needle.find()", "numpy.__file__", "sorted(found['inherited'])", "found['again']")
OURS = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "EBPYTHONPREFIXES", "EBROOT", "STACKENV", "LOADED")


@pytest.fixture(scope="module")
def carrier(needle_stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> Carrier:
    return share_carrier(tmp_path_factory, needle_stack, JUPYTERS_PACKAGES)


@contextlib.contextmanager
def ended(process: subprocess.Popen[Any]) -> Iterator[None]:
    """End the process with the context, also when the test has failed."""
    try:
        yield
    finally:
        process.kill()
        # Waits for the process and closes its pipes.
        with process:
            pass


@contextlib.contextmanager
def start_adapter(carrier: Carrier, folder: Path) -> Iterator[Session]:
    """Start the adapter as an extension does, and check that it prints no errors."""
    with (folder / "log").open("w") as log:
        adapter = subprocess.Popen(
            [carrier.python, str(BUNDLED / "adapter")],
            env=carrier.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert adapter.stdin and adapter.stdout
    with ended(adapter):
        yield Session(adapter.stdout, adapter.stdin)  # type: ignore[arg-type]
    assert (folder / "log").read_text() == ""


def start_program(carrier: Carrier, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start report.py with `python -m debugpy`, as a user types it."""
    # Files, not pipes: the adapter that it may start can outlive it.
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        return subprocess.Popen(
            [carrier.python, *NO_WARNING, "-m", "debugpy", *options, "report.py"],
            env={**carrier.environ, **QUIET},
            cwd=carrier.home,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )


def check_stop(carrier: Carrier, session: Session) -> None:
    """Check what the debugger sees at the last line of report.py, and let the program end."""
    attached = session.wait_for("debugpyAttach")
    attend(attached)
    find, numpy, inherited, again = session.evaluate_where_stopped(*SEEN)
    assert (find, again) == ("10", "10")
    assert numpy.strip("'").startswith(f"{carrier.stack.software}/SciPy-bundle/")
    assert not [name for name in ast.literal_eval(inherited) if name.startswith(OURS)]
    session.wait_for("terminated")


def check_end(program: subprocess.Popen[bytes], folder: Path) -> None:
    """Check that a program of `start_program` ends without errors."""
    assert program.wait(ANSWER_S) == 0
    assert (folder / "err").read_text() == ""
    assert json.loads((folder / "out").read_text())["needle"] == 10


def test_vs_code_launches_and_debugs_a_program(carrier: Carrier, tmp_path: Path) -> None:
    program = carrier.home / "report.py"
    configuration = {
        "program": str(program),
        "python": [carrier.python],
        "cwd": str(carrier.home),
        "console": "internalConsole",
        "subProcess": True,
        "pythonArgs": NO_WARNING,
        "env": QUIET,
    }
    with start_adapter(carrier, tmp_path) as session:
        session.begin("launch", configuration, {program: LAST_LINE})
        check_stop(carrier, session)
        found = json.loads(session.read_output("stdout"))
        assert (found["needle"], found["prefix"]) == (10, str(carrier.prefix))
        assert session.read_output("stderr") == ""


@pytest.mark.any_value("needle_stack")
def test_an_editor_attaches_to_a_listening_program(carrier: Carrier, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = start_program(carrier, tmp_path, "--listen", str(port), "--wait-for-client")
    with ended(program):
        with connect("127.0.0.1", port) as session:
            session.begin("attach", {"subProcess": True}, {carrier.home / "report.py": LAST_LINE})
            check_stop(carrier, session)
        check_end(program, tmp_path)


@pytest.mark.any_value("needle_stack")
def test_a_program_connects_to_a_listening_editor(carrier: Carrier, tmp_path: Path) -> None:
    with start_adapter(carrier, tmp_path) as session, contextlib.ExitStack() as started:
        programs = []

        def start() -> None:
            port = session.wait_for("debugpyWaitingForServer")["port"]
            programs.append(start_program(carrier, tmp_path, "--connect", str(port), "--wait-for-client"))
            started.enter_context(ended(programs[0]))

        # The address to listen on; port 0 is any free port.
        configuration = {"subProcess": True, "listen": {"host": "127.0.0.1", "port": 0}}
        session.begin("attach", configuration, {carrier.home / "report.py": LAST_LINE}, start)
        check_stop(carrier, session)
        check_end(programs[0], tmp_path)
