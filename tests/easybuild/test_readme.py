"""The commands in README and in the pages for admins set up all they need, or say what is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from open_ways import open_way_to
from runner import CHECKOUT

TOOLS = (
    *("sh", "bash", "id", "dirname", "cat", "tr", "grep", "sed", "cut", "find", "sort", "sha256sum"),
    *("python3", "gcc", "make", "zsh", "tcsh", "ksh", "mksh", "strace", "shellcheck", "git", "mkdir", "rm"),
    "luacheck",
)


def test_the_demonstration_completes_and_installs_nothing_twice() -> None:
    done = subprocess.run(
        ["sh", "tests/demo.sh"], cwd=CHECKOUT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(
        "The demonstration is complete: no conda init, no trace; and numpy is the site's.\n"
    )
    assert "this shell has no function `conda`" in done.stdout
    assert "prepare: installing" not in done.stderr and "prepare: making" not in done.stderr


def test_each_python_module_that_a_page_runs_is_installed_by_that_page() -> None:
    """Except venv and pip, which come with Python."""
    builds = 0
    for page in [CHECKOUT / "README.md", *(CHECKOUT / "docs/admins").glob("*.md")]:
        text = page.read_text()
        run = set(re.findall(r"python\S* -m (\w+)", text))
        builds += "build" in run
        assert run - {"venv", "pip"} <= set(re.findall(r"pip install (\w+)", text)), page
    assert builds


def test_prepare_without_root_names_missing_programs_and_changes_nothing(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can become somebody else; without root the check is the real one")
    # All tools except fish and lmod, and neither apt nor dpkg.
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(shutil.which(tool) or f"/missing/{tool}")
    tmp_path.chmod(0o755)
    open_way_to(tmp_path)
    copy = tmp_path / "checkout/tests"
    copy.mkdir(parents=True)
    shutil.copy(CHECKOUT / "tests/prepare.sh", copy)
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        [shutil.which("sh") or "sh", str(copy / "prepare.sh")],
        env={"PATH": str(tmp_path), "LMOD_CMD": "/missing/lmod"},
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "missing on this machine: lmod fish" in done.stderr
    assert "apt-get install -y --no-install-recommends lmod fish" in done.stderr
    assert "dnf install -y Lmod" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before
