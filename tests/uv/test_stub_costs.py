"""What stubs cost that can be counted; their time is measured by tests/bench/stubs.py."""

from __future__ import annotations

from pathlib import Path

from users import User


def test_a_stub_is_not_synced_file_by_file(user: User, tmp_path: Path) -> None:
    """Of a large stack there are hundreds, and a file server takes its time for each."""
    counts = {}
    for name, options in (("it", ""), ("no", "--no-stubs")):
        trace = tmp_path / name
        command = f"stackenv create {name} -m {user.stack.bundle_module} {options}"
        done = user.run(f"strace -f -y -e trace=fsync,fdatasync,sync,syncfs -o {trace} {command}")
        assert done.returncode == 0, done.stderr
        synced = [line for line in trace.read_text().splitlines() if "sync(" in line]
        assert not [line for line in synced if ".dist-info/" in line]
        counts[name] = len(synced)
    assert list(user.home.glob("venvs/it-1.0/lib/python3*/site-packages/numpy-*.dist-info/METADATA"))
    # The list of the stubs for bin/uv.
    assert 0 < counts["it"] - 1 == counts["no"]
