"""`stackenv rebuild` on real stacks: to the next generation, and of broken environments."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from answers import read_result
from in_ci import fail_or_skip
from stacked import Stack
from trees import describe_tree, mode_of
from users import User, make_user
from wheels import make_wheel

LOOK = """\
import sys, json, numpy, packaging, Bio
from Bio import Align
Align.PairwiseAligner().score("ACGT", "ACG")
print(json.dumps([sys.prefix, numpy.__version__, numpy.__file__, packaging.__version__, Bio.__version__]))
"""


def look(user: User, name: str = "it") -> list[str]:
    """Return what `LOOK` prints with the module loaded; it also runs compiled code of an own package."""
    done = user.run(f"module use ~/modules; module load {name} && python -c '{LOOK}'")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def describe_old(prefix: Path) -> dict[str, object]:
    """Return the files at `prefix`, except compiled ones and `replaced_by` in the record."""
    record = json.loads((prefix / "stackenv/record.json").read_text())
    kept = {name: what for name, what in describe_tree(prefix).items() if "__pycache__" not in name}
    return {**kept, "stackenv/record.json": {**record, "replaced_by": ""}}


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with it/1.0 of the first generation, which has a packaging of its own."""
    owner = make_user(tmp_path_factory.mktemp("rebuild"), one_stack)
    words = ("biopython", "packaging==24.2", "--allow-shadow", "packaging")
    made = owner.stackenv("create", "it", *words, "-m", one_stack.bundle_module)
    assert made.returncode == 0, made.stderr
    return owner


def test_a_dry_run_changes_nothing(owner: User) -> None:
    before = describe_tree(owner.home.parent)
    done = owner.stackenv("rebuild", "it", "-m", owner.stack.next_bundle_module, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "install with pip: biopython packaging\n" in done.stdout
    assert describe_tree(owner.home.parent) == before


def test_other_loaded_modules_are_not_used_but_suggested(owner: User) -> None:
    following = owner.stack.next_bundle_module
    done = owner.stackenv("rebuild", "it", "--dry-run", load=[following])
    assert f"stackenv rebuild it/1.0 -m {following}" in done.stderr
    assert f"Rebuilding it/1.0 on {owner.stack.bundle_module}, in" in done.stderr


def test_rebuild_on_the_next_generation_keeps_packages_and_the_old_environment(owner: User) -> None:
    old, new = owner.home / "venvs/it-1.0", owner.home / "venvs/it-1.0-2"
    first = look(owner)
    before = describe_old(old)
    done = owner.stackenv("rebuild", "it", "-m", owner.stack.next_bundle_module, "--json")
    assert done.returncode == 0, done.stderr
    result = read_result(done.stdout)
    assert {p["name"]: p["version"] for p in result["package_report"]["kept"]} == {
        "biopython": "1.85",
        "packaging": "24.2",
    }
    report = result["package_report"]
    assert (report["changed"], report["missing"], report["provided_by_modules"]) == ([], [], [])
    prefix, numpy, file, packaging, biopython = look(owner)
    assert (prefix, packaging, biopython) == (str(new), "24.2", first[4])
    assert first[1].startswith("1.25.") and numpy == "1.26.4"
    assert f"/{owner.stack.next_bundle_module}/" in file
    assert mode_of(new) == "drwx------"
    assert describe_old(old) == before
    assert read_result(owner.stackenv("check", "it", "--json").stdout) == []
    checked = owner.stackenv("run", "it", "--", "python", "-m", "pip", "check")
    assert checked.stdout == "No broken requirements found.\n", checked.stderr
    record = json.loads((new / "stackenv/record.json").read_text())
    assert (record["replaces"], record["modules"]) == (str(old), [owner.stack.next_bundle_module])


def test_the_hint_rebuilds_an_environment_whose_modules_and_python_are_missing(
    user: User, one_stack: Stack, tmp_path: Path
) -> None:
    modules = tmp_path / "modules"
    shutil.copytree(one_stack.modulepath, modules, symlinks=True)
    user.environ["MODULEPATH"] = str(modules)
    made = user.stackenv("create", "it", "biopython", "-m", one_stack.bundle_module)
    assert made.returncode == 0, made.stderr
    for gone in (one_stack.bundle_module, one_stack.python_module):
        (modules / f"{gone}.lua").unlink()
    for python in (user.home / "venvs/it-1.0/bin").glob("python*"):
        python.unlink()
        python.symlink_to("/nonexistent/python3")
    before = describe_tree(user.home)
    failed = user.stackenv("rebuild", "it")
    assert failed.returncode == 7, failed.stderr
    command = f"stackenv rebuild it/1.0 -m {one_stack.next_bundle_module}"
    assert command in failed.stderr
    assert describe_tree(user.home) == before
    done = user.run(command)
    assert done.returncode == 0, done.stderr
    assert look(user)[:2] == [str(user.home / "venvs/it-1.0-2"), "1.26.4"]


def test_a_package_that_conflicts_with_the_new_stack_is_reported(user: User, tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "tiny-old", "1.0", ["packaging==23.1"])
    user.environ["PIP_FIND_LINKS"] += f" {tmp_path / 'wheels'}"
    made = user.stackenv("create", "it", "six", "tiny-old", "-m", user.stack.bundle_module)
    assert made.returncode == 0, made.stderr
    done = user.stackenv("rebuild", "it", "-m", user.stack.next_bundle_module)
    assert done.returncode == 0, done.stderr
    # The first generation has packaging 23.1, the next 23.2.
    (line,) = done.stdout.splitlines()
    assert line.startswith("tiny-old 1.0: not installed: ")
    assert f"packaging 23.2 (the module {user.stack.next_bundle_module})" in line


def test_a_packed_environment_is_rebuilt_unpacked(user: User) -> None:
    if not shutil.which("mksquashfs"):
        fail_or_skip("mksquashfs is not installed")
    made = user.stackenv("create", "it", "biopython", "-m", user.stack.bundle_module)
    packed = user.stackenv("pack", "it")
    assert (made.returncode, packed.returncode) == (0, 0), made.stderr + packed.stderr
    before = describe_old(user.home / "venvs/it-1.0")
    done = user.stackenv("rebuild", "it", "-m", user.stack.next_bundle_module)
    assert done.returncode == 0, done.stderr
    assert (
        "the old environment is packed, the new one is not; to pack it: stackenv pack it/1.0" in done.stderr
    )
    assert look(user)[:2] == [str(user.home / "venvs/it-1.0-2"), "1.26.4"]
    assert describe_old(user.home / "venvs/it-1.0") == before
    (item,) = read_result(user.stackenv("clean", "--json").stdout)
    assert (item["category"], item["paths"]) == ("old-rebuilds", [str(user.home / "venvs/it-1.0")])
    assert user.stackenv("clean", "--yes").returncode == 0
    assert not (user.home / "venvs/it-1.0").exists()
