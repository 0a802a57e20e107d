"""Lmod's own note of the modules is older than they are: it does not see the new ones."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from stackenv.account.account import Account
from stackenv.health.finding import Finding, RunCommand

# Up to Lmod 8.7.14, where files with a dot are not wanted, and since.
FOLDERS = (".lmod.d/.cache", ".lmod.d/__cache__", ".cache/lmod")
VALID_S = 86400
# The first level of the table is by folder (libexec/serializeTbl.lua); in the compiled file it stands too.
COVERED = re.compile(rb"""["'\x00-\x1f\x80-\xff](/[^"'\x00-\x1f\x80-\xff]+)""")


def find(account: Account) -> Iterator[Finding]:
    """Yield a finding for each cache of the user that Lmod still believes and that lacks new modules."""
    modulepath = [folder for folder in account.environ.get("MODULEPATH", "").split(":") if folder]
    for folder in (account.home / name for name in FOLDERS):
        files = sorted(path for path in folder.glob("spiderT*") if path.is_file())
        if not files or (folder / "invalidated").exists():
            continue
        # By the oldest: Lmod reads the compiled one first.
        written = min(path.stat().st_mtime for path in files)
        if written < time.time() - read_valid_s(account):
            continue
        covered = {m.decode("utf-8", "replace") for path in files for m in COVERED.findall(path.read_bytes())}
        changed = [place for place in modulepath if place in covered and is_newer(Path(place), written)]
        if changed:
            fix = RunCommand(("rm", *map(str, files)))
            yield Finding(
                "lmod-cache",
                "warning",
                f"Lmod's cache is older than the modules in {', '.join(changed)}",
                str(files[0]),
                "until it is a day old, `module spider` does not find what is new there, and shows what is "
                "gone; with LMOD_CACHED_LOADS `module load` too; Lmod writes it again when it needs it",
                f"{fix.sentence}; or once: module --ignore_cache spider",
                (fix,),
            )


def read_valid_s(account: Account) -> int:
    """Return for how long Lmod believes a cache."""
    text = account.environ.get("LMOD_ANCIENT_TIME", "")
    return int(text) if text.isdigit() else VALID_S


def is_newer(folder: Path, written: float) -> bool:
    """Tell whether a module has come or gone below `folder` since, by the times of the folders alone."""
    with contextlib.suppress(OSError):
        if folder.stat().st_mtime > written:
            return True
        with os.scandir(folder) as entries:
            below = [Path(entry.path) for entry in entries if entry.is_dir() and entry.name[0] != "."]
        return any(is_newer(entry, written) for entry in below)
    return False
