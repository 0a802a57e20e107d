"""Run a command under another host name, if the kernel lets an ordinary user do so.

Called as `python -I -S host.py HOST COMMAND [ARGUMENT...]`; an empty HOST changes nothing.
This is a separate program, of the standard library only, because a process with threads must not fork and
continue in Python. User and group IDs stay the same, so that scripts see the real user.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from pathlib import Path

# linux/sched.h
CLONE_NEWUTS = 0x04000000
CLONE_NEWUSER = 0x10000000


def enter_host(name: str) -> None:
    """Give this process its own namespaces, with the host name `name`; raise OSError if that is refused."""
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWUTS):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    socket.sethostname(name)
    # user_namespaces(7): an ordinary user may map groups only after denying setgroups.
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def can_enter(name: str) -> bool:
    """Return whether `enter_host` works, tried in a child because a partial change cannot be undone."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    try:
        enter_host(name)
    except (OSError, AttributeError):
        os._exit(1)
    os._exit(0)


def main() -> None:
    name, *command = sys.argv[1:]
    if name and can_enter(name):
        enter_host(name)
    # In the C locale, Python sets LC_CTYPE (PEP 538); the shell must get the caller's variables only.
    environ = {key: value for key, value in os.environb.items() if key != b"LC_CTYPE"}
    os.execve(command[0], command, environ)


if __name__ == "__main__":
    main()
