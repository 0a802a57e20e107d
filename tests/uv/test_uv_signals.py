"""Signals to the environment's own `uv`: they end uv too, with the status that uv alone would have."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacked import Stack
from terminals import Terminal
from users import User, make_once, make_user
from uvs import UVS

SHELLS = ("dash", "bash", "mksh", "ksh93")
SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with the environment `it`."""

    def make(folder: Path) -> None:
        made = make_user(folder, one_stack).stackenv("create", "it", load=[one_stack.bundle_module])
        assert made.returncode == 0, made.stderr

    return make_user(make_once(tmp_path_factory, "uv-signals", make), one_stack)


def hear_signals() -> None:
    """Restore signals to their defaults, which the caller may ignore (nohup, a background job)."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def index() -> Iterator[socket.socket]:
    """Yield the socket of a package index that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


def environment(owner: User, index: socket.socket, uv: str = "newest") -> dict[str, str]:
    """Return an environment in which uv waits for the index."""
    prefix = owner.home / "venvs/it-1.0"
    return {
        **owner.environ,
        "VIRTUAL_ENV": str(prefix),
        "PATH": f"{prefix}/bin:{UVS[uv]}:/usr/bin:/bin",
        "UV_DEFAULT_INDEX": f"http://127.0.0.1:{index.getsockname()[1]}/",
        "UV_OFFLINE": "0",
        "UV_FIND_LINKS": "",
        "UV_PYTHON_DOWNLOADS": "never",
        "BIN_UV": str(prefix / "bin/uv"),
    }


def assert_ended(connection: socket.socket) -> None:
    """Assert that the process at the other end has ended, by reading until the end of the connection."""
    with connection:
        connection.settimeout(30)
        while connection.recv(65536):
            pass


@pytest.mark.each_value("shell", "number")
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_to_the_script_alone_ends_uv(
    owner: User, index: socket.socket, shell: str, number: signal.Signals
) -> None:
    environ = environment(owner, index)
    process = subprocess.Popen(
        [shell, environ["BIN_UV"], "pip", "install", "-q", "missing"],
        env=environ,
        cwd=owner.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_signals,
    )
    connection, _ = index.accept()
    process.send_signal(number)
    said = process.communicate(timeout=30)
    # mksh exits with a status instead of dying from the signal, and bash ignores SIGQUIT.
    status = 128 + number if shell == "mksh" or (shell, number) == ("bash", signal.SIGQUIT) else -number
    assert (process.returncode, *said) == (status, "", "")
    assert_ended(connection)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_signal_during_sync_keeps_the_stubs(owner: User, tmp_path: Path, shell: str) -> None:
    """With a stand-in for uv that removes a stub and then waits, which a real uv does only briefly."""
    stub, *_ = (owner.home / "venvs/it-1.0").glob("lib/python3*/site-packages/numpy-*.dist-info")
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\nrm -r '{stub}'\necho gone\nexec sleep 300\n")
    uv.chmod(0o755)
    prefix = owner.home / "venvs/it-1.0"
    environ = {**owner.environ, "VIRTUAL_ENV": str(prefix), "PATH": f"{prefix}/bin:{tmp_path}:/usr/bin:/bin"}
    process = subprocess.Popen(
        [shell, f"{prefix}/bin/uv", "pip", "sync", "r.txt"], env=environ, stdout=subprocess.PIPE, cwd=tmp_path
    )
    assert process.stdout is not None and process.stdout.readline() == b"gone\n" and not stub.exists()
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)
    assert (stub / "METADATA").exists() and not list((prefix / "stackenv").glob("stubs.*"))


def test_an_ignored_signal_stays_ignored(owner: User, index: socket.socket) -> None:
    environ = environment(owner, index)
    process = subprocess.Popen(
        ["sh", "-c", "trap '' HUP; exec uv pip install -q missing"], env=environ, cwd=owner.home
    )
    connection, _ = index.accept()
    process.send_signal(signal.SIGHUP)
    connection.recv(65536)
    ready, _, _ = select.select([connection], [], [], 0.2)
    assert (process.poll(), ready) == (None, [])
    process.terminate()
    assert process.wait(timeout=30) == -signal.SIGTERM
    assert_ended(connection)


@pytest.mark.parametrize("shell", SHELLS)
def test_control_c_at_a_terminal_ends_uv_and_a_loop_around_it(
    owner: User, index: socket.socket, shell: str
) -> None:
    environ = environment(owner, index)
    terminal = Terminal(("bash", "--norc", "--noprofile", "-i"), environ, owner.home)
    try:
        terminal.type("PS1=")
        os.write(terminal.leader, f"for n in 1 2; do {shell} $BIN_UV pip install missing; done\n".encode())
        connection, _ = index.accept()
        os.write(terminal.leader, b"\x03")
        assert_ended(connection)
        assert "ended 130." in terminal.type('echo "ended $?."')
        # A uv of the second iteration would have asked the index.
        assert select.select([index], [], [], 0)[0] == []
    finally:
        terminal.close()
