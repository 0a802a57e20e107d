"""A stand-in for Lmod that never answers, so that its caller still runs when a test sends a signal."""

from __future__ import annotations

from pathlib import Path


def make_waiting_lmod(folder: Path) -> str:
    """Write the stand-in into `folder`; return its path, for LMOD_CMD."""
    lmod = folder / "waiting-lmod"
    lmod.write_text("#!/bin/sh\nexec sleep 600\n")
    lmod.chmod(0o755)
    return str(lmod)
