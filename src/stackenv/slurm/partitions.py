"""The partitions of Slurm, from a cached list: Slurm is asked rarely, and not waited for long."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stackenv.captured_run import run_captured
from stackenv.private_cache import find_cache, read_private, write_private

LIST_FILE = "stackenv/partitions.json"
# Sites rarely add partitions, and ask users not to poll Slurm.
AGE_S = 600
# If the list was empty: Slurm was busy, or is still being set up.
AGE_WITHOUT_S = 30
# A user is waiting for TAB, and a busy Slurm can take minutes.
WAIT_S = 1.0


def list_partitions(environ: Mapping[str, str]) -> list[str]:
    """Return the names of Slurm's partitions from a recent list; none without Slurm.

    If Slurm does not answer, the old list is used, and Slurm is not asked again for a while.
    """
    sinfo = shutil.which("sinfo", path=environ.get("PATH", ""))
    if not sinfo:
        return []
    cluster, now = environ.get("SLURM_CONF", ""), time.time()
    cache = find_cache(environ, LIST_FILE)
    kept = read_list(cache) if cache else {}
    if kept.get("cluster") != cluster:
        kept = {"cluster": cluster, "asked": 0, "names": []}
    if not 0 <= now - kept["asked"] < (AGE_S if kept["names"] else AGE_WITHOUT_S):
        kept = {**kept, "asked": now, "names": ask_partitions(sinfo, environ) or kept["names"]}
        if cache:
            write_private(cache, json.dumps(kept))
    return list(kept["names"])


def read_list(path: Path) -> dict[str, Any]:
    """Return what `list_partitions` wrote to `path`; nothing if others could have written it."""
    try:
        kept = json.loads(read_private(path))
    except (OSError, ValueError, RecursionError):
        return {}
    is_whole = (
        isinstance(kept, dict)
        and isinstance(kept.get("asked"), (int, float))
        and isinstance(kept.get("names"), list)
        and all(isinstance(name, str) for name in kept["names"])
    )
    return kept if is_whole else {}


def ask_partitions(sinfo: str, environ: Mapping[str, str]) -> list[str]:
    """Return what `sinfo` lists; nothing if it does not answer quickly."""
    # Some of its variables select partitions (sinfo(1), "ENVIRONMENT VARIABLES").
    plain = {name: value for name, value in environ.items() if not name.startswith("SINFO_")}
    try:
        done = run_captured([sinfo, "--noheader", "--format=%R"], plain, WAIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return []
    # With several clusters, extra lines name the clusters.
    return [] if done.returncode else [line for line in done.stdout.split("\n") if line and " " not in line]
