"""`stackenv remove`: what stackenv made is removed, what others made is kept."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from answering import answer
from people import COMMAND, Person


def test_module_and_environment_are_removed(owner: Person) -> None:
    before = owner.tree()
    place = owner.create("short")
    done = owner.stackenv("remove", "short", "--yes")
    files = sum(len(files) for _, _, files in os.walk(place))
    assert (files, place.exists(), (owner.modules / "short").exists()) == (0, False, False)
    assert owner.tree() == before
    assert "Removed short/1.0" in done.stderr


def test_a_dry_run_shows_the_number_and_size_of_the_files(owner: Person) -> None:
    place = owner.create("counted", "--with-pip")
    inside = [Path(folder, name) for folder, folders, names in os.walk(place) for name in (*folders, *names)]
    line = owner.stackenv("remove", "counted", "--dry-run").stdout.splitlines()[1]
    assert line.startswith(f"delete the environment {place}: {len(inside) + 1:,} files, ")
    megabytes = sum(path.lstat().st_blocks for path in (place, *inside)) * 512 / 1e6
    assert line.endswith(f"{megabytes:.1f} MB")


def test_files_that_were_not_installed_are_reported(owner: Person) -> None:
    place = owner.create("lived-in")
    (place / "data").mkdir()
    line = owner.stackenv("remove", "lived-in", "--dry-run").stdout.splitlines()[1]
    assert line.endswith(", including files that were not installed: data")


def test_nothing_is_removed_without_a_terminal(owner: Person) -> None:
    before = owner.tree()
    assert "stackenv remove biopy/1.0 --yes" in owner.stackenv("remove", "biopy", status=2).stderr
    assert owner.tree() == before


def test_remove_asks_on_a_terminal(owner: Person) -> None:
    place = owner.create("asked")
    words = [COMMAND, "remove", "asked"]
    status, shown = answer(words, owner.environ, owner.home, "n\n")
    assert (status, place.is_dir()) == (1, True)
    assert f"delete the environment ~/{place.relative_to(owner.home)}" in shown
    assert "nothing was changed" in shown
    status, _ = answer(words, owner.environ, owner.home, "\x04")
    assert (status, place.is_dir()) == (130, True)
    status, _ = answer(words, owner.environ, owner.home, "y\n")
    assert (status, place.exists()) == (0, False)


@pytest.mark.parametrize("command", ["clean", "remove kept"])
def test_input_typed_before_the_question_is_not_an_answer(left: Person, command: str) -> None:
    words = [COMMAND, *command.split()]
    for typed in ("n\n", "\n"):
        _, shown = answer(words, left.environ, left.home, typed, early="y\ny\ny\n")
        assert "[y/N]: " in shown
        assert {path.name for path in (left.home / "venvs").iterdir()} == {"left-1.0", "kept-1.0"}
    assert answer(words, left.environ, left.home, "y\n", early="n\nn\n")[0] == 0
    assert len([*(left.home / "venvs").iterdir()]) == 1


def test_an_adopted_environment_is_kept_as_it_was(owner: Person) -> None:
    place = owner.home / "own/adopted"
    subprocess.run([next(owner.site.software.glob("Python/3*/bin/python3")), "-I", "-m", "venv",
                    "--without-pip", place], check=True)  # fmt: skip
    (place / "mine.txt").write_text("mine")
    before = owner.tree()
    owner.stackenv("adopt", str(place), "adopted", "-m", "Bundle/1")
    owner.stackenv("run", "adopted", "python", "-c", "pass")
    assert owner.tree() != before
    done = owner.stackenv("remove", "adopted", "--yes")
    assert "which stackenv did not create" in done.stderr
    caches = [name for name in owner.tree() if name.endswith("__pycache__") and name not in before]
    assert {n: t for n, t in owner.tree().items() if n not in caches} == before


def test_a_users_pip_conf_in_an_adopted_environment_is_kept(owner: Person) -> None:
    place = owner.adopt("configured")
    (place / "pip.conf").write_text("[global]\ntimeout = 7\n")
    owner.stackenv("remove", "configured", "--yes")
    assert (place / "pip.conf").read_text() == "[global]\ntimeout = 7\n"


def test_the_environment_option_removes_an_adopted_environment(owner: Person) -> None:
    place = owner.adopt("doomed")
    owner.stackenv("remove", "doomed", "--environment", "--yes")
    assert not place.exists()
    assert list(place.parent.glob(".doomed*")) == []


def test_an_environment_adopted_through_a_link_is_removed_with_the_link(
    owner: Person, tmp_path: Path
) -> None:
    place = owner.adopt("real")
    owner.stackenv("remove", "real", "--yes")
    link = owner.home / "link"
    link.symlink_to(place)
    owner.stackenv("adopt", str(link), "linked", "-m", "Bundle/1")
    owner.stackenv("remove", "linked", "--environment", "--yes")
    assert (place.exists(), link.is_symlink()) == (False, False)


def test_targets_of_links_in_the_environment_are_kept(owner: Person, tmp_path: Path) -> None:
    place = owner.create("linking")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("precious")
    (place / "data").symlink_to(tmp_path / "data")
    owner.stackenv("remove", "linking", "--yes")
    assert (tmp_path / "data/file").read_text() == "precious"


def test_folders_without_write_permission_are_removed(owner: Person) -> None:
    place = owner.create("locked")
    (place / "closed/inner").mkdir(parents=True)
    (place / "closed/inner/file").write_text("x")
    for folder in (place / "closed/inner", place / "closed"):
        folder.chmod(0o500)
    owner.stackenv("remove", "locked", "--yes")
    assert not place.exists()


def test_a_module_whose_environment_is_missing_is_removed(owner: Person) -> None:
    place = owner.create("vanished")
    place.rename(place.with_name("elsewhere"))
    done = owner.stackenv("remove", "vanished", "--yes")
    assert f"{place}, which no longer exists" in done.stderr
    assert not (owner.modules / "vanished").exists()
    assert place.with_name("elsewhere").is_dir()


def test_an_environment_without_a_record_is_kept_and_its_module_removed(owner: Person) -> None:
    place = owner.create("unknown")
    (place / "stackenv/record.json").unlink()
    done = owner.stackenv("remove", "unknown", "--yes")
    assert "it is unknown who created it" in done.stderr
    assert (place / "pyvenv.cfg").is_file()
    assert not (owner.modules / "unknown").exists()


def test_a_folder_that_is_not_an_environment_is_not_deleted(owner: Person) -> None:
    place = owner.create("emptied")
    (place / "stackenv/record.json").unlink()
    (place / "pyvenv.cfg").unlink()
    before = owner.tree()
    done = owner.stackenv("remove", "emptied", "--environment", "--yes", status=1)
    assert "is not an environment" in done.stderr
    assert owner.tree() == before


def test_an_environment_that_contains_the_modules_is_not_removed(owner: Person) -> None:
    (owner.home / "pyvenv.cfg").write_text("home = /nowhere\n")
    path = owner.modules / "whole/1.0.lua"
    path.parent.mkdir()
    text = (owner.modules / "biopy/1.0.lua").read_text()
    path.write_text(text.replace(f"-- record: {owner.home}/venvs/biopy-1.0/", f"-- record: {owner.home}/"))
    before = owner.tree()
    try:
        done = owner.stackenv("remove", "whole", "--environment", "--yes", status=1)
        assert owner.tree() == before
    finally:
        path.unlink()
        path.parent.rmdir()
        (owner.home / "pyvenv.cfg").unlink()
    assert "is inside the environment" in done.stderr


def test_an_environment_with_another_module_is_not_removed(owner: Person) -> None:
    copy = owner.modules / "copy/1.0.lua"
    copy.parent.mkdir()
    copy.write_text((owner.modules / "biopy/1.0.lua").read_text())
    before = owner.tree()
    try:
        done = owner.stackenv("remove", "biopy", "--yes", status=1)
        assert owner.tree() == before
    finally:
        copy.unlink()
        copy.parent.rmdir()
    assert "is also the environment of copy/1.0" in done.stderr


@pytest.mark.parametrize(
    ("script", "hint"),
    [
        ('module use "$HOME/modules"; module load biopy', "module unload biopy/1.0"),
        ('. "$HOME/venvs/biopy-1.0/bin/activate"', "deactivate"),
    ],
)
def test_an_environment_in_use_is_not_removed(owner: Person, script: str, hint: str) -> None:
    before = {name: text for name, text in owner.tree().items() if "__pycache__" not in name}
    done = owner.shell(f'{script}; "{COMMAND}" remove biopy --yes; echo "status $?"')
    assert f"first run: {hint}" in done.stderr
    assert done.stdout == "status 1\n"
    assert {name: text for name, text in owner.tree().items() if "__pycache__" not in name} == before


def test_the_default_marker_is_removed_with_its_version(owner: Person) -> None:
    for version in ("1.0", "2.0"):
        owner.create("marked", "--version", version)
    owner.stackenv("edit", "marked/1.0", "--default")
    assert "name one of them" in owner.stackenv("remove", "marked", "--yes", status=2).stderr
    owner.stackenv("remove", "marked/1.0", "--yes")
    assert sorted(path.name for path in (owner.modules / "marked").iterdir()) == ["2.0.lua"]


def test_a_modulefile_not_written_by_stackenv_is_not_removed(owner: Person) -> None:
    path = owner.modules / "theirs/1.0.lua"
    path.parent.mkdir()
    path.write_text("-- mine\n")
    assert "not written by stackenv" in owner.stackenv("remove", "theirs/1.0", "--yes", status=9).stderr
    assert path.read_text() == "-- mine\n"


def test_several_modules_are_removed_after_one_question(owner: Person) -> None:
    places = [owner.create(name) for name in ("one", "two")]
    status, shown = answer([COMMAND, "rm", "one", "two/1.0", "one"], owner.environ, owner.home, "n\n")
    assert (status, shown.count("Remove 2 modules?"), shown.count("delete the environment")) == (1, 1, 2)
    assert all(place.is_dir() for place in places)
    done = owner.stackenv("rm", "one", "two/1.0", "one", "--yes")
    assert [line for line in done.stderr.splitlines() if "Removed" in line] == [
        "Removed one/1.0",
        "Removed two/1.0",
    ]
    assert not any(place.exists() for place in places)
    assert "\none/1.0" not in owner.stackenv("ls").stdout


def test_nothing_is_removed_if_one_of_several_modules_is_unknown(owner: Person) -> None:
    place = owner.create("stays")
    for other in ("no-such", "biopy/9.9"):
        done = owner.stackenv("remove", "stays", other, "--yes", status=1)
        assert f"there is no module {other}" in done.stderr
    assert place.is_dir() and (owner.modules / "stays").is_dir()
