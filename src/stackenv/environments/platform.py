"""This machine: its architecture, operating system and CPU, and what compiled packages need of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution
from pathlib import Path

from packaging.utils import canonicalize_name

from stackenv.environments.own_packages import read_site_packages
from stackenv.plain_files import read_file_text
from stackenv.record import Package, Platform

FLAG_VARIABLES = ("CFLAGS", "CXXFLAGS", "FFLAGS", "FCFLAGS", "CPPFLAGS", "RUSTFLAGS")
# Those CPU features of archspec for which compilers generate instructions, as /proc/cpuinfo names them.
INSTRUCTION_SETS = frozenset(
    """
    adx aes avx avx2 avx512_bf16 avx512_bitalg avx512_fp16 avx512_vbmi2 avx512_vnni avx512_vp2intersect
    avx512_vpopcntdq avx512bw avx512cd avx512dq avx512f avx512ifma avx512vbmi avx512vl avx_vnni bmi1 bmi2
    f16c fma fma4 gfni pclmulqdq popcnt rdrand rdseed sha_ni sse4_1 sse4_2 sse4a ssse3 vaes vpclmulqdq xop
    asimd asimddp asimdhp atomics bf16 fphp i8mm sve sve2
    """.split()  # noqa: SIM905 (fifty names read better as words)
)


def read_os(path: Path = Path("/etc/os-release")) -> str:
    """Return the operating system and its major version from os-release(5).

    This is PLATFORM_ID if it is set, because RHEL and its rebuilds share it (`el9`), otherwise ID and the
    major version (`debian 12`). Without a version, it is empty.
    """
    try:
        text = "\n" + read_file_text(path, errors="replace")
    except OSError:
        return ""
    platform = re.search(r"\nPLATFORM_ID=[\"']?(?:platform:)?([^\"'\n]+)", text)
    if platform:
        return platform.group(1)
    name = re.search(r"\nID=[\"']?([^\"'\n]*)", text)
    major = re.search(r"\nVERSION_ID=[\"']?(\d+)", text)
    return f"{name.group(1)} {major.group(1)}" if name and major else ""


def probe_platform() -> Platform:
    """Return the architecture, operating system and CPU of this machine, the CPU as archspec names it."""
    import archspec.cpu

    return Platform(os.uname().machine, read_os(), archspec.cpu.host().name)


def is_built_for_this_cpu(environ: Mapping[str, str]) -> bool:
    """Return whether compilers that run with `environ` build for one CPU (-march, -mcpu; GCC manual)."""
    flags = " ".join(environ.get(variable, "") for variable in FLAG_VARIABLES)
    return bool(re.search(r"-march=|-mcpu=|target-cpu=", flags))


def has_extensions(distribution: Distribution) -> bool:
    """Return whether `distribution` has compiled files, by the RECORD of its metadata (PEP 376)."""
    lines = (distribution.read_text("RECORD") or "").splitlines()
    return any(line.split(",")[0].endswith(".so") for line in lines)


def list_needed_features(
    packages: Sequence[Package], prefix: Path, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the sorted CPU features that packages compiled here may use; empty if there are only wheels.

    A package counts as compiled here if pip built it from source with flags that name a CPU.
    """
    if not is_built_for_this_cpu(environ):
        return ()
    built = {canonicalize_name(p.name) for p in packages if p.source and not p.source.endswith(".whl")}
    if not built or not any(
        canonicalize_name(found.metadata["Name"]) in built and has_extensions(found)
        for found in read_site_packages(prefix)
    ):
        return ()
    return list_cpu_features()


def read_cpu_alias(path: Path = Path("/sys/devices/system/cpu/modalias")) -> str:
    """Return the kernel's alias of this CPU, which contains its type and features; empty without one."""
    try:
        return read_file_text(path, "ascii", "replace").strip()
    except OSError:
        return ""


def list_cpu_features() -> tuple[str, ...]:
    """Return the sorted instruction sets of this machine's CPU, as /proc/cpuinfo names them."""
    import archspec.cpu

    return tuple(sorted(set(archspec.cpu.host().features) & INSTRUCTION_SETS))
