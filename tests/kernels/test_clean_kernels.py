"""`stackenv clean` and kernels that can no longer start."""

from __future__ import annotations

import shutil
from pathlib import Path

from answers import read_result
from people import Person


def test_clean_removes_only_stackenvs_kernels_of_missing_environments(owner: Person) -> None:
    kernels = owner.home / ".local/share/jupyter/kernels"
    (ours,) = kernels.iterdir()
    (kernels / "theirs").mkdir()
    (kernels / "theirs/kernel.json").write_text('{"argv": ["/gone/python"], "display_name": "x"}')
    (entry,) = read_result(owner.stackenv("list", "--json").stdout)
    shutil.rmtree(entry["environment"])
    found = read_result(owner.stackenv("clean", "--json").stdout)
    assert sorted(item["category"] for item in found) == ["kernels", "modules"]
    owner.stackenv("clean", "--yes")
    assert [path.name for path in kernels.iterdir()] == ["theirs"]
    assert not ours.exists() and read_result(owner.stackenv("clean", "--json").stdout) == []


def test_a_kernel_is_kept_while_the_file_system_of_its_environment_is_unavailable(owner: Person) -> None:
    (entry,) = read_result(owner.stackenv("list", "--json").stdout)
    folder = Path(entry["environment"]).parent
    away = folder.with_name("away")
    folder.rename(away)
    before = owner.tree()
    (kernel,) = read_result(owner.stackenv("kernel", "list", "--json").stdout)
    assert kernel["state"] == "environment unavailable" and str(folder) in kernel["hint"]
    assert read_result(owner.stackenv("clean", "--json").stdout) == []
    owner.stackenv("clean", "--yes")
    owner.stackenv("check", "--fix", "--yes", status=1)
    assert owner.tree() == before
    away.rename(folder)
    (kernel,) = read_result(owner.stackenv("kernel", "list", "--json").stdout)
    assert kernel["state"] == "ok"


def test_a_kernel_of_an_environment_with_an_unreadable_record_is_kept(owner: Person) -> None:
    (entry,) = read_result(owner.stackenv("list", "--json").stdout)
    record = Path(entry["environment"], "stackenv/record.json")
    text = record.read_text()
    record.write_text(text.replace('"record_version": 1', '"record_version": 99'))
    (kernel,) = read_result(owner.stackenv("kernel", "list", "--json").stdout)
    assert kernel["state"] == "record unreadable"
    owner.stackenv("clean", "--yes")
    owner.stackenv("check", "--fix", "--yes", status=1)
    record.write_text(text)
    (kernel,) = read_result(owner.stackenv("kernel", "list", "--json").stdout)
    assert kernel["state"] == "ok"
