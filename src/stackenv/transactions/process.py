"""The process of a journal, and whether it still runs: by its number here, by heartbeat on other hosts."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stackenv.plain_files import read_file_text
from stackenv.transactions.postponing import postponing_stop

HEARTBEAT_S = 20
# A process on another host counts as ended if it has given no heartbeat for this time.
GONE_AFTER_S = 900


def read_start(pid: int) -> str:
    """Return the start time of the process `pid` of this host in clock ticks; empty if it has ended."""
    try:
        stat = read_file_text(f"/proc/{pid}/stat")
    except OSError:
        return ""
    # The name, in brackets, may contain anything; the third field is the state, the 22nd the start (proc(5)).
    fields = stat.rpartition(")")[2].split()
    # The process has ended, and its parent has not read its exit status yet.
    return "" if fields[0] in ("Z", "X") else fields[19]


def is_hidden(pid: int) -> bool:
    """Return whether `pid` is another user's process that /proc does not show (hidepid, proc(5))."""
    if Path(f"/proc/{pid}").exists():
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def read_boot() -> str:
    """Return the identifier of this boot of the kernel; empty if it is unknown."""
    try:
        return read_file_text("/proc/sys/kernel/random/boot_id").strip()
    except OSError:
        return ""


def read_pid_namespace() -> str:
    """Return the identifier of the PID namespace, which differs in a container; empty if it is unknown."""
    try:
        # In a /proc of another namespace, our numbers belong to other processes.
        if str(Path("/proc/self").readlink()) == str(os.getpid()):
            return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        pass
    return ""


@dataclass(frozen=True)
class Process:
    """A process by its host, its number, and its start time, because numbers are reused.

    Containers may share the name of their host, and several nodes may be called localhost, although each has
    its own process numbers. `boot` and `pid_namespace` distinguish them; they are empty if unknown.
    """

    host: str
    pid: int
    start: str
    boot: str = ""
    pid_namespace: str = ""

    @classmethod
    def current(cls) -> Process:
        pid = os.getpid()
        return cls(socket.gethostname(), pid, read_start(pid), read_boot(), read_pid_namespace())

    @property
    def is_here(self) -> bool:
        """Whether /proc would show the process if it is running."""
        here = (socket.gethostname(), read_boot(), read_pid_namespace())
        return all(here) and (self.host, self.boot, self.pid_namespace) == here

    def is_alive(self, path: Path) -> bool:
        """Return whether the process still runs; on another node, by the heartbeat of its file `path`."""
        if self.is_here and not is_hidden(self.pid):
            return bool(self.start) and read_start(self.pid) == self.start
        return not is_older(path, GONE_AFTER_S)


def is_older(path: Path, seconds: float) -> bool:
    """Return whether the file `path` has not been touched for `seconds`; False if it is gone."""
    try:
        return file_server_time(path.parent) - path.lstat().st_mtime >= seconds
    except FileNotFoundError:
        return False


def file_server_time(folder: Path) -> float:
    """Return the time in seconds, by the clock that sets the time stamps of files in `folder`."""
    with postponing_stop():
        probe = None
        try:
            # A random name, since others may be able to create links in a folder that a group can write.
            descriptor, probe = tempfile.mkstemp(prefix=".clock-", dir=folder)
            with open(descriptor, "wb"):  # noqa: PTH123 (a descriptor)
                return os.fstat(descriptor).st_mtime
        except OSError:
            return time.time()
        finally:
            if probe:
                with contextlib.suppress(OSError):
                    Path(probe).unlink()


@contextlib.contextmanager
def sending_heartbeat(path: Path) -> Iterator[None]:
    """Within the block, touch the journal `path` regularly, which commands on other hosts check."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_S):
            with contextlib.suppress(OSError):
                os.utime(path, follow_symlinks=False)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
