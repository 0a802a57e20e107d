"""conda 22.9.0, the oldest supported version, in place of an installation's own conda."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from built import WORK
from copied_installations import copy_installation, separate_packages
from filelock import FileLock

# conda-lock 2 contains the complete conda 22.9.0, which needs toolz and an interface that ruamel.yaml lost.
WHEELS = ("conda-lock==2.5.8", "toolz==1.0.0", "ruamel.yaml==0.17.40")
VENDORED = "conda_lock/_vendor/conda/"


def download_wheels() -> list[Path]:
    """Download WHEELS once; return their files."""
    folder = WORK / "oldest-conda"
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            unfinished = folder.with_suffix(".unfinished")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
            subprocess.run([*pip, "--dest", str(unfinished), *WHEELS], check=True, stdin=subprocess.DEVNULL)
            unfinished.rename(folder)
    return sorted(folder.glob("*.whl"))


def make_oldest_installation(installation: Path, root: Path) -> Path:
    """Create a copy of `installation` at `root`, with conda 22.9.0; return `root`."""
    copy_installation(installation, root)
    packages = separate_packages(root)
    for name in ("conda", "ruamel"):
        (packages / name).unlink()
    for wheel in download_wheels():
        with zipfile.ZipFile(wheel) as archive:
            if not wheel.name.startswith("conda_lock"):
                archive.extractall(packages)
                continue
            archive.extractall(root / "wheel", [n for n in archive.namelist() if n.startswith(VENDORED)])
    shutil.move(root / "wheel" / VENDORED, packages / "conda")
    for source in (packages / "conda").rglob("*.py"):
        text = source.read_bytes().replace(b"conda_lock._vendor.conda", b"conda")
        source.write_bytes(text.replace(b"conda_lock.vendor.conda", b"conda"))
    return root
