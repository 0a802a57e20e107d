"""Links, pipes and other folders in the way of stubs: they are kept, or reported before they are removed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import read_result
from people import COMMAND, Person
from stubbed import Kept, keep, lend, make_stubbed, site_packages

from stackenv.environments.own_packages import read_distributions

NUMPY, STACK = "numpy-1.0.dist-info", "tiny_stack-1.0.dist-info"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, Kept]:
    """Return a person with two environments on a bundle of two packages, and copies of home and bundle."""
    person = make_stubbed(tmp_path_factory.mktemp("alone"), "numpy")
    person.create("it")
    person.create("other")
    return person, keep(person)


@pytest.fixture
def person(origin: tuple[Person, Kept]) -> Iterator[Person]:
    """Return the person with the original home and bundle."""
    yield from lend(*origin)


def find_site(prefix: Path) -> Path:
    (site,) = prefix.glob("lib/python3*/site-packages")
    return site


def site_of(person: Person, name: str = "it") -> Path:
    return site_packages(person, name)


def stubs(site: Path) -> list[str]:
    return sorted(path.name for path in site.glob("*.dist-info"))


def check(person: Person, name: str = "it", **changes: str) -> list[dict[str, str]]:
    return read_result(person.stackenv("check", name, "--json", status=None, **changes).stdout)


def info(person: Person, name: str = "it", **changes: str) -> dict[str, object]:
    return read_result(person.stackenv("info", name, "--json", **changes).stdout)["stubs"]


def configure(person: Person, text: str) -> dict[str, str]:
    path = person.home.parent / "site.yaml"
    path.write_text(f"version: 1\npersonal:\n  {text}\n")
    return {"STACKENV_SITE_CONFIG": str(path)}


@pytest.mark.parametrize("words", [("--refresh",), ("--no-stubs",), ("--allow-shadow", "numpy")])
def test_edit_changes_nothing_behind_a_link(person: Person, words: tuple[str, ...]) -> None:
    link, other = site_of(person) / NUMPY, site_of(person, "other")
    shutil.rmtree(link)
    link.symlink_to(other / NUMPY)
    (other / NUMPY / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\nSummary: x\n")
    before = {path.name: path.read_bytes() for path in (other / NUMPY).iterdir()}
    person.stackenv("edit", "it", *words)
    assert {path.name: path.read_bytes() for path in (other / NUMPY).iterdir()} == before
    assert link.is_symlink()


def test_a_link_in_place_of_a_stub_is_reported_and_fixed_by_the_hint(person: Person) -> None:
    link, other = site_of(person) / NUMPY, site_of(person, "other")
    shutil.rmtree(link)
    link.symlink_to(other / NUMPY)
    assert info(person) == {"packages": ["tiny-stack"], "expected_count": 2, "reason": ""}
    (found,) = check(person)
    assert (found["rule"], found["level"], found["where"]) == ("stubs", "warning", str(link))
    assert found["what"].endswith(f"are links: numpy 1.0 ({other / NUMPY})")
    assert found["hint"] == f"rm {link}; stackenv edit it/1.0 --refresh"
    rm, edit = found["hint"].split("; ")
    subprocess.run(rm.split(), check=True)
    person.stackenv(*edit.split()[1:])
    assert check(person) == [] and stubs(site_of(person)) == [NUMPY, STACK] == stubs(other)
    assert not link.is_symlink()


def test_a_dangling_link_in_place_of_a_stub_is_reported(person: Person) -> None:
    link = site_of(person) / NUMPY
    shutil.rmtree(link)
    link.symlink_to("gone")
    (found,) = check(person)
    assert found["what"].endswith("are links: numpy 1.0 (gone)") and f"rm {link}" in found["hint"]


def test_a_link_inside_a_stub_is_reported_and_replaced(person: Person) -> None:
    file, own = site_of(person) / NUMPY / "METADATA", person.home / "own"
    own.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(own)
    assert "different from the module: numpy 1.0" in check(person)[0]["what"]
    person.stackenv("edit", "it", "--refresh")
    assert not file.is_symlink() and own.is_file() and check(person) == []


@pytest.mark.parametrize("words", [("--refresh",), ("--no-stubs",)])
def test_a_stub_with_extra_files_is_restored_or_removed(person: Person, words: tuple[str, ...]) -> None:
    folder, away = site_of(person) / NUMPY, person.home / "away"
    away.mkdir()
    (away / "mine").touch()
    (folder / "licenses/deep").mkdir(parents=True)
    (folder / "licenses/deep/LICENSE").touch()
    (folder / "licenses/link").symlink_to(away)
    assert "different from the module: numpy 1.0" in check(person)[0]["what"]
    person.stackenv("edit", "it", *words)
    assert (away / "mine").exists() and check(person) == []
    assert stubs(site_of(person)) == ([NUMPY, STACK] if words == ("--refresh",) else [])
    assert not (folder / "licenses").exists()


def without_powers(person: Person, words: str) -> subprocess.CompletedProcess[str]:
    """Run `stackenv WORDS` without the right of root to write everywhere."""
    powers = "setpriv --bounding-set=-dac_override,-dac_read_search" if os.geteuid() == 0 else ""
    return person.shell(f"{powers} {COMMAND} {words}")


@pytest.mark.parametrize("which", ["a stub", "all"])
@pytest.mark.parametrize("words", ["edit it --no-stubs", "edit it --refresh"])
def test_an_unwritable_folder_is_reported_before_anything_is_changed(
    person: Person, which: str, words: str
) -> None:
    folder = site_of(person) / NUMPY if which == "a stub" else site_of(person)
    (site_of(person) / NUMPY / "METADATA").write_text("Name: x\n")
    shutil.rmtree(site_of(person) / STACK)
    before = person.tree()
    folder.chmod(0o555)
    done = without_powers(person, words)
    folder.chmod(0o755)
    assert done.returncode == 1
    assert f"{folder} is not writable; nothing was changed" in done.stderr, done.stderr
    assert f"ls -ld {folder}" in done.stderr
    assert person.tree() == before
    person.stackenv("edit", "it", "--refresh")
    assert check(person) == []


@pytest.mark.parametrize("name", ["INSTALLER", "METADATA", "RECORD"])
def test_a_pipe_in_a_stub_is_not_waited_for(person: Person, name: str) -> None:
    pipe = site_of(person) / NUMPY / name
    pipe.unlink()
    os.mkfifo(pipe)
    done = person.shell(f"timeout 60 {COMMAND} info it && timeout 60 {COMMAND} edit it --refresh")
    assert done.returncode == 0, done.stderr
    assert pipe.is_file() and check(person) == []


def test_a_pipe_in_the_metadata_of_a_package_is_not_waited_for(person: Person) -> None:
    site = site_of(person)
    folder = site / "odd-1.0.dist-info"
    folder.mkdir()
    for name in ("METADATA", "PKG-INFO", "INSTALLER", "RECORD"):
        os.mkfifo(folder / name)
    os.mkfifo(site / "linked.egg-link")
    done = person.shell(f"timeout 60 {COMMAND} info it && timeout 60 {COMMAND} check it")
    assert "2 packages of its modules" in done.stdout and done.returncode != 124, done.stderr


def test_metadata_that_is_a_link_is_read(person: Person) -> None:
    """As uv creates it with UV_LINK_MODE=symlink."""
    (person.home / "cache").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 3\n")
    folder = site_of(person) / "mine-3.dist-info"
    folder.mkdir()
    (folder / "METADATA").symlink_to(person.home / "cache")
    found = read_distributions(person.home / "venvs/it-1.0")
    assert ("mine", "3") in [(d.metadata["Name"], d.version) for _, d in found]


def test_stubs_of_a_spack_view_copy_the_files_behind_its_links(person: Person) -> None:
    """A view has its own folders, with a link in them for each file."""
    view, store = person.site.software / "Bundle/1/lib", person.site.software / "Bundle/1/store"
    view.rename(store)
    subprocess.run(["cp", "-rs", store, view], check=True)
    assert (view / NUMPY / "METADATA").is_symlink()
    assert check(person) == []
    person.stackenv("edit", "it", "--no-stubs")
    person.stackenv("edit", "it", "--stubs")
    assert stubs(site_of(person)) == [NUMPY, STACK] and check(person) == []
    assert (site_of(person) / NUMPY / "METADATA").read_text() == (store / NUMPY / "METADATA").read_text()
    assert not (site_of(person) / NUMPY / "METADATA").is_symlink()


def test_unreadable_metadata_of_a_module_is_named_in_the_finding(person: Person) -> None:
    """stackenv does not accept metadata larger than any real one; Python does."""
    metadata = person.site.software / f"Bundle/1/lib/{NUMPY}/METADATA"
    metadata.write_text(metadata.read_text() + "\n" + "x" * (1 << 23))
    (found,) = check(person)
    why = "unwanted (because its metadata in Bundle/1 cannot be read): numpy 1.0"
    assert found["what"].endswith(why), found["what"]


def copy_environment(person: Person) -> Path:
    copy = person.home / "copy"
    shutil.copytree(person.home / "venvs/it-1.0", copy, symlinks=True)
    return copy


@pytest.mark.parametrize("option", ["--no-stubs", "--no-pth"])
def test_adopting_a_copy_without_stubs_removes_them_and_says_so(person: Person, option: str) -> None:
    copy = copy_environment(person)
    words = ("adopt", str(copy), "copy", "-m", "Bundle/1", option)
    said = person.stackenv(*words, "--dry-run").stdout
    assert "; remove 2 old stubs" in said and stubs(find_site(copy)) == [NUMPY, STACK]
    person.stackenv(*words)
    assert stubs(find_site(copy)) == [] and check(person, "copy") == []


def test_a_stub_after_no_pth_is_reported_as_unwanted(person: Person) -> None:
    copy = copy_environment(person)
    person.stackenv("adopt", str(copy), "copy", "-m", "Bundle/1", "--no-pth")
    shutil.copytree(site_of(person) / NUMPY, find_site(copy) / NUMPY)
    (found,) = check(person, "copy")
    assert found["what"].endswith("unwanted (after --no-pth): numpy 1.0")
    assert "show uv" not in person.stackenv("edit", "copy", "--no-stubs", "--dry-run").stdout


def test_edit_counts_only_the_packages_that_get_a_stub(person: Person) -> None:
    person.stackenv("edit", "it", "--no-stubs")
    with zipfile.ZipFile(person.site.wheels / "numpy-1.0-py3-none-any.whl") as archive:
        archive.extractall(site_of(person))
    said = person.stackenv("edit", "it", "--stubs", "--dry-run").stdout
    assert "show uv 1 package of the modules" in said


@pytest.mark.parametrize(
    ("setting", "reason", "said"),
    [
        (
            'stubs_leave_out: ["*"]',
            "left-out",
            "left out by the site configuration (personal.stubs_leave_out)",
        ),
        ("stubs: false", "site", "turned off by the site configuration (personal.stubs)"),
    ],
)
def test_info_shows_the_current_setting_as_the_reason_for_no_stubs(
    person: Person, setting: str, reason: str, said: str
) -> None:
    record = person.home / "venvs/it-1.0/stackenv/record.json"
    person.stackenv("edit", "it", "--no-stubs")
    data = json.loads(record.read_text())
    del data["stubs"], data["stubs_off"]
    record.write_text(json.dumps(data))
    site = configure(person, setting)
    for _ in range(2):
        assert info(person, **site)["reason"] == reason
        assert said in person.stackenv("info", "it", **site).stdout
        person.stackenv("edit", "it", "--refresh", **site)
    assert info(person)["reason"] == "no-record"


def test_only_own_packages_are_exported_as_requirements(person: Person) -> None:
    """`pip freeze --local` also lists the stubs: docs/explanation/pip-and-uv.md says what to type instead."""
    person.create("mine", "tiny-own==1.0")
    said = person.stackenv("export", "mine", "--format", "requirements").stdout.splitlines()
    assert [line for line in said if line and not line.startswith("#")] == ["tiny-own==1.0"]
    assert stubs(site_of(person, "mine"))[:1] == [NUMPY]
