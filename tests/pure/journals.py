"""Make the journals that a killed command leaves, and recover from them as the next command does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stackenv.environments.marks import MARKS
from stackenv.transactions.changes import Change
from stackenv.transactions.journal import Journal
from stackenv.transactions.journal_file import Note
from stackenv.transactions.process import GONE_AFTER_S, Process

MEMBER = 74012


def dead_owner() -> Process:
    """Return a process of this host that has ended."""
    script = (
        "import json; from stackenv.transactions.process import Process; "
        "print(json.dumps(vars(Process.current())))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return Process(**json.loads(done.stdout))


def leave(folder: Path, *finish: Change, undo: tuple[Change, ...] = ()) -> Path:
    """Write the journal of a command that was killed while it changed tool/1.0; return its path."""
    path = folder / "modules/.stackenv/tool@1.0.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Note("tool/1.0", "stackenv edit tool", dead_owner(), undo, finish).text())
    path.chmod(0o644)
    return path


def recover(folder: Path) -> list[str]:
    """Recover from killed commands, as each command does first; return its messages."""
    return Journal(folder / "modules", MARKS).recover()


def age(path: Path) -> None:
    long_ago = time.time() - 2 * GONE_AFTER_S
    os.utime(path, (long_ago, long_ago))


def require_root() -> None:
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("files of another user take root and setpriv")
