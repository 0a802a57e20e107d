"""`stackenv rebuild`: what it finds in an environment, where it puts the new one, and what it requires."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answers import read_result
from built import CHECKOUT, SITE_CONFIGURATION, WORK, BuiltModules
from people import Person, make_wheel, write_module

sys.path.insert(0, str(CHECKOUT / "tests/distribution"))

from channel import Package, write_index, write_package


def make_project(folder: Path, name: str) -> Path:
    """Write a project with one module, which pip builds with setuptools."""
    folder.mkdir()
    (folder / f"{name}.py").write_text("HERE = __file__\n")
    (folder / "setup.py").write_text(
        f"from setuptools import setup\nsetup(name={name!r}, version='1.0', py_modules=[{name!r}])\n"
    )
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools", "wheel"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    return folder


def read_report(person: Person, *words: str) -> dict[str, Any]:
    """Return the package report of a command."""
    return read_result(person.stackenv(*words, "--json").stdout)["package_report"]


def list_requirements(person: Person, name: str = "biopy") -> list[str]:
    text = person.stackenv("export", name, "--format", "requirements").stdout
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_packages_from_files_and_folders_are_installed_from_there_again(person: Person) -> None:
    project = make_project(person.home / "my project", "mine")
    wheel = make_wheel(person.home / "my wheels", "from-file", "1.0")
    person.environ["PIP_FIND_LINKS"] += f" {WORK / 'stack/wheels'}"
    person.create("biopy", str(wheel), "wheel")
    install = f"pip install --no-build-isolation -e '{project}'"
    installed = person.shell(f"module load biopy && {install}")
    assert installed.returncode == 0, installed.stderr
    before = list_requirements(person)
    result = read_report(person, "rebuild", "biopy", "--no-build-isolation")
    assert (result["missing"], result["changed"]) == ([], [])
    assert list_requirements(person) == before
    code = "import mine, from_file; print(mine.HERE)"
    done = person.stackenv("run", "biopy", "--", "python", "-c", code)
    assert done.stdout == f"{project}/mine.py\n"
    # `create --from` an export reports them as missing and does not search for them.
    file = person.home / "it.yaml"
    file.write_text(person.stackenv("export", "biopy").stdout)
    again = read_report(person, "create", "again", "--from", str(file))
    assert [missing["name"] for missing in again["missing"]] == ["from-file", "mine"]
    assert all("pip install" in missing["problem"] for missing in again["missing"])


def test_module_packages_with_metadata_not_in_utf8_are_pinned(person: Person, tmp_path: Path) -> None:
    packages = tmp_path / "latin/lib"
    packages.mkdir(parents=True)
    text = b"Metadata-Version: 1.0\nName: latin\nVersion: 1.5\nAuthor: Ren\xe9\n"
    (packages / "latin-1.5-py3.11.egg-info").write_bytes(text)
    own = replace(person.site, modulepath=str(tmp_path / "modules"))
    write_module(own, "Latin/1", tmp_path / "latin", 'depends_on("Bundle/1")', "PYTHONPATH", "lib")
    modulepath = f"{own.modulepath}:{person.site.modulepath}"
    person.stackenv("create", "biopy", "-m", "Latin/1", MODULEPATH=modulepath)
    record = json.loads((person.home / "venvs/biopy-1.0/stackenv/record.json").read_text())
    assert ["latin", "1.5", "Latin/1"] in record["pinned"]


def test_setup_py_develop_links_are_restored_or_reported_missing(person: Person) -> None:
    person.environ["PIP_FIND_LINKS"] += f" {WORK / 'stack/wheels'}"
    prefix = person.create("biopy", "setuptools==65.5.0", "wheel")
    projects = [make_project(person.home / f"my {name}", name) for name in ("kept", "deleted")]
    for project in projects:
        done = person.shell(f"module load biopy && cd '{project}' && python setup.py develop --no-deps")
        assert done.returncode == 0, done.stderr
    assert len(list(prefix.glob("lib/python3*/site-packages/*.egg-link"))) == 2
    assert f"kept @ {projects[0].as_uri()}" in list_requirements(person)
    shutil.rmtree(projects[1])
    result = read_report(person, "rebuild", "biopy", "--no-build-isolation")
    assert "kept" in {p["name"] for p in result["kept"]}
    assert [p["name"] for p in result["missing"]] == ["deleted"]
    done = person.stackenv("run", "biopy", "--", "python", "-c", "import kept; print(kept.HERE)")
    assert done.stdout == f"{projects[0]}/kept.py\n"


def test_sources_in_the_old_environment_are_kept_and_reported(person: Person) -> None:
    person.environ["PIP_FIND_LINKS"] += f" {WORK / 'stack/wheels'}"
    prefix = person.create("biopy", "wheel")
    # pip clones the sources of --editable installations to src.
    (prefix / "src").mkdir()
    project = make_project(prefix / "src/mine", "mine")
    install = f"pip install --no-build-isolation --no-deps -e '{project}'"
    assert person.shell(f"module load biopy && {install}").returncode == 0
    (prefix / "pip.conf").write_text("[global]\ntimeout = 7\n")
    result = read_report(person, "rebuild", "biopy", "--no-build-isolation")
    assert result["not_copied"] == ["pip.conf", "src"]
    person.stackenv("clean", "--yes")
    done = person.stackenv("run", "biopy", "--", "python", "-c", "import mine; print(mine.HERE)")
    assert done.stdout == f"{project}/mine.py\n"


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({"dir_info": []}, "odd==1.0"),
        ({"url": "https://h/x.git", "vcs_info": {}}, "odd @ https://h/x.git"),
        ({"url": "file://[x"}, "odd==1.0"),
        ({"url": 5}, "odd==1.0"),
        (
            {"url": "https://h/x", "vcs_info": {"vcs": "git", "commit_id": "ab"}, "subdirectory": "python"},
            "odd @ git+https://h/x@ab#subdirectory=python",
        ),
    ],
)
def test_odd_direct_url_files_do_not_break_any_command(
    person: Person, origin: dict[str, object], line: str
) -> None:
    prefix = person.create("biopy")
    (site,) = prefix.glob("lib/python3*/site-packages")
    (site / "odd-1.0.dist-info").mkdir()
    (site / "odd-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (site / "odd-1.0.dist-info/direct_url.json").write_text(json.dumps(origin))
    assert list_requirements(person) == [line]
    for words in (("rebuild", "biopy", "--dry-run"), ("check", "biopy"), ("export", "biopy")):
        assert "Traceback" not in person.stackenv(*words, status=None).stderr


def test_a_package_with_an_emptied_metadata_folder_is_installed_again(person: Person) -> None:
    prefix = person.create("biopy", "tiny-own==1.0", "tiny-new")
    (folder,) = prefix.glob("lib/*/site-packages/tiny_own-1.0.dist-info")
    for file in folder.iterdir():
        file.unlink()
    result = read_report(person, "rebuild", "biopy")
    assert {p["name"]: p["version"] for p in result["kept"]} == {"tiny-own": "1.0", "tiny-new": "1.0"}


def test_nothing_changes_when_the_package_index_is_unreachable(person: Person, tmp_path: Path) -> None:
    person.create("biopy", "tiny-own==1.0")
    before = person.tree()
    unreachable = {
        "PIP_NO_INDEX": "",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": str(tmp_path),
        "PIP_INDEX_URL": "http://127.0.0.1:1/simple",
        "PIP_RETRIES": "1",
    }
    failed = person.stackenv("rebuild", "biopy", status=10, **unreachable)
    assert "login nodes reach the internet" in failed.stderr
    assert "one by one" not in failed.stderr
    assert person.tree() == before
    # The same holds for an index without any of the packages.
    failed = person.stackenv("rebuild", "biopy", status=10, PIP_FIND_LINKS=str(tmp_path))
    assert "no package could be installed (1 package requested): No matching distribution" in failed.stderr
    assert person.tree() == before


def test_a_rebuild_is_created_beside_the_old_one_and_clean_finds_the_old(person: Person) -> None:
    place = person.home / "elsewhere"
    person.stackenv("create", "biopy", "-m", "Bundle/1", "--path", str(place / "mine"))
    person.stackenv("rebuild", "biopy", "-m", "Bundle/2")
    done = person.stackenv("rebuild", "biopy", "-m", "Bundle/next")
    assert f"stays in {place / 'biopy-1.0-2'} until you run `stackenv clean`" in done.stderr
    assert stat.S_IMODE((place / "biopy-1.0-3").stat().st_mode) == 0o700
    found = read_result(person.stackenv("clean", "--json").stdout)
    old = [str(place / name) for name in ("biopy-1.0-2", "mine")]
    assert [(item["category"], item["paths"]) for item in found] == [("old-rebuilds", [p]) for p in old]
    person.stackenv("clean", "--yes")
    assert [path.name for path in place.iterdir()] == ["biopy-1.0-3"]


def test_a_rebuild_in_a_project_is_readable_by_its_group(person: Person) -> None:
    if os.geteuid():
        pytest.skip("to give a folder to a group takes root")
    project, group = person.home / "project", 74001
    project.mkdir()
    os.chown(project, -1, group)
    project.chmod(0o2770)
    person.stackenv("create", "biopy", "-m", "Bundle/1", "tiny-own", "--shared", str(project))
    person.stackenv("rebuild", "biopy", "-m", "Bundle/2", "--shared", str(project))
    new = project / "venvs/biopy-1.0-2"
    closed = [
        path
        for path in (new, *new.rglob("*"), project / "modules/biopy/1.0.lua")
        if not path.is_symlink() and (path.stat().st_gid, path.stat().st_mode & 0o040) != (group, 0o040)
    ]
    assert closed == []


def test_a_modulefile_changed_during_the_rebuild_is_saved_as_orig(person: Person) -> None:
    """The build of a package edits the modulefile while the rebuild is running."""
    person.environ["PIP_FIND_LINKS"] += f" {WORK / 'stack/wheels'}"
    person.create("biopy", "tiny-own==1.0", "wheel")
    modulefile = person.modules / "biopy/1.0.lua"
    mark = "-- by hand\n"
    project = make_project(person.home / "project", "mine")
    setup = (project / "setup.py").read_text()
    installed = person.shell(f"module load biopy && pip install --no-build-isolation '{project}'")
    assert installed.returncode == 0, installed.stderr
    edit = f"file = open({str(modulefile)!r}, 'a')\nfile.write({mark!r})\nfile.close()\n"
    (project / "setup.py").write_text(edit + setup)
    done = person.stackenv("rebuild", "biopy", "--no-build-isolation")
    kept = modulefile.with_name("1.0.lua.orig")
    assert f"which was changed by hand, as {kept}" in done.stderr
    assert kept.read_text().endswith(mark)


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    """Return a channel of the test's own, with packages that the site's channel does not have."""
    return write_channel(tmp_path / "channel", ("moving", "1.0"), ("goner", "1.0"))


def write_channel(folder: Path, *packages: tuple[str, str]) -> Path:
    """Write a channel at `folder` with `packages` (name and version), each with one file."""
    shutil.rmtree(folder, ignore_errors=True)
    records = {}
    for name, version in packages:
        package = Package(name, version, noarch="generic")
        tree = folder.parent / f"{name}-{version}"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "share").mkdir(parents=True)
        (tree / "share" / name).write_text(version)
        records[package] = write_package(package, tree, folder)
    write_index(folder, records)
    return folder


@pytest.fixture
def conda_person(person: Person, built_modules: BuiltModules) -> Person:
    """Return a person with the real module Anaconda3."""
    configuration = person.home.parent / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION)
    person.environ.update(
        MODULEPATH=built_modules.modulepath,
        STACKENV_SITE_CONFIG=str(configuration),
        CONDA_PKGS_DIRS=str(person.home / "pkgs"),
        PIP_FIND_LINKS=f"{person.site.wheels} {WORK / 'stack/wheels'}",
    )
    return person


def test_withdrawn_conda_packages_are_reported_and_pip_packages_kept(
    conda_person: Person, channel: Path
) -> None:
    person = conda_person
    words = ("moving", "goner", "plain", "python", "pip")
    person.stackenv("create", "it", "--conda", "-c", channel.as_uri(), *words)
    installed = person.shell("module load it && python -m pip install tiny-own==1.0", PIP_NO_INDEX="1")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    write_channel(channel, ("moving", "2.0"))
    # Installed as if by poetry, and not available anywhere.
    (site,) = (person.home / "conda/envs/it-1.0").glob("lib/python3*/site-packages")
    (site / "verse-1.0.dist-info").mkdir()
    (site / "verse-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: verse\nVersion: 1.0\n")
    (site / "verse-1.0.dist-info/INSTALLER").write_text("poetry 1.8.3\n")
    # Remove the cached index, which conda uses while the time stamps of the channel's files are the same.
    shutil.rmtree(person.home / "pkgs")
    rebuilt = read_result(person.stackenv("rebuild", "it", "--json").stdout)
    result = rebuilt["package_report"]
    assert result["changed"] == [{"name": "moving", "old_version": "1.0", "new_version": "2.0"}]
    missing = {m["name"]: m["problem"] for m in result["missing"]}
    assert missing.keys() == {"goner", "verse"} and missing["goner"] == "not available in any channel"
    assert {"name": "tiny-own", "version": "1.0"} in result["kept"]
    code = "import tiny_own, sys; print(tiny_own.VERSION, sys.prefix)"
    done = person.stackenv("run", "it", "--", "python", "-c", code)
    assert done.stdout == f"1.0 {rebuilt['environment']}\n"


def test_a_conda_export_includes_its_channels_and_pip_packages(conda_person: Person, channel: Path) -> None:
    person = conda_person
    person.stackenv("create", "it", "--conda", "-c", channel.as_uri(), "moving", "python", "pip")
    installed = person.shell("module load it && python -m pip install tiny-own==1.0", PIP_NO_INDEX="1")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    file = person.home / "it.yaml"
    file.write_text(person.stackenv("export", "it").stdout)
    # A channel that is a URL is not used only because a file names it.
    told = person.stackenv("create", "again", "--from", str(file), "--dry-run")
    assert f"not plain names: {channel.as_uri()}; if you trust them, add: --channel URL" in told.stderr
    words = ("--from", str(file), "--channel", channel.as_uri())
    result = read_report(person, "create", "again", *words)
    assert {"tiny-own", "moving", "python"} <= {kept["name"] for kept in result["kept"]}
    assert (result["missing"], result["changed"]) == ([], [])


def test_nothing_changes_when_no_conda_channel_is_reachable(conda_person: Person, channel: Path) -> None:
    person = conda_person
    person.stackenv("create", "it", "--conda", "-c", channel.as_uri(), "moving", "plain")
    shutil.rmtree(person.home / "pkgs")
    shutil.rmtree(channel)
    before = person.tree()
    failed = person.stackenv("rebuild", "it", status=10)
    assert "conda cannot reach any channel" in failed.stderr
    after = {path: text for path, text in person.tree().items() if path.split("/")[0] != "pkgs"}
    assert after == before
