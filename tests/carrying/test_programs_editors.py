"""What editors do with the environment while no modules are loaded: type checkers, probes, a debugger."""

from __future__ import annotations

import contextlib
import json
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from needy_stack import NeedleStack
from programs import JUPYTERS_PACKAGES, PROGRAMS, Carrier, share_carrier
from stacked import WORK

JUPYTER_PYTHON = str(WORK / "jupyter/bin/python")
PYDEVD = JUPYTERS_PACKAGES / "debugpy/_vendored/pydevd/pydevd.py"
SCRIPT = """\
import numpy
import numpy.linalg

identity = numpy.linalg.inv(numpy.eye(2))
"""
# The code that python-environment-tools, part of VS Code's Python extension, runs in each interpreter.
IDENTIFY = (
    "import json, sys; print(json.dumps({'version': list(sys.version_info), 'sys_prefix': sys.prefix, "
    "'executable': sys.executable, 'is64_bit': sys.maxsize > 2**32}))"
)
# Markers by which that extension finds the answer among other output.
MARKED = """\
import runpy, sys

print(">>>")
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
print("<<<")
"""
# jedi, the completion of VS Code (`python.languageServer: Jedi`), vim and Emacs, queries the environment.
COMPLETE = """\
import json, sys
import jedi

environment = jedi.create_environment(sys.argv[1], safe=False)
for code in ("import needle; needle.fi", "import numpy; numpy.zeros_l"):
    print(*(found.name for found in jedi.Script(code, environment=environment).complete()))
"""
# What PyCharm asks a selected interpreter: its package folders and its packages.
LIST = """\
import json, sys
from importlib.metadata import distributions

print(json.dumps([sys.path, {d.metadata["Name"]: d.version for d in distributions()}]))
"""


@pytest.fixture(scope="module")
def carrier(needle_stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> Carrier:
    return share_carrier(tmp_path_factory, needle_stack)


def run(carrier: Carrier, *words: str, folder: Path, **changes: str) -> str:
    """Run a program without modules, check that it succeeds with an empty stderr, and return its output."""
    done = subprocess.run(
        words,
        env={**carrier.environ, **changes},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


CHECKERS = {
    "basedpyright": (str(PROGRAMS / "basedpyright"), "--level", "error", "--pythonpath"),
    "mypy": (str(WORK / "venv/bin/mypy"), "--follow-imports=skip", "--python-executable"),
}


@pytest.mark.any_value("needle_stack")
@pytest.mark.parametrize("checker", ["basedpyright", pytest.param("mypy", marks=pytest.mark.matrix)])
def test_a_type_checker_finds_the_modules_packages(carrier: Carrier, checker: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    # The environment's Python is passed as an option; it is not the first on PATH.
    run(carrier, *CHECKERS[checker], carrier.python, "script.py", folder=tmp_path)


def test_vs_code_identifies_the_environments_python(carrier: Carrier, tmp_path: Path) -> None:
    (tmp_path / "marked.py").write_text(MARKED)
    (tmp_path / "identify.py").write_text(IDENTIFY)
    plain = run(carrier, carrier.python, "-c", IDENTIFY, folder=tmp_path)
    isolated = run(carrier, carrier.python, "-I", "marked.py", "identify.py", folder=tmp_path)
    assert isolated == f">>>\n{plain}<<<\n"
    found = json.loads(plain)
    assert (found["executable"], found["sys_prefix"]) == (carrier.python, str(carrier.prefix))


@pytest.mark.any_value("needle_stack")
def test_jedi_completes_names_from_the_modules_packages(carrier: Carrier, tmp_path: Path) -> None:
    found = run(carrier, JUPYTER_PYTHON, "-c", COMPLETE, str(carrier.prefix), folder=tmp_path)
    assert found.splitlines() == ["find", "zeros_like"]


def test_pycharm_lists_the_modules_packages(carrier: Carrier, tmp_path: Path) -> None:
    (tmp_path / "list.py").write_text(LIST)
    path, packages = json.loads(run(carrier, carrier.python, "list.py", folder=tmp_path))
    assert carrier.stack.needle_packages in path
    assert packages["needle"] == "1.0" and "numpy" in packages


def test_pycharm_runs_a_project_script_with_the_modules_packages(carrier: Carrier, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("WHAT = 'of the project'\n")
    # PyCharm adds the folders of the project, and those of its own helpers, to PYTHONPATH.
    variables = {"PYTHONPATH": str(tmp_path), "PYCHARM_HOSTED": "1", "PYTHONUNBUFFERED": "1"}
    script = "import mine, needle, numpy; print(mine.WHAT, needle.find())"
    assert (
        run(carrier, carrier.python, "-c", script, folder=carrier.home, **variables) == "of the project 10\n"
    )
    report = run(carrier, carrier.python, "report.py", folder=carrier.home, **variables)
    carrier.check(report, {**carrier.environ, **variables})


class Debugger(socketserver.StreamRequestHandler):
    """Answers a debugged process as PyCharm does: continue."""

    def handle(self) -> None:
        """Send the protocol version and the command to run; a line is a command, a number and arguments."""
        self.wfile.write(b"501\t1\t1.1\tUNIX\n101\t3\t\n")
        for _ in self.rfile:
            pass
        assert isinstance(self.server, Debuggers)
        self.server.ended += 1


class Debuggers(socketserver.ThreadingTCPServer):
    """Listens for the debugged process and its children."""

    daemon_threads = False
    ended = 0


@contextlib.contextmanager
def listen() -> Iterator[Debuggers]:
    with Debuggers(("127.0.0.1", 0), Debugger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_pydevd_debugs_the_program_and_its_child_as_pycharm_does(carrier: Carrier) -> None:
    # The pydevd of debugpy, which speaks PyCharm's protocol; that of PyCharm would have to be compiled first.
    variables = {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "PYCHARM_HOSTED": "1"}
    with listen() as server:
        words = ("--client", "127.0.0.1", "--port", str(server.server_address[1]), "--multiprocess")
        done = subprocess.run(
            [carrier.python, str(PYDEVD), *words, "--file", str(carrier.home / "report.py")],
            env={**carrier.environ, **variables},
            cwd=carrier.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["needle"], found["again"]) == (10, 10)
    # The program, and its child that is a Python.
    assert server.ended == 2
