"""Runs a cell in a Jupyter server as a browser does; runs in .work/programs.

    python notebook.py URL TOKEN KERNEL CODE

Prints the output of the kernel, to stdout and stderr as the kernel did.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

ANSWER_S = 60


def make_request(code: str) -> dict[str, Any]:
    """Return the message that makes a kernel run `code`."""
    identity = uuid.uuid4().hex
    header = {
        "msg_id": identity,
        "msg_type": "execute_request",
        "version": "5.3",
        "username": "",
        "session": "s",
    }
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    return {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}


async def wait_for_server(client: AsyncHTTPClient, url: str) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + ANSWER_S
    while True:
        try:
            await client.fetch(f"{url}/api")
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def run(url: str, token: str, kernel: str, code: str) -> None:
    """Start the kernel, run the cell, and shut the kernel down."""
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    client = AsyncHTTPClient()
    await wait_for_server(client, url)
    body = json.dumps({"name": kernel})
    started = await client.fetch(f"{url}/api/kernels", method="POST", headers=headers, body=body)
    identity = json.loads(started.body)["id"]
    channels = f"{url.replace('http', 'ws', 1)}/api/kernels/{identity}/channels"
    connection = await websocket_connect(HTTPRequest(channels, headers=headers))
    request = make_request(code)
    await connection.write_message(json.dumps(request))
    while True:
        message = json.loads(await asyncio.wait_for(connection.read_message(), ANSWER_S) or "")
        if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            print(content["text"], end="", file=getattr(sys, content["name"]))
        elif kind == "error":
            sys.exit("\n".join(content["traceback"]))
        elif kind == "status" and content["execution_state"] == "idle":
            break
    connection.close()
    await client.fetch(f"{url}/api/kernels/{identity}", method="DELETE", headers=headers)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
