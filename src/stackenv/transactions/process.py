"""The process that holds a journal, and whether it still runs: by its number here, by heartbeat elsewhere."""

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
# A process on another host counts as gone when its heart has stopped for so long.
GONE_AFTER_S = 900


def read_start(pid: int) -> str:
    """Return when the process `pid` of this host was started, in clock ticks; empty when it has ended."""
    try:
        stat = read_file_text(f"/proc/{pid}/stat")
    except OSError:
        return ""
    # The name, in brackets, may hold anything; the state is the third field, the start the 22nd (proc(5)).
    fields = stat.rpartition(")")[2].split()
    # Ended, and its parent has not asked for its status yet.
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
    """Return what tells this boot of this kernel from any other; empty when that cannot be told."""
    try:
        return read_file_text("/proc/sys/kernel/random/boot_id").strip()
    except OSError:
        return ""


def read_pid_namespace() -> str:
    """Return what tells the processes seen here from those of a container; empty when it cannot be told."""
    try:
        # A /proc of another namespace has other processes by our numbers.
        if str(Path("/proc/self").readlink()) == str(os.getpid()):
            return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        pass
    return ""


@dataclass(frozen=True)
class Process:
    """A process: host, number, and start, since numbers are used again.

    Containers that share a host's name, and nodes that are all called localhost, have numbers of their
    own: `boot` and `pid_namespace` tell them apart; empty when unknown.
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
        """Whether /proc shows the process, if it runs."""
        here = (socket.gethostname(), read_boot(), read_pid_namespace())
        return all(here) and (self.host, self.boot, self.pid_namespace) == here

    def is_alive(self, path: Path) -> bool:
        """Return whether the process, of the file `path`, still runs; on another node, by its heartbeat."""
        if self.is_here and not is_hidden(self.pid):
            return bool(self.start) and read_start(self.pid) == self.start
        return not is_older(path, GONE_AFTER_S)


def is_older(path: Path, seconds: float) -> bool:
    """Return whether nobody has touched the file `path` for `seconds`; false when it is gone."""
    try:
        return file_server_time(path.parent) - path.lstat().st_mtime >= seconds
    except FileNotFoundError:
        return False


def file_server_time(folder: Path) -> float:
    """Return the time by the clock that gives files in `folder` their time stamps, in seconds."""
    with postponing_stop():
        probe = None
        try:
            # Of a name that nobody can have put a link at, in a folder that a group may write.
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
def beating(path: Path) -> Iterator[None]:
    """Touch the journal `path` again and again while the block runs, for commands on other hosts."""
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
