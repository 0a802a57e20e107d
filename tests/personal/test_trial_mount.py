"""Before a pack a small image is mounted, as a load would do it: where that can be tried, and what stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from packing import list_squashfuses, require_fuse

from stackenv.model.environment import Platform, Record
from stackenv.model.record import write_record_text

TRY = """
import os, pathlib, sys
from stackenv.apply.trial_mount import require_mountable
from stackenv.model.record import parse_record
record = parse_record(pathlib.Path(sys.argv[1]).read_text(), "it")
require_mountable(record, sys.argv[2], sys.argv[3], os.environ)
"""


def try_mount(folder: Path, way: str, before: str) -> subprocess.CompletedProcess[str]:
    """Try to mount in a mount namespace of its own, with temporary files in tmp of `folder`."""
    require_fuse()
    if os.geteuid():
        pytest.skip("only root can make a mount namespace without another of users")
    for name in ("tmp", "node"):
        (folder / name).mkdir()
    platform = Platform("x86_64", "any", "any")
    record = Record("it", "1.0", "venv", str(folder / "it"), str(folder), (), (), "", None, platform)
    (folder / "record").write_text(write_record_text(record))
    words = [sys.executable, "-I", "-c", TRY, str(folder / "record"), way, str(folder / "node")]
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{before} && exec "$@"', "sh", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(folder / "tmp"), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize("way", ["session", "namespace"])
def test_the_temporary_folder_may_be_mounted_noexec(tmp_path: Path, way: str) -> None:
    done = try_mount(tmp_path, way, "mount -t tmpfs -o noexec none tmp")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "node").iterdir()) == [] and list_squashfuses(tmp_path) == []
