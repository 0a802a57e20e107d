"""`stackenv check` and kernels that no longer start: it removes stackenv's own and reports all others."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

from answers import read_result
from jupyters import PYTHON
from labs import NAME, kernels_of
from people import Person
from stacked import WORK


def find(person: Person) -> list[dict[str, str]]:
    found = read_result(person.stackenv("check", "--json", status=None).stdout)
    return [finding for finding in found if finding["rule"] == "kernels"]


def test_check_reports_nothing_for_a_working_kernel(owner: Person) -> None:
    assert find(owner) == []


def test_check_fix_removes_a_kernel_whose_environment_is_missing(owner: Person) -> None:
    shutil.rmtree(owner.home / "own/lab")
    (found,) = find(owner)
    assert (found["level"], found["module"]) == ("broken", "")
    assert found["where"] == str(kernels_of(owner) / NAME / "kernel.json")
    assert found["hint"] == f"stackenv kernel remove {NAME}"
    before = owner.tree()
    owner.stackenv("check", "--fix", "--yes", status=None)
    assert find(owner) == []
    kept = {path: text for path, text in before.items() if NAME not in path}
    assert {path: owner.tree().get(path) for path in kept if "modules/" not in path} == {
        path: text for path, text in kept.items() if "modules/" not in path
    }


def test_a_broken_kernel_of_another_program_is_reported_and_kept(person: Person) -> None:
    venv = person.home / "own"
    subprocess.run([PYTHON, "-I", "-m", "venv", "--without-pip", venv], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": ""})).relative_to("/")
    install = [venv / "bin/python", "-m", "ipykernel", "install", "--user", "--name", "own"]
    environ = {**person.environ, "PYTHONPATH": str(WORK / "jupyter" / packages)}
    subprocess.run(install, env=environ, check=True, capture_output=True)
    assert find(person) == []
    shutil.rmtree(venv)
    (found,) = find(person)
    folder = kernels_of(person) / "own"
    assert (found["where"], found["fix_steps"]) == (str(folder / "kernel.json"), [])
    assert str(venv / "bin/python") in found["what"]
    before = person.tree()
    person.stackenv("check", "--fix", "--yes", status=1)
    assert person.tree() == before
    typed = found["hint"].rpartition("; or, without jupyter: ")[2]
    subprocess.run(["sh", "-c", typed], check=True)
    assert find(person) == []


def test_an_invalid_kernel_json_is_reported(person: Person) -> None:
    folder = kernels_of(person) / "odd"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text("{")
    (folder.parent / "bash").mkdir()
    (folder.parent / "bash/kernel.json").write_text('{"argv": ["python", "-m", "bash_kernel"]}')
    (folder.parent / "a file").touch()
    (found,) = find(person)
    assert found["where"] == str(folder / "kernel.json")
