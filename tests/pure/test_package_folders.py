"""Environments with two package folders: both are read, backed up, compiled and checked."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from stackenv.environments.foreign_files import list_foreign
from stackenv.environments.own_packages import read_distributions
from stackenv.environments.package_folders import choose_package_folder, is_pure, list_package_folders
from stackenv.lifecycle.pip_calls import list_touched
from stackenv.lifecycle.restore_record import require_own_files
from stackenv.packing.image import describe_compilation
from stackenv.record import Platform, Python, Record

FOR_ALL, PLATFORM = "lib/python3.11/site-packages", "lib64/python3.11/site-packages"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Return the record of a venv as virtualenv makes it with a Python like Fedora's."""
    for folder in ("bin", FOR_ALL, PLATFORM):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bin/python").touch()
    python = Python("3.11.3", "/software/bin/python3.11", "Python/3.11.3")
    platform = Platform("x86_64", "rocky 9", "zen2")
    return Record("it", "1.0", "venv", str(tmp_path), "/modules", (), (), "", python, platform)


def install(record: Record, name: str, folder: str) -> None:
    site = Path(record.path, folder)
    about = site / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (site / name).mkdir()
    (site / name / "__init__.py").touch()
    files = (f"{name}/__init__.py", f"{about.name}/METADATA", f"{about.name}/RECORD", "../../../bin/tool")
    (about / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def write_wheel(folder: Path, name: str, pure: bool, more: Sequence[str] = ()) -> None:
    with zipfile.ZipFile(folder / f"{name}-2.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}-2.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: {pure}\n")
        for file in (f"{name}/__init__.py", *more):
            wheel.writestr(file, "")


def test_a_lib64_link_is_not_a_second_package_folder(record: Record) -> None:
    prefix = Path(record.path)
    assert list_package_folders(prefix) == [prefix / FOR_ALL, prefix / PLATFORM]
    assert choose_package_folder(prefix, "3.11", pure=False) == prefix / PLATFORM
    assert choose_package_folder(prefix, "3.11", pure=True) == prefix / FOR_ALL
    (prefix / "lib64").rename(prefix / "away")
    (prefix / "lib64").symlink_to("lib")
    assert list_package_folders(prefix) == [prefix / FOR_ALL]
    assert choose_package_folder(prefix, "3.11", pure=False) == prefix / FOR_ALL


@pytest.mark.parametrize(
    ("wheel", "expected"),
    [("", True), ("Root-Is-Purelib: true\n", True), ("Tag: x\nroot-is-purelib:False\n", False)],
)
def test_a_package_is_pure_unless_its_wheel_metadata_says_otherwise(wheel: str, expected: bool) -> None:
    assert is_pure(wheel) is expected


def test_files_that_pip_replaces_are_listed_at_their_old_and_new_paths(
    record: Record, tmp_path: Path
) -> None:
    install(record, "fast", PLATFORM)
    install(record, "plain", FOR_ALL)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, "fast", pure=False, more=("fast-2.0.data/purelib/helper.py",))
    write_wheel(wheels, "plain", pure=True, more=("plain-2.0.data/platlib/_plain.so",))
    replaced = [distribution for _, distribution in read_distributions(Path(record.path))]
    touched = list_touched(record, replaced, wheels)
    assert touched is not None
    wanted = {
        *(f"{PLATFORM}/{name}" for name in ("~*", "fast", "fast-1.0.dist-info", "fast-2.0.dist-info")),
        *(f"{FOR_ALL}/{name}" for name in ("~*", "plain", "plain-1.0.dist-info", "plain-2.0.dist-info")),
        *(f"{FOR_ALL}/helper.py", f"{PLATFORM}/_plain.so", "bin/tool"),
    }
    assert wanted <= set(touched)
    assert not {f"{FOR_ALL}/fast", f"{PLATFORM}/plain"} & set(touched)


def test_both_package_folders_are_compiled_for_packing(record: Record) -> None:
    words = describe_compilation(record)
    assert words[-2:] == tuple(f"{record.path}/{lib}/python3.11" for lib in ("lib", "lib64"))


def test_files_of_no_package_are_found_in_both_package_folders(record: Record) -> None:
    install(record, "fast", PLATFORM)
    for folder in (FOR_ALL, PLATFORM):
        Path(record.path, folder, "mine.py").touch()
    Path(record.path, "bin/tool").touch()
    assert list_foreign(record) == [f"{FOR_ALL}/mine.py", f"{PLATFORM}/mine.py"]


@pytest.mark.parametrize("folder", [FOR_ALL, PLATFORM])
def test_a_pth_file_that_others_can_write_is_refused_in_both_package_folders(
    record: Record, folder: str
) -> None:
    path = Path(record.path, folder, "others.pth")
    path.touch()
    require_own_files(Path(record.path))
    path.chmod(0o666)
    with pytest.raises(Exception, match=r"others\.pth"):
        require_own_files(Path(record.path))
