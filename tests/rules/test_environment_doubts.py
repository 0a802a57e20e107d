"""What only looks like a fault of an environment, and the real faults that resemble it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import struct
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import read_result
from homes import bring_back, keep_home
from in_ci import fail_or_skip
from people import MINOR, VERSION, Person, Site, make_person, make_site, make_wheel


def check(person: Person, *words: str) -> list[dict[str, str]]:
    return read_result(person.stackenv("check", *(words or ("biopy",)), "--json", status=None).stdout)


def find_one(person: Person, rule: str, *words: str) -> dict[str, str]:
    (finding,) = (found for found in check(person, *words) if found["rule"] == rule)
    return finding


def fix(person: Person, *words: str) -> None:
    person.stackenv("check", *(words or ("biopy",)), "--fix", "--yes", status=None)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, site: Site) -> tuple[Person, Path]:
    """Return a person with the environment biopy, and a copy of the home."""
    person = make_person(tmp_path_factory.mktemp("doubts"), site)
    person.create("biopy", "tiny-own==1.0")
    return person, keep_home(person.home)


@pytest.fixture
def biologist(origin: tuple[Person, Path]) -> Iterator[Person]:
    person, kept = origin
    yield person
    bring_back(person.home, kept)


@pytest.fixture
def prefix(biologist: Person) -> Path:
    return biologist.home / "venvs/biopy-1.0"


@pytest.fixture
def packages(prefix: Path) -> Path:
    """Return the site-packages of biopy."""
    return prefix / f"lib/python{MINOR}/site-packages"


def add_metadata(folder: Path, name: str, version: str, *lines: str) -> Path:
    """Write the metadata of a package without files; return its folder."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    text = "\n".join([f"Metadata-Version: 2.1\nName: {name.lstrip('~')}\nVersion: {version}", *lines, ""])
    (info / "METADATA").write_text(text)
    (info / "RECORD").write_text(f"{info.name}/METADATA,,\n")
    return info


def test_a_venv_made_with_copies_has_no_finding(biologist: Person) -> None:
    path = biologist.home / "own"
    python = biologist.site.software / f"Python/{VERSION}/bin/python{MINOR}"
    subprocess.run([python, "-I", "-m", "venv", "--copies", "--without-pip", path], check=True)
    biologist.stackenv("adopt", str(path), "own", "-m", "Bundle/1")
    assert not (path / "bin/python").is_symlink()
    assert check(biologist, "own") == []
    biologist.stackenv("edit", "own", "--refresh")
    modulefile = biologist.modules / "own/1.0.lua"
    modulefile.write_text(modulefile.read_text() + "-- by hand\n")
    fix(biologist, "own")
    assert check(biologist, "own") == []


def test_a_missing_pyvenv_cfg_is_reported(biologist: Person, prefix: Path) -> None:
    (prefix / "pyvenv.cfg").unlink()
    found = find_one(biologist, "python-changed")
    assert (found["level"], found["where"]) == ("broken", str(prefix / "pyvenv.cfg"))
    assert [finding["rule"] for finding in check(biologist)] == ["python-changed"]


def test_a_python_with_another_patch_version_is_reported_and_recorded(
    biologist: Person, prefix: Path
) -> None:
    record = prefix / "stackenv/record.json"
    before = record.read_text()
    data = json.loads(before)
    data["python"]["version"] = f"{MINOR}.99"
    record.write_text(json.dumps(data))
    found = find_one(biologist, "python-changed")
    assert found["level"] == "warning" and f"is now Python {VERSION}; it was {MINOR}.99" in found["what"]
    fix(biologist)
    assert check(biologist) == []
    assert json.loads(record.read_text())["python"] == json.loads(before)["python"]


@pytest.mark.parametrize("note", ["METADATA", "RECORD"])
def test_packages_with_missing_metadata_are_reported_and_restored(
    biologist: Person, packages: Path, note: str
) -> None:
    info = packages / "tiny_own-1.0.dist-info"
    contents = (info / note).read_bytes()
    before = biologist.tree()
    (info / note).unlink()
    found = find_one(biologist, "missing-files")
    assert (found["level"], found["where"]) == ("broken", str(info / note))
    fix(biologist)
    assert check(biologist) == []
    if note == "METADATA":
        assert (info / note).read_bytes() == contents
    after = biologist.tree()
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    assert not {path for path in changed if "__pycache__" not in path and "dist-info" not in path}


def test_pips_leftovers_of_a_removed_package_are_not_reported(biologist: Person, packages: Path) -> None:
    info = add_metadata(packages, "~iny_own", "0.9", "Requires-Dist: absent")
    (info / "RECORD").write_text("gone.py,sha256=0,1\n")
    assert check(biologist) == []


def test_packages_reached_by_a_pth_file_count_as_installed(biologist: Person, packages: Path) -> None:
    metadata = packages / "tiny_own-1.0.dist-info/METADATA"
    metadata.write_text(f"{metadata.read_text()}Requires-Dist: absent>=1\n")
    assert "absent>=1, which is not installed" in find_one(biologist, "inconsistent")["what"]
    team = biologist.home / "team"
    add_metadata(team, "absent", "1.0")
    (packages / "team.pth").write_text(f"{team}\n")
    assert [found["rule"] for found in check(biologist)] == ["missing-files"]


def test_invalid_version_numbers_do_not_break_the_check(biologist: Person, packages: Path) -> None:
    add_metadata(packages, "old", "2004d", "Requires-Dist: older>1")
    add_metadata(packages, "older", "unknown")
    assert check(biologist) == []


def test_packages_of_the_base_python_count_as_hidden_only_if_visible(tmp_path: Path) -> None:
    person = make_person(tmp_path, make_site(tmp_path / "site"))
    library = person.site.software / f"Python/{VERSION}/lib/python{MINOR}"
    # A link to this machine's own packages, which are not part of the site.
    (library / "site-packages").unlink(missing_ok=True)
    python = person.site.software / f"Python/{VERSION}/bin/python3"
    # Not always lib/python3.x/site-packages: Debian's Python uses another folder.
    asked = [python, "-I", "-c", "import site; print(site.getsitepackages()[0])"]
    base = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    assert Path(base).is_relative_to(person.site.software)
    own = person.adopt("it") / f"lib/python{MINOR}/site-packages"
    for version, folder in (("1.0", base), ("2.0", own)):
        with zipfile.ZipFile(make_wheel(person.site.wheels, "tiny-base", version)) as archive:
            archive.extractall(folder)
    assert check(person, "it") == []
    configuration = person.home / "own/it/pyvenv.cfg"
    configuration.write_text(configuration.read_text().replace("packages = false", "packages = true"))
    assert "tiny-base 2.0 hides 1.0" in find_one(person, "shadows", "it")["what"]


def set_list(path: Path, *entries: tuple[int, int, int]) -> None:
    """Set the access control list of `path`: acl(5), in the format of linux/posix_acl_xattr.h."""
    everybody = 0xFFFFFFFF
    mode = path.stat().st_mode
    full = [(0x01, mode >> 6 & 7, everybody), *entries, (0x04, mode >> 3 & 7, everybody)]
    full += [(0x10, 7, everybody), (0x20, mode & 7, everybody)]
    data = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in sorted(full))
    os.setxattr(path, "system.posix_acl_access", data)


def test_only_access_control_lists_that_allow_writing_are_reported(biologist: Person, prefix: Path) -> None:
    folder = prefix / "bin"
    set_list(folder, (0x02, 5, 4711))
    # The mask of the list is shown as the mode of the group.
    assert folder.stat().st_mode & stat.S_IWGRP
    assert check(biologist) == []
    set_list(folder, (0x02, 7, 4711))
    found = find_one(biologist, "open-to-others")
    assert found["what"] == f"4711 can write {folder}"
    fix(biologist)
    assert check(biologist) == []


def test_a_world_writable_folder_is_reported_despite_its_sticky_bit(
    biologist: Person, packages: Path
) -> None:
    packages.chmod(0o1777)
    assert find_one(biologist, "open-to-others")["where"] == str(packages)


def test_a_parent_folder_writable_by_others_is_reported(biologist: Person) -> None:
    above = biologist.home / "venvs"
    above.chmod(0o777)
    (found,) = check(biologist)
    assert (found["level"], found["where"], found["fix_steps"]) == ("insecure", str(above), [])
    subprocess.run(["/bin/sh", "-c", found["hint"].split(";")[0]], check=True)
    assert check(biologist) == [] and stat.S_IMODE(above.stat().st_mode) == 0o755
    above.chmod(0o1777)
    assert check(biologist) == []


def test_a_project_may_be_writable_by_its_group_but_not_by_everybody(biologist: Person) -> None:
    project = biologist.home / "project"
    project.mkdir()
    os.chown(project, -1, 74001)
    project.chmod(0o2770)
    words = ("create", "team", "-m", "Bundle/1", "--shared", str(project))
    biologist.stackenv(*words)
    shared = ("--shared", str(project))
    assert any(path.stat().st_mode & stat.S_IWGRP for path in project.rglob("*"))
    assert check(biologist, *shared) == [] and check(biologist, "team", *shared) == []
    record = next(project.rglob("record.json"))
    record.chmod(0o666)
    assert find_one(biologist, "open-to-others", *shared)["where"] == str(record)


def test_a_truncated_image_of_a_packed_environment_is_reported(biologist: Person) -> None:
    if not shutil.which("mksquashfs"):
        fail_or_skip("mksquashfs is not installed")
    biologist.stackenv("pack", "biopy")
    assert check(biologist) == []
    (image,) = (biologist.home / "venvs").rglob("*.squashfs")
    os.truncate(image, image.stat().st_size - 1)
    found = find_one(biologist, "missing-files")
    assert (found["level"], found["where"]) == ("broken", str(image))


def test_packages_installed_by_setup_py_are_recognised_without_a_record(
    biologist: Person, packages: Path, tmp_path: Path
) -> None:
    # There is no RECORD, and SOURCES.txt lists setup.py and README.rst, which are not installed.
    info = packages / "old_way-1.0.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 1.2\nName: old-way\nVersion: 1.0\n")
    (info / "SOURCES.txt").write_text("README.rst\nsetup.py\nold_way.py\nold_way.egg-info/PKG-INFO\n")
    egg = packages / "tiny_stack-0.5-py3.11.egg/EGG-INFO"
    egg.mkdir(parents=True)
    (egg / "PKG-INFO").write_text("Metadata-Version: 1.2\nName: tiny-stack\nVersion: 0.5\n")
    (egg / "SOURCES.txt").write_text("setup.py\n")
    link = packages / "gone.egg-link"
    link.write_text(f"{tmp_path}/gone\n.")
    found = check(biologist)
    assert [f["rule"] for f in found] == ["stubs", "shadows"]
    assert found[0]["what"].endswith("unwanted (the package itself is installed): tiny-stack 1.0")
    assert found[1]["what"].startswith("tiny-stack 0.5 hides 1.0 of Bundle/1 (")
    assert {"old-way==1.0", f"gone @ {(tmp_path / 'gone').as_uri()}"} <= set(
        biologist.stackenv("export", "biopy", "--format", "requirements").stdout.splitlines()
    )


def test_malformed_metadata_does_not_break_check_export_and_rebuild(
    biologist: Person, packages: Path
) -> None:
    latin = packages / "latin-1.0.egg-info"
    latin.write_bytes(b"Metadata-Version: 1.0\nName: latin\nVersion: 1.0\nAuthor: Ren\xe9\n")
    for name, text in (("noname-1.0", ""), ("noversion-1.0", "Name: noversion\n")):
        add = packages / f"{name}.dist-info"
        add.mkdir()
        (add / "METADATA").write_text(text)
        (add / "RECORD").write_bytes(b"\xff\xfe,,\n/etc/passwd,sha256=AA,1\n")
    (packages / "lost-1.0.dist-info").symlink_to("/nowhere")
    outside = add_metadata(packages, "outside", "1.0")
    (outside / "RECORD").write_text("/etc/passwd,sha256=AAAA,1\n../../../../../../etc/none,,\n")
    (packages / os.fsdecode(b"\xff.py")).touch()
    # Only the file without contents is reported: a full disk leaves such files.
    (found,) = check(biologist)
    assert found["rule"] == "missing-files" and "noname==1.0" in found["what"]
    exported = biologist.stackenv("export", "biopy", "--format", "requirements").stdout
    assert {"latin==1.0", "outside==1.0", "tiny-own==1.0"} <= set(exported.splitlines())
    rebuilt = read_result(biologist.stackenv("rebuild", "biopy", "--json").stdout)
    missing = rebuilt["package_report"]["missing"]
    assert any(name.endswith(r"/site-packages/\xff.py") for name in rebuilt["package_report"]["not_copied"])
    assert {p["name"] for p in missing} == {"latin", "lost", "noname", "noversion", "outside"}
