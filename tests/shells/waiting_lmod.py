"""A stand-in for Lmod that never answers: what starts it is still running when a test's signal comes."""

from __future__ import annotations

from pathlib import Path


def make_waiting_lmod(folder: Path) -> str:
    """Write it into `folder`; return its path, for LMOD_CMD."""
    lmod = folder / "waiting-lmod"
    lmod.write_text("#!/bin/sh\nexec sleep 600\n")
    lmod.chmod(0o755)
    return str(lmod)
