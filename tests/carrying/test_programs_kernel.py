"""A kernel that was created by `python -m ipykernel install`, without stackenv."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernels"))

from jupyters import Jupyter
from needy_stack import NeedleStack
from programs import JUPYTERS_PACKAGES, PROGRAMS, REPORT, Carrier, share_carrier

OURS = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "EB", "STACKENV")
TOKEN = "of-the-tests"


@pytest.fixture(scope="module")
def carrier(needle_stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> Carrier:
    """Return a user who has created a kernel while no modules were loaded."""
    carrier = share_carrier(tmp_path_factory, needle_stack, JUPYTERS_PACKAGES)
    words = [carrier.python, "-m", "ipykernel", "install", "--user", "--name", "plain"]
    done = subprocess.run(words, env=carrier.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "stackenv" not in done.stderr, done.stderr
    spec = json.loads((carrier.home / ".local/share/jupyter/kernels/plain/kernel.json").read_text())
    assert spec["argv"][0] == carrier.python and "LD_LIBRARY_PATH" not in spec.get("env", {})
    return carrier


@pytest.fixture(scope="module")
def jupyter(carrier: Carrier, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """Return a Jupyter without loaded modules that has started the kernel."""
    with Jupyter(tmp_path_factory.mktemp("jupyter"), carrier.environ) as jupyter:
        jupyter.start("plain")
        yield jupyter


def test_a_cell_has_the_modules_packages_and_passes_nothing_to_children(
    carrier: Carrier, jupyter: Jupyter
) -> None:
    answer = jupyter.ask("run", REPORT)
    assert (answer["error"], answer["stderr"]) == ("", "")
    found = json.loads(answer["stdout"])
    assert (found["needle"], found["again"], found["prefix"]) == (10, 10, str(carrier.prefix))
    assert not [name for name in found["inherited"] if name.startswith(OURS)]
    assert "stackenv" not in jupyter.log.read_text()


def test_the_kernel_is_the_process_that_jupyter_started(jupyter: Jupyter) -> None:
    answer = jupyter.ask("restart")
    found = jupyter.run(
        "import json, os, needle; print(json.dumps([os.getpid(), os.getppid(), needle.find()]))"
    )
    assert found == [answer["pid"], answer["server"], 10]


def test_an_interrupt_ends_the_cell_but_not_the_kernel(jupyter: Jupyter) -> None:
    answer = jupyter.ask("interrupt", "import time\nprint('begun', flush=True)\ntime.sleep(50)")
    assert answer["error"] == "KeyboardInterrupt"
    assert jupyter.run("import needle; print(needle.find())") == 10


@pytest.mark.any_value("needle_stack")
def test_jupyters_log_says_why_packages_are_missing_beside_another_python(
    carrier: Carrier, tmp_path: Path
) -> None:
    environ = {**carrier.user.environ, "PATH": "/usr/bin:/bin"}
    before = f"module load {carrier.stack.next_python_module} || exit 99"
    with Jupyter(tmp_path, environ, before) as jupyter:
        jupyter.start("plain")
        assert jupyter.ask("run", "import needle")["error"] == "ModuleNotFoundError"
        assert jupyter.run("import json, sys; print(json.dumps(sys.prefix))") == str(carrier.prefix)
    said = [line for line in jupyter.log.read_text().splitlines() if line.startswith("stackenv: ")]
    (line,) = said
    assert f"Needle/1.0 (not loaded), {carrier.stack.python_module} (loaded: " in line


@contextlib.contextmanager
def serve(carrier: Carrier, folder: Path) -> Iterator[str]:
    """Start a Jupyter server without loaded modules; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = (f"--port={port}", "--ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}", "--no-browser")
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [str(PROGRAMS / "jupyter-server"), *options, "--ServerApp.port_retries=0", "--allow-root"],
            env=carrier.environ,
            cwd=carrier.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.mark.any_value("needle_stack")
def test_the_kernel_runs_in_a_jupyter_server(carrier: Carrier, tmp_path: Path) -> None:
    with serve(carrier, tmp_path) as address:
        client = (str(PROGRAMS / "python"), "-I", str(Path(__file__).with_name("notebook.py")))
        done = subprocess.run(
            [*client, address, TOKEN, "plain", REPORT],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    log = (tmp_path / "server.log").read_text()
    assert (done.returncode, done.stderr) == (0, ""), log
    found = json.loads(done.stdout)
    assert (found["needle"], found["again"], found["prefix"]) == (10, 10, str(carrier.prefix))
    assert not [name for name in found["inherited"] if name.startswith(OURS)]
    assert "stackenv" not in log
