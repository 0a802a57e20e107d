"""This machine: its kind, its operating system, its CPU."""

from __future__ import annotations

import os
import re
from pathlib import Path

from stackenv.model.environment import Platform

# e_machine of the ELF header, by the name that uname gives (elf.h).
ELF_MACHINES = {"x86_64": 62, "aarch64": 183, "ppc64le": 21, "riscv64": 243, "s390x": 22}


def read_os(path: Path = Path("/etc/os-release")) -> str:
    """Return ID and major version of os-release(5), such as `rocky 9`; empty where there is no version."""
    try:
        text = "\n" + path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    name = re.search(r"\nID=[\"']?([^\"'\n]*)", text)
    major = re.search(r"\nVERSION_ID=[\"']?(\d+)", text)
    return f"{name.group(1)} {major.group(1)}" if name and major else ""


def probe_platform() -> Platform:
    """Return what this machine is; the CPU by archspec's name of its microarchitecture."""
    import archspec.cpu

    return Platform(os.uname().machine, read_os(), archspec.cpu.host().name)
