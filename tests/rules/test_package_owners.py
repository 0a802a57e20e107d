"""Each package of a conda environment has one owner, conda or pip: in check, its fixes, info and adopt."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from answers import read_result

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from built import SITE_CONFIGURATION, BuiltModules
from findings import read_findings
from made_again import make_again
from stacked import open_stack
from users import User, make_user
from wheels import make_wheel

INSIDE = "stackenv run it/1.0 -- "


def check(user: User, *words: str) -> list[dict[str, Any]]:
    done = user.stackenv("check", *words, "--json")
    assert done.stdout, done.stderr
    return [f for f in read_findings(done.stdout) if f["rule"] != "generic-packages"]


def pip(user: User, *words: str) -> None:
    done = user.stackenv("run", "it", "--", "python", "-m", "pip", "install", "-q", "--no-deps", *words)
    assert done.returncode == 0, done.stderr


def adopt_again(user: User) -> str:
    """Write the module again by adopting the environment, which may then have moved; return the messages."""
    (user.modules / "it/1.0.lua").unlink()
    adopted = user.stackenv("adopt", str(prefix_of(user)), "it")
    assert adopted.returncode == 0, adopted.stderr
    return adopted.stderr


def prefix_of(user: User) -> Path:
    return user.home / "conda/envs/it-1.0"


def site_of(user: User) -> Path:
    (site,) = prefix_of(user).glob("lib/python3*/site-packages")
    return site


def wheels_of(user: User) -> Path:
    return user.home / "wheels"


@pytest.fixture
def user(tmp_path_factory: pytest.TempPathFactory, built_modules: BuiltModules) -> User:
    """Return a user with the conda environment `it` and its module; pip has added the program `tool`."""

    def make(folder: Path) -> User:
        user = make_user(folder, open_stack("eb5-pythonpath"))
        configuration = folder / "site.yaml"
        configuration.write_text(SITE_CONFIGURATION)
        user.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
        user.environ["PIP_FIND_LINKS"] = str(wheels_of(user))
        made = user.stackenv("create", "it", "--conda", "activating", "python", "pip", "pandas")
        assert made.returncode == 0, made.stderr
        make_wheel(wheels_of(user), "tool", "1.0")
        pip(user, "tool")
        return user

    return make_again(tmp_path_factory.getbasetemp() / "owned", make)


def test_condas_pip_without_an_installer_file_is_restored_by_conda(user: User) -> None:
    assert check(user, "it") == []
    (installer,) = site_of(user).glob("pip-*.dist-info/INSTALLER")
    installer.unlink()
    version = installer.parent.name.split("-")[1].removesuffix(".dist")
    (found,) = check(user, "it")
    by_conda = f"{INSIDE}conda install --yes --force-reinstall pip={version}"
    assert (found["where"], found["hint"]) == (str(installer), by_conda)
    listed = user.stackenv("check", "it", "--fix", "--dry-run").stdout.splitlines()
    assert listed == [by_conda]
    assert user.stackenv("check", "it", "--fix", "--yes").returncode == 0
    assert check(user, "it") == []


def test_a_changed_file_of_a_noarch_conda_package_is_reported(user: User) -> None:
    module = site_of(user) / "pandas/__init__.py"
    contents = module.read_bytes()
    # The file is a hard link to the one in conda's cache, which must not change.
    module.unlink()
    module.write_bytes(contents.swapcase())
    (found,) = check(user, "it")
    assert (found["where"], found["level"]) == (str(module), "warning")


def test_a_conda_package_replaced_by_pip_belongs_to_pip(user: User) -> None:
    # The same version, so that its metadata has the same path; conda's package has more files.
    make_wheel(wheels_of(user), "pandas", "2.2.2")
    pip(user, "--force-reinstall", "pandas==2.2.2")
    assert check(user, "it") == []
    (site_of(user) / "pandas/part0.py").unlink()
    (found,) = check(user, "it")
    assert found["hint"].startswith(INSIDE + "python -m pip install ") and "pandas==2.2.2" in found["hint"]
    named = read_result(user.stackenv("info", "it", "--json").stdout)["packages"]
    assert [p for p in named if p["name"] == "pandas"] == [
        {"name": "pandas", "version": "2.2.2", "installer": "pip"}
    ]


def test_a_package_with_a_missing_and_a_changed_file_is_reinstalled_once(user: User) -> None:
    package = site_of(user) / "tool"
    (package / "part0.py").unlink()
    (package / "part1.py").write_text("# changed\n")
    assert len(check(user, "it")) == 2
    listed = user.stackenv("check", "it", "--fix", "--dry-run").stdout.splitlines()
    assert len(listed) == 1 and listed[0].endswith(" tool==1.0")
    assert user.stackenv("check", "it", "--fix", "--yes").returncode == 0
    assert check(user, "it") == []


def test_missing_metadata_of_a_pip_package_is_reported(user: User) -> None:
    (site_of(user) / "tool-1.0.dist-info/METADATA").unlink()
    (found,) = check(user, "it")
    assert "tool==1.0" in found["hint"] and "--ignore-installed" in found["hint"]


@pytest.mark.parametrize(
    "line",
    ["#!/usr/bin/env python\n", "#!/bin/sh\n'''exec' \"/old place/bin/python\" \"$0\" \"$@\"\n' '''\n"],
)
def test_a_script_that_differs_only_in_its_first_line_is_not_reported(user: User, line: str) -> None:
    script = prefix_of(user) / "bin/tool"
    first, _, rest = script.read_text().partition("\n")
    assert first == f"#!{prefix_of(user)}/bin/python"
    script.write_text(line + rest)
    assert check(user, "it") == check(user) == []
    script.write_text(line)
    assert "tool==1.0 (1)" in check(user, "it")[0]["what"]


def test_a_changed_script_is_reported_unless_the_environment_may_have_moved(user: User) -> None:
    script = prefix_of(user) / "bin/tool"
    script.write_text(script.read_text().replace("re.sub", "re.sab") + "# mine\n")
    assert "tool==1.0 (1)" in check(user, "it")[0]["what"]
    adopt_again(user)
    assert check(user, "it") == []
    script.write_bytes(b"\0" * len(script.read_bytes()))
    assert "tool==1.0 (1)" in check(user, "it")[0]["what"]


def test_packages_are_counted_and_listed_by_owner(user: User) -> None:
    found = read_result(user.stackenv("info", "it", "--json").stdout)
    owners = {package["name"]: package["installer"] for package in found["packages"]}
    conda = ("activating", "pandas", "pip", "python")
    assert owners == {**dict.fromkeys(conda, "conda"), "tool": "pip"}
    shown = user.stackenv("info", "it").stdout.split("\n\n")
    assert [part.splitlines()[0] for part in shown[1:]] == [
        "packages from conda (4):",
        "packages from pip (1):",
    ]
    assert ["tool", "1.0"] in map(str.split, shown[2].splitlines())
    assert "is a conda environment with 5 packages (4 from conda, 1 from pip)" in adopt_again(user)
    # So that `module spider` finds it.
    assert "tool/1.0" in (user.modules / "it/1.0.lua").read_text()


def test_pip_packages_remain_pips_after_export_and_create(user: User) -> None:
    adopt_again(user)
    exported = user.home / "it.yaml"
    exported.write_text(user.stackenv("export", "it").stdout)
    made = user.stackenv("create", "again", "--from", str(exported), "--json")
    assert made.returncode == 0, made.stderr
    first, second = (read_result(user.stackenv("info", name, "--json").stdout) for name in ("it", "again"))
    assert first["packages"] == second["packages"]


def test_hints_use_the_command_of_the_packages_owner(user: User) -> None:
    refused = user.stackenv("update", "absent", "--env", "it", "--dry-run")
    assert f"conda install --prefix {prefix_of(user)} absent" in refused.stdout + refused.stderr
    metadata = site_of(user) / "tool-1.0.dist-info/METADATA"
    metadata.write_text(f"{metadata.read_text()}Requires-Dist: absent\nRequires-Dist: numpy>=2\n")
    numpy = prefix_of(user) / "conda-meta/numpy-1.26.4-0.json"
    files = [str((site_of(user) / "numpy-1.26.4.dist-info/METADATA").relative_to(prefix_of(user)))]
    numpy.write_text(json.dumps({"name": "numpy", "version": "1.26.4", "files": files}))
    place = prefix_of(user) / files[0]
    place.parent.mkdir()
    place.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.26.4\n")
    found = {finding["rule"]: finding["hint"] for finding in check(user, "it")}
    assert "conda install PACKAGE; or, if no channel has it: pip install" in found["inconsistent"]
    assert found["numpy-bounds"].endswith("or to change numpy: conda install numpy=VERSION")
    numpy.unlink()
    (place.parent / "INSTALLER").write_text("pip\n")
    found = {finding["rule"]: finding["hint"] for finding in check(user, "it")}
    assert found["numpy-bounds"].endswith("or to change numpy: pip install numpy==VERSION")


@pytest.mark.parametrize("owner", ["conda", "pip"])
def test_the_hint_for_a_broken_ipykernel_uses_its_owner(user: User, owner: str) -> None:
    package = site_of(user) / "ipykernel"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = '6'\nraise ImportError('broken')\n")
    info = site_of(user) / "ipykernel-6.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ipykernel\nVersion: 6\n")
    (info / "INSTALLER").write_text(f"{owner}\n")
    if owner == "conda":
        note = {"name": "ipykernel", "version": "6", "files": []}
        (prefix_of(user) / "conda-meta/ipykernel-6-0.json").write_text(json.dumps(note))
    refused = user.stackenv("kernel", "add", "it")
    words = {"conda": "conda install", "pip": "python -m pip install"}[owner]
    assert f"ml it/1.0; {words} --force-reinstall ipykernel" in refused.stderr
