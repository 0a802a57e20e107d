"""Fixtures for the pages: people on a stack, and a site with a conda."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))
