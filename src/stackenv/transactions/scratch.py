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

# Host, boot, PID namespace, number and start of the process: a folder without a word about its owner is
# never made.
NAME = re.compile(r"stackenv-(.+)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(\d+)-(\d+)-(\d+)-[^-]+")


@dataclass(frozen=True)
class Scratch:
    """A temporary folder in which all that a command starts has its temporary files."""

    folder: Path

    @classmethod
    def make(cls) -> Scratch:
        """Make the folder, for this process and what it starts."""
        folder = make_folder(None)
        tempfile.tempdir = str(folder)
        return cls(folder)

    def drop(self) -> None:
        """Remove the folder."""
        tempfile.tempdir = None
        shutil.rmtree(self.folder, ignore_errors=True)


def make_folder(top: Path | None) -> Path:
    """Make a temporary folder of this process in `top`, or where such folders are."""
    me = Process.current()
    prefix = f"stackenv-{me.host}-{me.boot}-{me.pid_namespace}-{me.pid}-{me.start}-"
    return Path(tempfile.mkdtemp(prefix=prefix, dir=top))


def sweep_scratch(top: Path | None = None) -> None:
    """Remove what this user's killed commands on this host have left in `top`, or in the temporary folder."""
    for folder in (top or Path(tempfile.gettempdir())).iterdir():
        found = NAME.fullmatch(folder.name)
        if not found:
            continue
        host, boot, pid_namespace, pid, start = found.groups()
        owner = Process(host, int(pid), start, boot, pid_namespace)
        try:
            status = folder.lstat()
            mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
            # Its heart does not beat: what another container has made there cannot be told from a dead one.
            if mine and owner.is_here and not owner.is_alive(folder):
                # A trial of a mount may have been killed in it.
                remove_folder(folder)
        except OSError:
            continue
