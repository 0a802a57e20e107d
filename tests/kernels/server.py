"""Starts kernels as Jupyter does, for a test that talks to it by stdin and stdout; runs in .work/jupyter.

Each line of stdin is a JSON list of a command and its argument. Each answer is a line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from queue import Empty
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

READY_S = 60
REPLY_S = 60


class Server:
    """Starts and controls one kernel at a time."""

    def __init__(self) -> None:
        self.manager: Any = None
        self.client: Any = None

    def connect(self) -> dict[str, Any]:
        self.client = self.manager.client()
        self.client.start_channels()
        try:
            self.client.wait_for_ready(timeout=READY_S)
        except RuntimeError as error:
            return {"error": str(error)}
        return {"pid": self.manager.provisioner.pid, "server": os.getpid()}

    def list(self, _: str) -> dict[str, Any]:
        manager = KernelSpecManager()
        return {
            name: {**spec["spec"], "resource_dir": spec["resource_dir"]}
            for name, spec in manager.get_all_specs().items()
        }

    def start(self, name: str) -> dict[str, Any]:
        self.manager = KernelManager(kernel_name=name)
        begun = time.monotonic()
        self.manager.start_kernel()
        answer = self.connect()
        return {**answer, "seconds": time.monotonic() - begun}

    def restart(self, _: str) -> dict[str, Any]:
        self.client.stop_channels()
        self.manager.restart_kernel(now=False)
        return self.connect()

    def shutdown(self, _: str) -> dict[str, Any]:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)
        return {"alive": self.manager.is_alive()}

    def run(self, code: str) -> dict[str, Any]:
        return self.collect(self.client.execute(code))

    def interrupt(self, code: str) -> dict[str, Any]:
        """Run `code` and interrupt it when it prints its first output."""
        return self.collect(self.client.execute(code), interrupt=True)

    def collect(self, identity: str, interrupt: bool = False) -> dict[str, Any]:
        answer: dict[str, Any] = {"stdout": "", "stderr": "", "error": ""}
        deadline = time.monotonic() + REPLY_S
        while time.monotonic() < deadline:
            with contextlib.suppress(Empty):
                message = self.client.get_iopub_msg(timeout=1)
                kind, content = message["msg_type"], message["content"]
                if message["parent_header"].get("msg_id") != identity:
                    continue
                if kind == "stream":
                    answer[content["name"]] += content["text"]
                    if interrupt:
                        self.manager.interrupt_kernel()
                        interrupt = False
                elif kind == "error":
                    answer["error"] = content["ename"]
                elif kind == "status" and content["execution_state"] == "idle":
                    return answer
        return {**answer, "error": "no answer"}


def main() -> None:
    """Answer commands until stdin ends."""
    server = Server()
    # Output of the kernel process itself goes to stderr, as it goes to the log of a real Jupyter.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command, argument = json.loads(line)
        print(json.dumps(getattr(server, command)(argument)), file=answers, flush=True)
    if server.manager is not None and server.manager.has_kernel:
        server.manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
