"""The two versions of uv for the tests: the newest, and a year-old one."""

from __future__ import annotations

from stacked import WORK

# The folders of the programs uv and uvx: see tests/requirements.txt and tests/requirements-installers.txt.
UVS = {"newest": WORK / "venv/bin", "a year old": WORK / "installers/bin"}
