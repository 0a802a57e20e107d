"""Functions that change the disk leave the old or the new contents, and no other files."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_ci import fail_or_skip

from stackenv import STACKENV_UUID
from stackenv.conda.install import empty_package_cache, install_files
from stackenv.conda.installation import CondaInstallation
from stackenv.errors import StackenvError
from stackenv.modulefile import InstalledFile
from stackenv.site.kept_modulefiles import KeptModulefiles, RestoredModulefile
from stackenv.transactions.access import Access
from stackenv.transactions.files import current_umask, write_file


@pytest.fixture
def umask() -> Iterator[None]:
    """Restore the umask after the test."""
    before = current_umask()
    yield
    os.umask(before)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize(
    ("mask", "executable", "mode"),
    [
        (0o022, False, 0o644),
        (0o022, True, 0o755),
        (0o077, False, 0o600),
        (0o002, True, 0o775),
        (0, False, 0o666),
    ],
)
def test_the_umask_sets_the_mode_of_a_new_file(
    tmp_path, umask, mask: int, executable: bool, mode: int
) -> None:
    os.umask(mask)
    write_file(tmp_path / "file", "text", executable)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_writing_a_file_does_not_change_the_umask(tmp_path, umask) -> None:
    os.umask(0o027)
    write_file(tmp_path / "file", "text")
    assert current_umask() == 0o027


def test_rewriting_a_file_as_not_executable_removes_its_execute_bits(tmp_path, umask) -> None:
    os.umask(0o022)
    write_file(tmp_path / "file", "old", executable=True)
    write_file(tmp_path / "file", "new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("old", "executable", "mode"),
    [
        (0o644, False, 0o644),
        (0o664, False, 0o664),
        (0o600, False, 0o600),
        (0o640, True, 0o750),
        (0o755, True, 0o755),
        (0o620, True, 0o720),
        (0o755, False, 0o644),
    ],
)
def test_rewriting_a_file_does_not_extend_read_or_write_access(
    tmp_path, umask, old: int, executable: bool, mode: int
) -> None:
    """The umask may have become 002 since, set by a module of the site."""
    path = tmp_path / "file"
    path.touch()
    path.chmod(old)
    os.umask(0o002)
    write_file(path, "new", executable)
    assert (path.read_text(), oct(stat.S_IMODE(path.stat().st_mode))) == ("new", oct(mode))


@pytest.mark.parametrize(
    ("above", "folder", "file"),
    # If the group cannot enter the folder, any umask is safe.
    [(0o755, 0o755, 0o644), (0o775, 0o775, 0o664), (0o750, 0o755, 0o644), (0o700, 0o775, 0o664)],
)
def test_a_new_file_is_writable_only_for_those_who_could_create_it(
    tmp_path, umask, above: int, folder: int, file: int
) -> None:
    place = tmp_path / "above"
    place.mkdir()
    place.chmod(above)
    os.umask(0o002)
    (place / "link").symlink_to(tmp_path / "elsewhere")
    names = ("file", "folder/file", "link")
    for name in names:
        write_file(place / name, "text")
    modes = [oct(stat.S_IMODE((place / name).lstat().st_mode)) for name in ("folder", *names)]
    assert modes == list(map(oct, (folder, file, file, file)))


@pytest.mark.parametrize(("writable", "mode"), [(True, 0o660), (False, 0o640)])
def test_the_group_of_a_project_gets_the_requested_access(tmp_path, umask, writable: bool, mode: int) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o600)
    os.umask(0o027)
    with Access(os.getegid(), writable).applied():
        write_file(path, "new")
    assert oct(stat.S_IMODE(path.stat().st_mode)) == oct(mode)
    path.chmod(0o600)
    write_file(path, "again")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_installing_again_with_another_umask_corrects_the_modes(tmp_path, umask) -> None:
    path = tmp_path / "pip.conf"
    for mask, mode in ((0o077, 0o600), (0o022, 0o644)):
        os.umask(mask)
        install_files((InstalledFile(str(path), text=f"# {STACKENV_UUID}\n"),), None)
        assert oct(stat.S_IMODE(path.stat().st_mode)) == oct(mode)


@pytest.mark.parametrize("text", ["", "a\r\nb\n", "é\u2028\n", "\0"])
def test_the_text_is_written_unchanged(tmp_path, text: str) -> None:
    write_file(tmp_path / "file", text)
    assert (tmp_path / "file").read_bytes() == text.encode()


def test_no_temporary_file_is_left_beside_the_file(tmp_path) -> None:
    write_file(tmp_path / "file", "text")
    assert names(tmp_path) == ["file"]


def test_an_open_reader_still_reads_the_old_contents(tmp_path) -> None:
    write_file(tmp_path / "file", "old")
    with (tmp_path / "file").open() as reader:
        write_file(tmp_path / "file", "new")
        assert reader.read() == "old"


def test_writing_over_a_folder_fails_and_leaves_no_temporary_file(tmp_path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(StackenvError, match="what was there before is unchanged"):
        write_file(tmp_path / "file", "text")
    assert names(tmp_path) == ["file"]


def test_a_text_that_cannot_be_encoded_leaves_no_file(tmp_path) -> None:
    with pytest.raises((StackenvError, UnicodeError)):
        write_file(tmp_path / "file", "\ud800")
    assert names(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """Mount a file system of 64 KiB, which only root can do."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("a full disk takes a mount, and that takes root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        message = f"no tmpfs here: {done.stderr.decode()}"
        fail_or_skip(message)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_the_old_contents_are_kept_on_a_full_disk(small_disk: Path) -> None:
    write_file(small_disk / "file", "old")
    with pytest.raises(StackenvError, match="No space left on device"):
        write_file(small_disk / "file", "new" * 100_000)
    assert (small_disk / "file").read_text() == "old"


def test_no_new_file_is_left_on_a_full_disk(small_disk: Path) -> None:
    with pytest.raises(StackenvError, match="No space left on device"):
        write_file(small_disk / "file", "new" * 100_000)
    assert names(small_disk) == []


NAME = "Anaconda3/2024.02-1"


@pytest.fixture
def modulefile(tmp_path) -> Path:
    path = tmp_path / "modules" / f"{NAME}.lua"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old\r\n\xff")
    return path


@pytest.fixture
def kept(tmp_path, modulefile: Path) -> Iterator[KeptModulefiles]:
    found = KeptModulefiles(tmp_path / "kept")
    found.keep(modulefile, NAME, tmp_path / "installation")
    yield found
    # Otherwise the modulefile would be restored when pytest ends.
    found.forget()


KILLED = """\
import os, pathlib, sys
from stackenv.site.kept_modulefiles import KeptModulefiles
folder, path, name = sys.argv[1:]
KeptModulefiles(pathlib.Path(folder)).keep(pathlib.Path(path), name, pathlib.Path("/installation"))
os._exit(9)
"""


def keep_and_be_killed(folder: Path, path: Path, name: str = NAME) -> None:
    """Keep the modulefile `path` in a process that ends without any clean-up."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(path), name], check=False)
    assert done.returncode == 9


def test_a_removed_modulefile_is_restored_byte_for_byte(kept, modulefile: Path) -> None:
    modulefile.unlink()
    kept.restore()
    assert modulefile.read_bytes() == b"old\r\n\xff"


def test_a_modulefile_is_restored_after_its_folder_was_removed(kept, modulefile: Path) -> None:
    shutil.rmtree(modulefile.parent)
    kept.restore()
    assert modulefile.read_bytes() == b"old\r\n\xff"


def test_a_changed_modulefile_is_restored(kept, modulefile: Path) -> None:
    modulefile.write_text("half")
    kept.restore()
    assert modulefile.read_bytes() == b"old\r\n\xff"


def test_restore_returns_the_restored_modulefiles(kept, modulefile: Path, tmp_path) -> None:
    modulefile.unlink()
    assert kept.restore() == [RestoredModulefile(modulefile, tmp_path / "installation")]


def test_an_unchanged_modulefile_is_not_reported_as_restored(kept, modulefile: Path) -> None:
    assert kept.restore() == []


@pytest.mark.parametrize("way", ["restore", "forget"])
def test_no_copy_is_left_after_restore_or_forget(kept, tmp_path, way: str) -> None:
    getattr(kept, way)()
    assert names(tmp_path) == ["modules"]


def test_a_forgotten_modulefile_is_not_restored(kept, modulefile: Path) -> None:
    kept.forget()
    modulefile.unlink()
    kept.restore()
    assert not modulefile.exists()


def test_the_copy_of_a_killed_process_is_restored(modulefile: Path, tmp_path) -> None:
    keep_and_be_killed(tmp_path / "kept", modulefile)
    modulefile.unlink()
    assert KeptModulefiles(tmp_path / "kept").restore_leftovers({NAME}) == [modulefile]
    assert modulefile.read_bytes() == b"old\r\n\xff"


def test_a_leftover_copy_is_removed_when_its_modulefile_exists_again(modulefile: Path, tmp_path) -> None:
    keep_and_be_killed(tmp_path / "kept", modulefile)
    modulefile.write_text("new")
    assert KeptModulefiles(tmp_path / "kept").restore_leftovers({NAME}) == []
    assert modulefile.read_text() == "new"
    assert not (tmp_path / "kept").exists()


def test_a_second_run_keeps_the_copy_of_a_process_that_still_runs(kept, modulefile: Path, tmp_path) -> None:
    KeptModulefiles(tmp_path / "kept").restore_leftovers({NAME})
    modulefile.unlink()
    kept.restore()
    assert modulefile.exists()


def test_the_copy_of_another_module_is_not_restored(modulefile: Path, tmp_path) -> None:
    keep_and_be_killed(tmp_path / "kept", modulefile)
    modulefile.unlink()
    assert KeptModulefiles(tmp_path / "kept").restore_leftovers({"Miniconda3/1"}) == []
    assert not modulefile.exists()


def test_versions_of_one_module_have_separate_copies(tmp_path) -> None:
    for version in ("1.2", "1.3"):
        path = tmp_path / f"modules/{version}.lua"
        path.parent.mkdir(exist_ok=True)
        path.write_text(version)
        keep_and_be_killed(tmp_path / "kept", path, f"Anaconda3/{version}")
        path.unlink()
    KeptModulefiles(tmp_path / "kept").restore_leftovers({"Anaconda3/1.2", "Anaconda3/1.3"})
    assert [(tmp_path / f"modules/{v}.lua").read_text() for v in ("1.2", "1.3")] == ["1.2", "1.3"]


def test_keeping_a_missing_modulefile_makes_no_copy(tmp_path) -> None:
    kept = KeptModulefiles(tmp_path / "kept")
    kept.keep(tmp_path / "modules/none.lua", NAME, tmp_path)
    assert (kept.restore(), names(tmp_path)) == ([], [])


@pytest.fixture
def installation(tmp_path) -> CondaInstallation:
    (tmp_path / "root").mkdir()
    return CondaInstallation("Anaconda3", NAME, str(tmp_path / "root"))


def test_emptying_the_package_cache_leaves_an_empty_urls_txt(installation, tmp_path) -> None:
    cache = tmp_path / "root/pkgs"
    (cache / "python-3.11/lib").mkdir(parents=True)
    (cache / "python-3.11.conda").write_text("package")
    (cache / "link").symlink_to(tmp_path)
    (cache / "urls.txt").write_text("https://example.org\n")
    assert empty_package_cache(installation) == 3
    assert (names(cache), (cache / "urls.txt").read_text()) == (["urls.txt"], "")


def test_the_target_of_a_link_in_the_package_cache_is_kept(installation, tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").touch()
    (tmp_path / "root/pkgs").mkdir()
    (tmp_path / "root/pkgs/link").symlink_to(tmp_path / "elsewhere")
    empty_package_cache(installation)
    assert names(tmp_path / "elsewhere") == ["file"]


def test_a_package_cache_that_is_a_link_is_left_alone(installation, tmp_path) -> None:
    (tmp_path / "shared/python-3.11").mkdir(parents=True)
    (tmp_path / "root/pkgs").symlink_to(tmp_path / "shared")
    assert empty_package_cache(installation) == 0
    assert names(tmp_path / "shared") == ["python-3.11"]


def test_a_condarc_that_stackenv_did_not_write_is_not_overwritten(tmp_path) -> None:
    condarc = tmp_path / "condarc.d/stackenv.yml"
    condarc.parent.mkdir()
    condarc.write_text("channels: [mine]\n")
    with pytest.raises(StackenvError, match="was not written by stackenv"):
        install_files([InstalledFile(str(condarc), text=f"# {STACKENV_UUID}\n")], None)
    assert condarc.read_text() == "channels: [mine]\n"


def test_a_condarc_that_stackenv_wrote_is_overwritten(tmp_path) -> None:
    condarc = tmp_path / "condarc.d/stackenv.yml"
    for text in ("old", "new"):
        install_files([InstalledFile(str(condarc), text=f"# {STACKENV_UUID}\n{text}\n")], None)
    assert condarc.read_text().endswith("\nnew\n")
