"""This machine: its kind, its operating system, its CPU."""

from __future__ import annotations

import os
import re
from pathlib import Path

from stackenv.record import Platform

# e_machine of the ELF header, by the name that uname gives (elf.h).
ELF_MACHINES = {"x86_64": 62, "aarch64": 183, "ppc64le": 21, "riscv64": 243, "s390x": 22}


def read_os(path: Path = Path("/etc/os-release")) -> str:
    """Return the platform by os-release(5), without its version's minor part.

    PLATFORM_ID where there is one, for it is the same for RHEL and its rebuilds (`el9`), else ID and
    major version (`debian 12`); empty where there is no version.
    """
    try:
        text = "\n" + path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    platform = re.search(r"\nPLATFORM_ID=[\"']?(?:platform:)?([^\"'\n]+)", text)
    if platform:
        return platform.group(1)
    name = re.search(r"\nID=[\"']?([^\"'\n]*)", text)
    major = re.search(r"\nVERSION_ID=[\"']?(\d+)", text)
    return f"{name.group(1)} {major.group(1)}" if name and major else ""


def probe_platform() -> Platform:
    """Return what this machine is; the CPU by archspec's name of its microarchitecture."""
    import archspec.cpu

    return Platform(os.uname().machine, read_os(), archspec.cpu.host().name)
