"""A package in the environment that needs libraries of the modules, whose own packages need none."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest
from answers import read_result
from needy_stack import EXTENSION, NeedleStack, compile_shared
from test_light_start import list_compiled
from users import User, make_user

VERSIONS = ("1.0", "1.1")


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory, rpath_stack: NeedleStack) -> User:
    """Return a user with wheels of two versions of a package; only the second needs the modules' library."""
    folder = tmp_path_factory.mktemp("own")
    user = make_user(folder, rpath_stack)
    wheels = folder / "wheels"
    wheels.mkdir()
    for version in VERSIONS:
        make_wheel(wheels, version, rpath_stack if version == VERSIONS[1] else None)
    user.environ["PIP_FIND_LINKS"] += f" {wheels}"
    return user


def make_wheel(folder: Path, version: str, stack: NeedleStack | None) -> None:
    """Make a wheel of the package `tip`; with `stack`, its extension needs a library that no RPATH finds."""
    files = {"tip/__init__.py": b"from needle import find\n"}
    if stack:
        source = folder / "_needle.c"
        source.write_text(EXTENSION)
        library = folder / f"_needle{sysconfig.get_config_var('EXT_SUFFIX')}"
        lib = stack.library_folders[0]
        compile_shared(source, library, f"-I{sysconfig.get_path('include')}", f"-L{lib}", "-lneedle")
        files = {
            "tip/__init__.py": b"from tip._needle import find\n",
            f"tip/{library.name}": library.read_bytes(),
        }
    info = f"tip-{version}.dist-info"
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tip\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},"
        for path, data in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(folder / f"tip-{version}-py3-none-any.whl", "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)


def find(user: User, name: str) -> subprocess.CompletedProcess[str]:
    """Use the package in the environment's Python, without modules."""
    return user.run(f"venvs/{name}-1.0/bin/python -c 'import tip; print(tip.find())'")


def carried(user: User, name: str) -> dict[str, Any]:
    return json.loads((user.home / f"venvs/{name}-1.0/stackenv/record.json").read_text())["carried"]


def shown(user: User, name: str) -> tuple[bool, str]:
    """Return what info says about the restart: in JSON, and in the line of the text."""
    found = read_result(user.stackenv("info", name, "--json").stdout)["carried"]
    (line,) = [x for x in user.stackenv("info", name).stdout.splitlines() if x.startswith("carries ")]
    return found["restarts"], line


def create(user: User, name: str, version: str) -> None:
    made = user.stackenv("create", name, f"tip=={version}", "-m", user.stack.bundle_module)
    assert made.returncode == 0, made.stderr


def test_a_new_environment_records_the_libraries_its_package_needs(
    user: User, rpath_stack: NeedleStack
) -> None:
    create(user, "whole", "1.1")
    assert carried(user, "whole")["libraries"] == rpath_stack.library_folders
    assert (find(user, "whole").stdout, find(user, "whole").stderr) == ("10\n", "")
    restarts, line = shown(user, "whole")
    assert restarts and line.endswith("; starts a second time to load their libraries")


def test_update_records_the_libraries_the_new_version_needs(user: User, rpath_stack: NeedleStack) -> None:
    create(user, "updated", "1.0")
    assert carried(user, "updated")["libraries"] == [] and find(user, "updated").stdout == "10\n"
    restarts, line = shown(user, "updated")
    assert not restarts and line.endswith(" and newer CPUs")
    done = user.stackenv("update", "tip", "--env", "updated", "--yes")
    assert done.returncode == 0, done.stderr
    assert carried(user, "updated")["libraries"] == rpath_stack.library_folders
    assert len(list_compiled(user.home / "venvs/updated-1.0")) == 2
    assert find(user, "updated").stdout == "10\n"


def test_check_finds_and_fixes_a_pip_installed_package_that_needs_libraries(user: User) -> None:
    create(user, "later", "1.0")
    name = "later/1.0"
    install = "module use ~/modules; module load later && pip install -q tip==1.1"
    done = user.run(f"{install} && python -c 'import tip; print(tip.find())'")
    assert done.stdout == "10\n", done.stderr
    missed = find(user, "later")
    assert "libneedle.so.1: cannot open shared object file" in missed.stderr
    found = read_result(user.stackenv("check", name, "--json").stdout)
    assert [(f["rule"], f["what"]) for f in found] == [
        ("carrying", "a package in it needs libraries of the modules, which the record does not contain")
    ]
    # Folders that the user has set do not count as libraries of the modules.
    other = user.stackenv("check", "whole", "--json", LD_LIBRARY_PATH=str(user.home))
    assert read_result(other.stdout) == []
    fixed = user.stackenv("check", name, "--fix", "--yes")
    assert fixed.returncode == 0, fixed.stderr
    assert read_result(user.stackenv("check", name, "--json").stdout) == []
    assert (find(user, "later").stdout, find(user, "later").stderr) == ("10\n", "")
