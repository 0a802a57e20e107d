"""`stackenv export`: what it writes can be used to recreate the environment."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from people import VERSION, Person


def test_the_yaml_export_is_the_record_without_carried_modules_and_stubs(owner: Person) -> None:
    exported = yaml.safe_load(owner.stackenv("export", "biopy").stdout)
    record = json.loads((owner.home / "venvs/biopy-1.0/stackenv/record.json").read_text())
    # The record lists packages in the order in which the file system returned them.
    record["packages"].sort(key=lambda package: package["name"])
    # What the modules set on this machine does not apply elsewhere.
    assert record["carried"] is not None
    record["carried"] = None
    assert [stub["name"] for stub in record["stubs"]] == ["tiny-stack"]
    record["stubs"] = []
    assert exported == record


def test_requirements_recreate_the_same_environment(owner: Person) -> None:
    text = owner.stackenv("export", "biopy", "--format", "requirements").stdout
    assert "# module load Bundle/1\n" in text
    assert f"# Python {VERSION}\n" in text
    (owner.home / "requirements.txt").write_text(text)
    owner.create("again", "-r", "requirements.txt")
    code = "import tiny_own; print(tiny_own.VERSION)"
    assert owner.stackenv("run", "again", "python", "-c", code).stdout == "1.1\n"
    again = owner.stackenv("export", "again", "--format", "requirements").stdout
    assert again.splitlines()[1:] == text.splitlines()[1:]


def test_a_package_installed_from_a_file_is_exported_by_its_url(owner: Person) -> None:
    wheel = owner.site.wheels / "tiny_own-1.0-py3-none-any.whl"
    owner.create("local", str(wheel))
    text = owner.stackenv("export", "local", "--format", "requirements").stdout
    assert text.splitlines()[-1] == f"tiny-own @ {wheel.as_uri()}"


def test_a_description_cannot_become_a_requirement(owner: Person) -> None:
    owner.create("described", "--description", "first\nevil-package==1")
    lines = owner.stackenv("export", "described", "--format", "requirements").stdout.splitlines()
    assert [line for line in lines if not line.startswith("#")] == []


def test_the_conda_environment_file_lists_python_and_the_pip_packages(owner: Person) -> None:
    found = yaml.safe_load(owner.stackenv("export", "biopy", "--format", "environment").stdout)
    assert found["name"] == "biopy"
    assert found["channels"] == ["conda-forge"]
    assert found["dependencies"] == [f"python={VERSION}", "pip", {"pip": ["tiny-own==1.1"]}]


def test_requirements_match_pip_freeze_without_the_modules_packages(owner: Person) -> None:
    python = owner.home / "venvs/biopy-1.0/bin/python"
    frozen = subprocess.run(
        [python, "-I", "-m", "pip", "freeze", "--local"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    text = owner.stackenv("export", "biopy", "--format", "requirements").stdout
    # pip freeze also lists the packages of modules that stackenv shows to uv; the modules provide them.
    frozen.remove("tiny-stack==1.0")
    assert [line for line in text.splitlines() if not line.startswith("#")] == frozen


def test_a_missing_record_is_an_error_with_a_hint(owner: Person) -> None:
    place = owner.create("gone")
    (place / "stackenv/record.json").unlink()
    done = owner.stackenv("export", "gone", status=1)
    assert (done.stdout, "hint: " in done.stderr) == ("", True)


def read_held(text: str) -> list[str]:
    """Return the packages that lines of a pyproject.toml pin for uv; the lines may contain nothing else."""
    # In the standard library since Python 3.11.
    found = pytest.importorskip("tomllib").loads(text)
    assert [*found, *found["tool"], *found["tool"]["uv"]] == ["tool", "uv", "constraint-dependencies"]
    held: list[str] = found["tool"]["uv"]["constraint-dependencies"]
    return held


def test_the_uv_export_pins_the_modules_packages_for_their_python(owner: Person) -> None:
    text = owner.stackenv("export", "biopy", "--format", "uv").stdout
    # The pin is for the module's Python only. The file it is appended to may not end with a line break.
    assert read_held(text) == ["tiny-stack==1.0 ; python_version == '3.11'"]
    assert """    "tiny-stack==1.0 ; python_version == '3.11'",  # Bundle/1\n""" in text
    assert read_held(f"# a comment{text}") == read_held(text)


def test_odd_module_names_and_versions_do_not_break_the_uv_export(owner: Person) -> None:
    prefix = owner.create("odd")
    record = json.loads((prefix / "stackenv/record.json").read_text())
    record["pinned"] = [["tiny-stack", '1.0"]\n', "Bundle/1\nevil = 1"]]
    (prefix / "stackenv/record.json").write_text(json.dumps(record))
    text = owner.stackenv("export", "odd", "--format", "uv").stdout
    assert read_held(text) == ["tiny-stack==1.0\"]\n ; python_version == '3.11'"]


def test_the_uv_export_fails_when_there_is_nothing_to_pin(owner: Person) -> None:
    owner.create("free", "--os-python", module="Extra/1")
    done = owner.stackenv("export", "free", "--format", "uv", status=1)
    assert (done.stdout, "free/1.0 has no packages of modules to pin" in done.stderr) == ("", True)
