"""Detects whether packages need LD_LIBRARY_PATH: what the loader answers, and what it cannot be asked."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from needy_stack import LIBRARY, compile_shared

from stackenv.environments import bare_start, found_libraries
from stackenv.environments.bare_start import starts_bare
from stackenv.environments.found_libraries import (
    LARGEST_BYTES,
    batch_names,
    is_loaded_by_glibc,
    needs_library_path,
)

PYTHON = str(Path(sys.executable).resolve())
CALLER = "int needle_find(void);\nint call(void) { return needle_find(); }\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build two different libraries of the same name, and extensions with and without an RPATH to one."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "caller.c").write_text(CALLER)
    for value, name in enumerate(("lib", "other")):
        (folder / name).mkdir()
        source = folder / f"{name}.c"
        source.write_text(LIBRARY.format(value=value))
        compile_shared(source, folder / name / "libneedle.so", "-Wl,-soname,libneedle.so")
    for name, option in (
        ("plain", "-Wl,-z,relro"),
        ("rpath", f"-Wl,--disable-new-dtags,-rpath,{folder}/lib"),
        ("runpath", f"-Wl,--enable-new-dtags,-rpath,{folder}/lib"),
    ):
        compile_shared(folder / "caller.c", folder / f"{name}.so", f"-L{folder}/lib", "-lneedle", option)
    return folder


def install(packages: Path, built: Path, **kinds: str) -> Path:
    """Create each of these packages below `packages`, with an extension of the given kind."""
    for name, kind in kinds.items():
        place = packages / name / "deep"
        place.mkdir(parents=True)
        (place / "_ext.cpython-311-x86_64-linux-gnu.so").symlink_to(built / f"{kind}.so")
    return packages


def needs(packages: Path, *library_path: Path) -> bool:
    return needs_library_path(PYTHON, [packages], [str(folder) for folder in library_path])


@pytest.mark.parametrize(
    ("kind", "folder", "needed"),
    [
        *(("plain", "lib", True), ("rpath", "lib", False), ("runpath", "lib", False)),
        # DT_RPATH is searched before LD_LIBRARY_PATH, DT_RUNPATH after it (ld.so(8)).
        *(("rpath", "other", False), ("runpath", "other", True), ("plain", "missing", False)),
    ],
)
def test_the_library_path_is_needed_if_it_changes_which_library_is_loaded(
    built: Path, tmp_path: Path, kind: str, folder: str, needed: bool
) -> None:
    assert needs(install(tmp_path, built, one=kind), built / folder) is needed


def test_one_needy_package_among_others_is_detected(built: Path, tmp_path: Path) -> None:
    packages = install(tmp_path, built, a="rpath", b="plain", c="rpath")
    assert needs(packages, built / "lib")


def test_glibc_hwcaps_subfolders_are_searched(built: Path, tmp_path: Path) -> None:
    library, version = platform.libc_ver()
    if (library, platform.machine()) != ("glibc", "x86_64") or tuple(map(int, version.split("."))) < (2, 33):
        pytest.skip(f"{library} {version} on {platform.machine()} has other such folders")
    packages = install(tmp_path / "packages", built, one="runpath")
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "libneedle.so").symlink_to(built / "lib/libneedle.so")
    assert not needs(packages, mixed)
    special = mixed / "glibc-hwcaps/x86-64-v2"
    special.mkdir(parents=True)
    (special / "libneedle.so").symlink_to(built / "other/libneedle.so")
    assert needs(packages, mixed)


def test_an_empty_library_path_is_not_checked(tmp_path: Path) -> None:
    assert not needs_library_path(str(tmp_path / "missing"), [tmp_path], [])


def test_unusual_folders_and_files_do_not_change_the_result(built: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a folder: 'of' ü\udcff"
    install(odd, built, good="rpath")
    (odd / "good/_text.so").write_text("GROUP ( libneedle.so )\n")
    (odd / "good/_with blank.so").symlink_to(built / "plain.so")
    (odd / "good/_loop").symlink_to(odd / "good")
    (odd / "file").write_text("")
    missing = [tmp_path / "missing", odd / "file", Path("/proc/1/no/such")]
    library_path = [str(built / "lib")]
    assert not needs_library_path(PYTHON, [odd, *missing], library_path)
    install(odd, built, needy="plain")
    assert needs_library_path(PYTHON, [*missing, odd], library_path)


def test_folders_that_are_not_packages_are_skipped(built: Path, tmp_path: Path) -> None:
    install(tmp_path, built, **{"node-modules": "plain", ".git": "plain", "pkg.libs": "plain"})
    assert not needs(tmp_path, built / "lib")


def test_too_many_folders_count_as_needing_the_library_path(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, built, **{f"package{number}": "rpath" for number in range(10)})
    assert not needs(tmp_path, built / "lib")
    monkeypatch.setattr(found_libraries, "MOST_FOLDERS", 20)
    assert needs(tmp_path, built / "lib")


def test_a_program_that_glibc_does_not_load_is_not_run_and_counts_as_needy(
    built: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    script = tmp_path / "python3"
    script.write_text(f'#!/bin/sh\ntouch {ran}\nexec {PYTHON} "$@"\n')
    script.chmod(0o755)
    assert needs_library_path(str(script), [], [str(built / "lib")])
    assert not ran.exists()
    source = tmp_path / "main.c"
    source.write_text('#include <stdio.h>\nint main(void) { return fclose(fopen("ran", "w")); }\n')
    for option in ("-static", "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1"):
        program = tmp_path / "program"
        subprocess.run(["gcc", option, "-o", program, source], cwd=tmp_path, check=True)
        assert not is_loaded_by_glibc(str(program))
        assert needs_library_path(str(program), [tmp_path], [str(built / "lib")])
    assert not ran.exists()
    assert is_loaded_by_glibc(PYTHON) and is_loaded_by_glibc("/usr/bin/env")
    for empty in ("", "\x7fELF", "#"):
        source.write_text(empty)
        assert not is_loaded_by_glibc(str(source))


def test_a_python_that_needs_a_library_or_a_variable_does_not_start_bare(tmp_path: Path, built: Path) -> None:
    assert starts_bare(PYTHON)
    script = tmp_path / "python3"
    script.write_text(f'#!/bin/sh\n[ -n "$PYTHONHOME" ] && exec {PYTHON} "$@"\nexit 3\n')
    script.chmod(0o755)
    assert not starts_bare(str(script))
    source = tmp_path / "main.c"
    source.write_text("int needle_find(void);\nint main(void) { return needle_find(); }\n")
    program = tmp_path / "program"
    subprocess.run(["gcc", "-o", program, source, f"-L{built}/lib", "-lneedle"], check=True)
    assert not starts_bare(str(program))
    assert needs_library_path(str(program), [], [str(built / "lib")])
    link = tmp_path / "link"
    link.symlink_to(program)
    assert needs_library_path(str(link), [], [str(built / "lib")])


def test_libraries_found_by_the_programs_own_rpath_are_not_needed(built: Path, tmp_path: Path) -> None:
    source = tmp_path / "main.c"
    source.write_text("int main(void) { return 0; }\n")
    packages = install(tmp_path / "packages", built, one="plain")
    for name, option in (("with", f"-Wl,--disable-new-dtags,-rpath,{built}/lib"), ("without", "-O1")):
        program = tmp_path / name
        subprocess.run(["gcc", option, "-o", program, source], check=True)
        needed = needs_library_path(str(program), [packages], [str(built / "lib")])
        assert needed is (name == "without")


def test_file_names_are_batched_up_to_the_size_of_a_variable() -> None:
    names = [f"./package{number}/_extension.so" for number in range(8_000)]
    batches = list(batch_names(names))
    assert " ".join(batches).split() == names
    assert len(batches) == 3 and all(len(batch) <= LARGEST_BYTES for batch in batches)


def test_a_loader_timeout_counts_as_needing_the_library_path(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = install(tmp_path, built, needle="rpath")
    assert not needs(packages, built / "lib")
    monkeypatch.setattr(bare_start, "TIMEOUT_S", -1)
    assert needs(packages, built / "lib")
