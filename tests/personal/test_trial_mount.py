"""Before packing, a small image is mounted as a load would do it: where that works, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from packing import require_fuse
from squashfuses import list_squashfuses

from stackenv.record import Platform, Record, write_record_text

TRY = """
import os, pathlib, sys
from stackenv.packing import trial_mount
from stackenv.record import parse_record
record = parse_record(pathlib.Path(sys.argv[1]).read_text(), "it")
if "hang" in sys.argv:
    trial_mount.TIMEOUT_S = 1
elif "interrupt" in sys.argv:
    mount = trial_mount.try_mount
    def interrupted(*arguments):
        mount(*arguments)
        raise KeyboardInterrupt
    trial_mount.try_mount = interrupted
trial_mount.require_mountable(record, sys.argv[2], sys.argv[3], os.environ)
"""


def try_mount(folder: Path, way: str, before: str, what: str = "") -> subprocess.CompletedProcess[str]:
    """Run the trial mount in a separate mount namespace, with temporary files in `folder`/tmp."""
    require_fuse()
    if os.geteuid():
        pytest.skip("only root can make a mount namespace without another of users")
    for name in ("tmp", "node"):
        (folder / name).mkdir()
    platform = Platform("x86_64", "any", "any")
    record = Record("it", "1.0", "venv", str(folder / "it"), str(folder), (), (), "", None, platform)
    (folder / "record").write_text(write_record_text(record))
    words = [sys.executable, "-I", "-c", TRY, str(folder / "record"), way, str(folder / "node"), what]
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{before} && exec "$@"', "sh", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(folder / "tmp"), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("way", ["session", "namespace"])
def test_the_temporary_folder_may_be_mounted_noexec(tmp_path: Path, way: str) -> None:
    done = try_mount(tmp_path, way, "mount -t tmpfs -o noexec none tmp")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "node").iterdir()) == [] and list_squashfuses(tmp_path) == []


# Replaces squashfuse in /usr/bin: starts the real one and then stops it, so that it hangs.
STOPPED = """#!/bin/sh
{folder}/held-squashfuse "$@"
kill -STOP $(pgrep -f "^{folder}/held-squashfuse ")
"""


def list_processes(pattern: str) -> list[int]:
    found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True, check=False)
    return [int(number) for number in found.stdout.split()]


def test_a_hanging_mount_is_unmounted_after_the_timeout(tmp_path: Path) -> None:
    for name in ("squashfuse", "squashfuse_ll"):
        (tmp_path / name).write_text(STOPPED.format(folder=tmp_path))
        (tmp_path / name).chmod(0o755)
    before = (
        "cp /usr/bin/squashfuse held-squashfuse; for f in squashfuse squashfuse_ll; do "
        "[ ! -e /usr/bin/$f ] || mount --bind $f /usr/bin/$f || exit 80; done"
    )
    try:
        done = try_mount(tmp_path, "session", before, "hang")
        assert list_processes(f"^{tmp_path}/held")
    finally:
        for pid in list_processes(f"^{tmp_path}/held"):
            os.kill(pid, signal.SIGKILL)
    assert "could not be loaded" in done.stderr and "no answer within 1 s" in done.stderr, done.stderr
    assert list((tmp_path / "node").iterdir()) == list((tmp_path / "tmp").iterdir()) == []


def test_a_mount_that_cannot_be_unmounted_is_kept_and_reported(tmp_path: Path) -> None:
    before = (
        "for f in fusermount3 fusermount umount; do "
        "[ ! -e /usr/bin/$f ] || mount --bind /bin/false /usr/bin/$f || exit 80; done"
    )
    try:
        done = try_mount(tmp_path, "session", before)
    finally:
        for pid in list_squashfuses(tmp_path):
            os.kill(pid, signal.SIGKILL)
    assert done.returncode == 0, done.stderr
    (left,) = (tmp_path / "node").iterdir()
    assert f"{left}/stackenv-0/" in done.stderr and "could not be unmounted" in done.stderr
    assert f"&& rm -r {left}\n" in done.stderr and list((tmp_path / "tmp").iterdir()) == []


def test_ctrl_c_leaves_no_process_in_the_namespace(tmp_path: Path) -> None:
    done = try_mount(tmp_path, "namespace", "true", "interrupt")
    assert "KeyboardInterrupt" in done.stderr
    assert list_processes(f"{tmp_path}/tmp/.*/enter_namespace.py") == []
    assert list((tmp_path / "node").iterdir()) == list((tmp_path / "tmp").iterdir()) == []
