"""Commands that change stubs and are interrupted, or run out of space: they change everything or nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import read_result
from made_again import make_again
from people import COMMAND, Person, make_person, make_site

from stackenv.transactions.file_hash import hash_file

STUB = "tiny_stack-1.0.dist-info"


@pytest.fixture
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Return a person with the environment `with`, which has its stub, and `without`, which has none."""

    def make(folder: Path) -> Person:
        person = make_person(folder, make_site(folder / "site"))
        person.create("with")
        person.create("without", "--no-stubs")
        return person

    return make_again(tmp_path_factory.getbasetemp() / "interrupted", make)


def prefix(person: Person, name: str) -> Path:
    return person.home / f"venvs/{name}-1.0"


def stubs(person: Person, name: str) -> list[Path]:
    return list(prefix(person, name).glob("lib/python3*/site-packages/*.dist-info"))


def contents(folder: Path) -> dict[str, str]:
    """Return a hash of each file below `folder`, by relative path."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: hash_file(path) for name, path in found.items() if "__pycache__" not in name}


def count(person: Person, call: str, words: str) -> int:
    """Return how often `stackenv WORDS` makes the system call `call`; its changes are undone."""
    kept = person.home.with_name("kept")
    shutil.copytree(person.home, kept, symlinks=True)
    trace = person.home.parent / "trace"
    done = person.shell(f'strace -qq -o {trace} -e trace=/^{call} "{COMMAND}" {words}')
    assert done.returncode == 0, done.stderr
    shutil.rmtree(person.home)
    kept.rename(person.home)
    return sum(bool(re.match(call, line)) for line in trace.read_text().splitlines())


def stop(person: Person, call: str, number: int, name: str, words: str) -> subprocess.CompletedProcess[str]:
    """Send the signal `name` to `stackenv WORDS` at its `number`th system call `call`."""
    inject = f"-e trace=/^{call} -e inject=/^{call}:signal={name}:when={number}"
    return person.shell(f'strace -qq -o /dev/null {inject} "{COMMAND}" {words}')


def require_whole(person: Person, name: str, wanted: bool | None = None) -> None:
    """Run a command, then assert that `name` has all stubs or none, as `wanted`, and no journal is left."""
    person.stackenv("list")
    assert read_result(person.stackenv("check", name, "--json").stdout) == []
    assert not [path for path in prefix(person, name).rglob("*") if path.name.startswith(".METADATA")]
    if wanted is not None:
        assert bool(stubs(person, name)) == wanted
    assert not list((person.modules / ".stackenv").glob("*.json*"))


@pytest.mark.parametrize("signal", ["KILL", "INT", "TERM"])
@pytest.mark.parametrize("part", [2, 3, 4, 5, 6, 7, 8])
@pytest.mark.any_value("part", of=4)
@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("unlink", "edit with --no-stubs"),
        ("rename", "edit without --stubs"),
        ("rename", "edit with --refresh"),
    ],
    ids=["off", "on", "refresh"],
)
@pytest.mark.each_pair("signal", "words")
def test_an_interrupted_edit_changes_all_stubs_or_none(
    person: Person, call: str, words: str, signal: str, part: int
) -> None:
    name = words.split()[1]
    if "refresh" in words:
        shutil.rmtree(stubs(person, name)[0])
    total = count(person, call, words)
    assert total > 2
    stopped = stop(person, call, max(1, total * part // 9), signal, words)
    assert stopped.returncode not in (0, 1) and "Traceback" not in stopped.stderr
    if "refresh" in words:
        person.stackenv("list")
        # Nothing was changed, and the finding remains; or everything was, and there is none.
        found = read_result(person.stackenv("check", name, "--json").stdout)
        assert [finding["rule"] for finding in found] == ([] if stubs(person, name) else ["stubs"])
    else:
        require_whole(person, name)
    person.stackenv(*words.split())
    require_whole(person, name, wanted="--no-stubs" not in words)


@pytest.mark.parametrize("signal", ["KILL", "INT"])
@pytest.mark.parametrize("part", [5, 7, 8])
@pytest.mark.any_value("part")
def test_an_interrupted_adoption_is_done_completely_or_not_at_all(
    person: Person, signal: str, part: int
) -> None:
    """The adopted folder is a copy with a stub of other modules: it is unchanged, or adopted."""
    copy = person.home / "own/copy"
    shutil.copytree(prefix(person, "with"), copy, symlinks=True)
    shutil.rmtree(copy / "stackenv")
    before = contents(copy)
    words = f"adopt {copy} copy -m Bundle/2"
    stop(person, "rename", count(person, "rename", words) * part // 9, signal, words)
    person.stackenv("list")
    if not (person.modules / "copy/1.0.lua").exists():
        assert contents(copy) == before
        person.stackenv(*words.split())
    names = sorted(path.name for path in copy.glob("lib/python3*/site-packages/*.dist-info"))
    assert names == ["tiny_new-1.0.dist-info", "tiny_stack-2.0.dist-info"]
    assert read_result(person.stackenv("check", "copy", "--json").stdout) == []


@pytest.fixture
def small_disk(person: Person) -> Iterator[Path]:
    """Yield the environment `without`, on a small file system of its own."""
    place = prefix(person, "without")
    kept = place.with_name("kept")
    place.rename(kept)
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=False)
    if done.returncode:
        pytest.skip("a small disk takes a mount, and that takes root")
    shutil.copytree(kept, place, symlinks=True, dirs_exist_ok=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_an_edit_on_a_full_disk_fails_and_can_be_repeated(person: Person, small_disk: Path) -> None:
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as stream, pytest.raises(OSError, match="space"):
        while True:
            stream.write(b"x" * 4096)
    failed = person.stackenv("edit", "without", "--stubs", status=1)
    assert "No space left" in failed.stderr and str(small_disk) in failed.stderr
    files = [file for folder in stubs(person, "without") for file in folder.iterdir()]
    assert not [file for file in files if not file.stat().st_size]
    filler.unlink()
    # The next command finishes what the failed one began.
    person.stackenv("list")
    person.stackenv("edit", "without", "--stubs")
    require_whole(person, "without", wanted=True)


def test_an_edit_on_a_read_only_disk_changes_nothing(person: Person, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    before = contents(small_disk)
    refused = person.stackenv("edit", "without", "--stubs", status=1)
    assert f"{small_disk} is not writable; nothing was changed" in refused.stderr
    assert contents(small_disk) == before
    assert read_result(person.stackenv("check", "without", "--json").stdout) == []
