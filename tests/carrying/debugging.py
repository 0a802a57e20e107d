"""A debugpy client like that of an editor: it speaks the Debug Adapter Protocol over a pipe or a socket."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

ANSWER_S = 60


class Session:
    """The session of one debugged process; each child process is announced by the event `debugpyAttach`."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self.reader, self.writer = reader, writer
        self.number = 0
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self.kept: list[dict[str, Any]] = []
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self) -> None:
        """Put incoming messages into the queue until the other side closes the connection."""
        with contextlib.suppress(OSError, ValueError):
            while length := self.read_length():
                self.messages.put(json.loads(self.reader.read(length)))
        self.messages.put({"type": "closed"})

    def read_length(self) -> int:
        """Read the header of a message and return the length of its body; 0 at the end of the stream."""
        length = 0
        while line := self.reader.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return length

    def send(self, command: str, **arguments: Any) -> int:
        """Send a request; return its number."""
        self.number += 1
        message = {"seq": self.number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self.writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.writer.flush()
        return self.number

    def wait(self, **wanted: Any) -> dict[str, Any]:
        """Return the first message with these members, and keep the other messages for later."""
        for message in self.kept:
            if wanted.items() <= message.items():
                self.kept.remove(message)
                return message
        while True:
            message = self.messages.get(timeout=ANSWER_S)
            if wanted.items() <= message.items():
                return message
            assert message["type"] != "closed", (wanted, self.kept)
            self.kept.append(message)

    def answer(self, number: int) -> Any:
        """Wait for the answer to the request with this number; it must not be an error."""
        response = self.wait(type="response", request_seq=number)
        assert response["success"], response
        return response.get("body")

    def ask(self, command: str, **arguments: Any) -> Any:
        """Send a request and return its answer."""
        return self.answer(self.send(command, **arguments))

    def wait_for(self, event: str) -> Any:
        """Return the body of the next event of this name."""
        return self.wait(type="event", event=event).get("body")

    def begin(
        self,
        how: str,
        configuration: dict[str, Any],
        stops: dict[Path, int],
        start: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin a session as an editor does: `how` is launch or attach, `stops` are the breakpoints.

        `start` starts the program if it is the program that connects to the adapter.
        """
        self.ask("initialize", adapterID="debugpy", clientID="vscode", pathFormat="path")
        begun = self.send(how, **configuration)
        start()
        self.wait_for("initialized")
        for path, line in stops.items():
            set_ = self.ask("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": line}])
            assert set_["breakpoints"][0]["verified"], set_
        self.ask("configurationDone")
        self.answer(begun)

    def evaluate_where_stopped(self, *expressions: str) -> list[str]:
        """Wait until the program stops, evaluate `expressions` there, and let the program continue."""
        thread = self.wait_for("stopped")["threadId"]
        (frame,) = self.ask("stackTrace", threadId=thread, levels=1)["stackFrames"]
        values = [
            self.ask("evaluate", expression=expression, frameId=frame["id"], context="repl")["result"]
            for expression in expressions
        ]
        self.ask("continue", threadId=thread)
        return values

    def read_output(self, category: str) -> str:
        """Return the output of this category up to now."""
        events = [message["body"] for message in self.kept if message.get("event") == "output"]
        return "".join(event["output"] for event in events if event.get("category") == category)


@contextlib.contextmanager
def connect(host: str, port: int) -> Iterator[Session]:
    """Connect to a debug adapter as soon as it listens."""
    deadline = time.monotonic() + ANSWER_S
    while True:
        try:
            connection = socket.create_connection((host, port), ANSWER_S)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with connection, connection.makefile("rb") as reader, connection.makefile("wb") as writer:
        session = Session(reader, writer)
        try:
            yield session
        finally:
            connection.shutdown(socket.SHUT_RDWR)
            session.listener.join()


def attend(configuration: dict[str, Any]) -> None:
    """Attach to a child process as its event requests, and let it run to its end."""
    place = configuration["connect"]
    with connect(place["host"], place["port"]) as session:
        session.begin("attach", configuration, {})
        session.wait_for("terminated")
