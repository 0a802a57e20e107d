"""A Jupyter that a test starts with environment variables of its choice and sends commands to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from built import CHECKOUT, LMOD
from stacked import WORK, Stack
from users import User, make_user

INIT = str(Path(LMOD).parents[1] / "init/bash")
PYTHON = str(WORK / "jupyter/bin/python")
WHEELS = str(WORK / "jupyter/wheels")
CHANNEL = f"file://{WORK}/jupyter/channel"


class Jupyter:
    """A process that starts kernels. It gets the variables `environ`; the bash code `before` runs first."""

    def __init__(self, folder: Path, environ: Mapping[str, str], before: str = "") -> None:
        self.log = folder / "jupyter.log"
        # -I: variables that are meant to break the kernel's Python must not break the server's.
        command = f'. "{INIT}"\n{before}\nexec "{PYTHON}" -I "{CHECKOUT}/tests/kernels/server.py"'
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["bash", "--norc", "--noprofile", "-c", command],
                env=dict(environ),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def __enter__(self) -> Jupyter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(60)

    def ask(self, command: str, argument: str = "") -> dict[str, Any]:
        """Send a command to tests/kernels/server.py and return its answer."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([command, argument]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        return json.loads(line)

    def start(self, name: str) -> dict[str, Any]:
        """Start the kernel `name` and check that it is ready."""
        answer = self.ask("start", name)
        assert "pid" in answer, (answer, self.log.read_text())
        return answer

    def run(self, code: str) -> Any:
        """Run a cell that prints JSON, and return the parsed JSON."""
        answer = self.ask("run", code)
        assert answer["error"] == "", answer
        return json.loads(answer["stdout"])


def make_kernel_user(folder: Path, stack: Stack) -> User:
    """Return a user with the environment `biopy` and a kernel for it; pip finds the wheels of ipykernel."""
    user = make_user(folder, stack)
    user.environ["PIP_FIND_LINKS"] += f" {WHEELS}"
    for arguments in (("create", "biopy", "biopython"), ("kernel", "add", "biopy", "--install")):
        done = user.stackenv(*arguments, load=[stack.bundle_module])
        assert done.returncode == 0, done.stderr
        assert "Successfully installed" not in done.stderr
    return user


def list_session(leader: int) -> list[str]:
    """Return the processes of the session that the process `leader` started, as each kernel starts one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            stat = path.read_text()
        except OSError:
            continue
        if stat.rpartition(")")[2].split()[3] == str(leader):
            found.append(stat)
    return found
