"""The temporary folder of one command; if that is killed, the next command removes it."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stackenv.transactions.mounts import remove_folder
from stackenv.transactions.process import Process

# Host, boot, PID namespace, number and start of the process are in the name, so that each folder shows its
# owner as soon as it exists.
NAME = re.compile(r"stackenv-(.+)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(\d+)-(\d+)-(\d+)-[^-]+")


@dataclass(frozen=True)
class Scratch:
    """The temporary folder of a command and of all programs that it starts."""

    folder: Path

    @classmethod
    def make(cls) -> Scratch:
        """Create the folder for this process and the programs that it starts."""
        folder = make_folder(None)
        tempfile.tempdir = str(folder)
        return cls(folder)

    def drop(self) -> None:
        """Remove the folder."""
        tempfile.tempdir = None
        shutil.rmtree(self.folder, ignore_errors=True)


def make_folder(top: Path | None) -> Path:
    """Create a temporary folder of this process in `top`, or in the usual folder for temporary files."""
    me = Process.current()
    prefix = f"stackenv-{me.host}-{me.boot}-{me.pid_namespace}-{me.pid}-{me.start}-"
    return Path(tempfile.mkdtemp(prefix=prefix, dir=top))


def sweep_scratch(top: Path | None = None) -> None:
    """Remove the temporary folders in `top` that this user's killed commands on this host left.

    Without `top`, they are in the usual folder for temporary files.
    """
    for folder in (top or Path(tempfile.gettempdir())).iterdir():
        found = NAME.fullmatch(folder.name)
        if not found:
            continue
        host, boot, pid_namespace, pid, start = found.groups()
        owner = Process(host, int(pid), start, boot, pid_namespace)
        try:
            status = folder.lstat()
            mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
            # These folders have no heartbeat, so that folders of other containers and hosts stay.
            if mine and owner.is_here and not owner.is_alive(folder):
                # It may contain the mount of a test that was killed.
                remove_folder(folder)
        except OSError:
            continue
