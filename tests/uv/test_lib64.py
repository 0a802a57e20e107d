"""A venv that has platform-specific packages in lib64, made with a stand-in for Fedora's Python."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from made_stack import Made, find_python, make_module, make_python_module
from stacked import WORK
from users import User
from uvs import UVS

FOR_PLATFORM = Made("for_platform", is_pure=False)
PURE = Made("pure", requires=["for_platform"])
OWN = Made("own", requires=["pure"], is_pure=False)


def make_python_as_fedoras(folder: Path, python: Path) -> Path:
    """Make an installation with the library of `python`, whose sysconfig says lib64; return its Python.

    It is a stand-in for Fedora's Python.
    """
    (library,) = python.parents[1].glob("lib/python3*")
    made = folder / "lib" / library.name
    (made / "site-packages").mkdir(parents=True)
    (folder / "lib64").symlink_to("lib")
    (folder / "bin").mkdir()
    for path in library.iterdir():
        if path.name not in ("site-packages", "site.py"):
            (made / path.name).symlink_to(path)
    text = (library / "site.py").read_text()
    (made / "site.py").write_text(
        text.replace("\nimport sys\n", "\nimport sys\nsys.platlibdir = 'lib64'\n", 1)
    )
    shutil.copy(python.resolve(), folder / "bin" / library.name)
    (folder / "bin/python3").symlink_to(library.name)
    return folder / "bin/python3"


@pytest.fixture
def adopter(user: User, tmp_path: Path) -> User:
    """Return a user of a module with two packages, who has a venv made by virtualenv."""
    python = find_python("3.9")
    user.environ["MODULEPATH"] += f":{user.home}/site"
    (user.home / "uv.toml").write_text("no-index = true\n")
    user.environ["UV_CONFIG_FILE"] = f"{user.home}/uv.toml"
    user.environ["UV_FIND_LINKS"] = str(OWN.write_wheel(user.home / "own").parent)
    program = make_python_as_fedoras(tmp_path / "software/3.9-as-Fedoras", python)
    below = make_python_module(user, program)
    make_module(user, "Plugged/1.0", [FOR_PLATFORM, PURE], below, str(python))
    virtualenv = f"{WORK}/venv/bin/virtualenv -q --no-download --no-seed"
    made = user.run(f"{virtualenv} --app-data ~/cache -p {program} ~/venvs/it")
    assert made.returncode == 0, made.stderr
    return user


def list_packages(user: User) -> list[str]:
    found = (user.home / "venvs/it").glob("lib*/python3*/site-packages/*.dist-info")
    return sorted(str(path.relative_to(user.home / "venvs/it")).replace("python3.9/", "") for path in found)


@pytest.mark.parametrize("uv", UVS)
def test_each_stub_is_in_lib_or_lib64_like_its_package(adopter: User, uv: str) -> None:
    assert not (adopter.home / "venvs/it/lib64").is_symlink()
    adopted = adopter.stackenv("adopt", "venvs/it", "it", load=["Plugged/1.0"])
    assert adopted.returncode == 0, adopted.stderr
    stubs = [
        "lib/site-packages/pure-1.0.dist-info",
        "lib64/site-packages/for_platform-1.0.dist-info",
    ]
    assert list_packages(adopter) == stubs
    installed = adopter.run(f"module use ~/modules; PATH={UVS[uv]}:$PATH; ml it; uv pip install own")
    assert installed.returncode == 0, installed.stderr
    assert [line for line in installed.stderr.splitlines() if line.startswith(" +")] == [" + own==1.0"]
    assert list_packages(adopter) == sorted([*stubs, "lib64/site-packages/own-1.0.dist-info"])
    imported = adopter.run("venvs/it/bin/python -c 'import own, pure, for_platform; print(pure.__file__)'")
    assert imported.stdout.startswith(f"{adopter.home}/software/Plugged/1.0/"), imported.stderr
    checked = adopter.stackenv("check", "it")
    assert checked.returncode == 0, checked.stdout
    for tool in ("uv pip uninstall", "python -m pip uninstall -y"):
        refused = adopter.run(f"module use ~/modules; PATH={UVS[uv]}:$PATH; ml it; {tool} for-platform own")
        assert "was not run: for-platform 1.0 comes with the module Plugged/1.0" in refused.stderr
    exported = adopter.stackenv("export", "it").stdout
    assert "name: own\n" in exported and "name: pure\n" not in exported
    assert adopter.stackenv("edit", "it", "--no-stubs").returncode == 0
    assert list_packages(adopter) == ["lib64/site-packages/own-1.0.dist-info"]


def test_a_refresh_moves_a_stub_whose_package_became_pure(adopter: User) -> None:
    assert adopter.stackenv("adopt", "venvs/it", "it", load=["Plugged/1.0"]).returncode == 0
    wheel = adopter.home / "software/Plugged/1.0/packages/for_platform-1.0.dist-info/WHEEL"
    wheel.write_text(wheel.read_text().replace("Root-Is-Purelib: False", "Root-Is-Purelib: true"))
    checked = adopter.stackenv("check", "it").stdout
    assert "missing: for-platform 1.0; unwanted (the right one exists too): for-platform 1.0" in checked
    assert adopter.stackenv("edit", "it", "--refresh").returncode == 0
    moved = [f"lib/site-packages/{name}-1.0.dist-info" for name in ("for_platform", "pure")]
    assert list_packages(adopter) == moved
    assert adopter.stackenv("check", "it").returncode == 0


@pytest.mark.parametrize("lib", ["lib", "lib64"])
def test_check_reports_lib_and_lib64_writable_by_everybody(adopter: User, lib: str) -> None:
    assert adopter.stackenv("adopt", "venvs/it", "it", load=["Plugged/1.0"]).returncode == 0
    folder = adopter.home / f"venvs/it/{lib}/python3.9/site-packages"
    folder.chmod(0o777)
    checked = adopter.stackenv("check", "it")
    assert checked.returncode != 0 and f"everybody can write {folder}" in checked.stdout
    folder.chmod(0o755)
    assert adopter.stackenv("check", "it").returncode == 0
