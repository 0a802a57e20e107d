"""This node is not like the one that an environment was made on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from stackenv.environments.platform import read_os
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding when machine, operating system or CPU of this node are others than it needs."""
    record = environment.record
    if record is None:
        return
    made, machine, system = record.platform, os.uname().machine, read_os()
    if machine != made.machine:
        what = f"it was made on {made.machine}, and this node is {machine}"
    elif made.os and system and system != made.os:
        what = f"it was made on {made.os}, and this node has {system}"
    else:
        lacking = sorted(set(record.cpu_features) - read_cpu_features()) if record.cpu_features else []
        if not lacking:
            return
        what = f"packages that were compiled for it need {', '.join(lacking)}, which this node's CPU lacks"
    yield Finding(
        "platform",
        "broken",
        what,
        f"{os.uname().nodename}; made on: {' '.join(filter(None, (made.machine, made.os, made.cpu)))}",
        f"`module load {environment.full_name}` is refused here: its compiled packages could crash",
        f"use it on nodes like that; for this kind of node: stackenv rebuild {environment.full_name}",
        breaks="environment",
    )


def read_cpu_features(path: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Return what this node's CPU can do (proc(5)); its line is `flags`, on Arm `Features`."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        title, _, words = line.partition(":")
        if title.strip() in ("flags", "Features"):
            return set(words.split())
    return set()
