"""Costs of stubs that can be counted; tests/bench/stubs.py measures times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from users import User


def test_stubs_are_not_synced_file_by_file(user: User, tmp_path: Path) -> None:
    """A large stack has hundreds of stubs, and a file server needs time for each sync."""
    bundle = user.stack.bundle_module
    with_stubs = list_synced(user, f"create it -m {bundle}", tmp_path)
    without = list_synced(user, f"create no -m {bundle} --no-stubs", tmp_path)
    assert list(user.home.glob("venvs/it-1.0/lib/python3*/site-packages/numpy-*.dist-info/METADATA"))
    assert not [path for path in with_stubs if ".dist-info/" in path]
    assert 0 < len(with_stubs) == len(without)


def test_the_journal_is_written_once_for_all_stubs(user: User, tmp_path: Path) -> None:
    """It contains the texts of all remaining files; once per file took half a minute on a large stack."""
    made = user.stackenv("create", "it", load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    stub = "venvs/it-1.0/lib/python3*/site-packages/numpy-*.dist-info/METADATA"
    for option, there in (("--no-stubs", False), ("--stubs", True)):
        changing = list_synced(user, f"edit it {option}", tmp_path)
        assert bool(list(user.home.glob(stub))) == there
        again = list_synced(user, f"edit it {option}", tmp_path)
        assert not [path for path in changing if ".dist-info/" in path]
        # Once for the stubs, and for the few files that change with them.
        assert 0 < count_journals(changing) <= count_journals(again) + 3


def test_removing_an_adopted_environment_writes_no_journal_per_stub(user: User, tmp_path: Path) -> None:
    start = f"module load {user.stack.bundle_module}; python -m venv --without-pip venvs/own"
    counts = []
    for option in ("", "--no-stubs"):
        adopted = user.run(f"{start}; stackenv adopt venvs/own own {option}")
        assert adopted.returncode == 0, adopted.stderr
        counts.append(count_journals(list_synced(user, "remove own --yes", tmp_path)))
        assert not list(user.home.glob("venvs/own/lib/python3*/site-packages/*-info"))
    assert 0 < counts[0] <= counts[1] + 2


def count_journals(paths: Sequence[str]) -> int:
    return sum("/.stackenv/" in path for path in paths)


def list_synced(user: User, arguments: str, folder: Path) -> list[str]:
    """Run `stackenv ARGUMENTS`; return the lines of strace for the files that it synced."""
    trace = folder / "trace"
    calls = "fsync,fdatasync,sync,syncfs"
    done = user.run(f"strace -f -y -e trace={calls} -o {trace} stackenv {arguments}")
    assert done.returncode == 0, done.stderr
    return [line for line in trace.read_text().splitlines() if "sync(" in line]
