"""Check quickly whether killed commands may have left something, before the code to undo it is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# A folder in the folder of modules; Lmod ignores names that begin with a dot.
JOURNALS = ".stackenv"
# The beginning of the names of temporary folders.
SCRATCH = "stackenv-{host}-"


def may_have_journals(modules: Path) -> bool:
    """Return whether the folder `modules` may contain journals."""
    folder = modules / JOURNALS
    try:
        return folder.is_symlink() or bool(os.listdir(folder))  # noqa: PTH208 (names alone)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        # The code that reads the journals reports the error.
        return True


def may_have_scratch(environ: Mapping[str, str]) -> bool:
    """Return whether there may be a temporary folder of this user's commands, running ones included.

    It is searched where this command would create its own (tempfile, `_candidate_tempdir_list`).
    """
    named = (environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    for folder in filter(None, (*named, "/tmp", "/var/tmp", "/usr/tmp")):
        if os.access(folder, os.W_OK | os.X_OK):
            return has_own_scratch(folder)
    return True


def has_own_scratch(folder: str) -> bool:
    """Return whether `folder` contains a temporary folder of this user, or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            begin = SCRATCH.format(host=os.uname().nodename)
            begun = (entry for entry in entries if entry.name.startswith(begin))
            return any(entry.stat(follow_symlinks=False).st_uid == os.geteuid() for entry in begun)
    except OSError:
        return True
