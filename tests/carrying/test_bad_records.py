"""An invalid or missing record: Python prints one line and continues without the modules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from traced_starts import Start, bare, start
from worlds import World, kept, make_world

STRANGER = 74013
DEEP = 100_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a user whose environment needs libraries, so that the complete record is read."""
    return make_world(tmp_path_factory.mktemp("bad"), "eb5-pythonpath", "needy")


@pytest.fixture
def record(world: World) -> Iterator[Path]:
    """Return the path of the record; the record is restored after the test, whatever it was replaced by."""
    with kept(world.record):
        yield world.record
        if world.record.is_dir() and not world.record.is_symlink():
            shutil.rmtree(world.record)


def require_refused(seen: Start) -> str:
    """Check that nothing was carried, and return the one line that says why."""
    assert (seen.needle, seen.interpreters) == ("No module named 'needle'", 1)
    assert seen.child == sorted([*seen.given, "STACKENV_TOLD=bio/1.0"])
    (line,) = seen.said
    assert line.startswith("stackenv: ") and "bio/1.0" in line and "hint: " in line, line
    assert "Traceback" not in line and "Error(" not in line, line
    return line


TEXTS = {
    "empty": b"",
    "no JSON": b"stackenv\n",
    "half": b'{"stackenv": "5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94", "record_version": 1, "carr',
    "no text": b'{"\xff": 1}',
    "NUL": b"\0" * 4096,
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "a program": b"#!/bin/sh\ntouch executed\n",
    "deep": b"[" * DEEP,
    "deep, whole": b"[" * DEEP + b"]" * DEEP,
    "a long number": b'{"record_version": ' + b"9" * 10_000 + b"}",
    "NaN": b'{"record_version": NaN}',
}


@pytest.mark.parametrize("text", TEXTS)
def test_text_that_is_not_a_record_is_refused(world: World, record: Path, text: str, tmp_path: Path) -> None:
    record.write_bytes(TEXTS[text])
    require_refused(start(world.python, bare(world.user), tmp_path))
    assert not (tmp_path / "executed").exists()


def has(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.update(changes)


def carries(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data["carried"].update(changes)


def lacks(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda data: data["carried"].pop(name)


FILE = {"path": "/etc/passwd", "size_bytes": 1, "modified_ns": 1, "sha256": "1"}
CHANGES = {
    "a later version": has(record_version=2),
    "an older version": has(record_version=0),
    "a version in words": has(record_version="1"),
    "carried is a list": has(carried=[]),
    "carried is a text": has(carried="numpy"),
    "carried is true": has(carried=True),
    "no modulefiles": lacks("modulefiles"),
    "no path": lacks("python_path"),
    "no libraries": lacks("libraries"),
    "modulefiles are a text": carries(modulefiles="/etc/passwd"),
    "modulefiles are texts": carries(modulefiles=["/etc/passwd"]),
    "modulefiles are numbers": carries(modulefiles=[1]),
    "a modulefile is a number": carries(modulefiles=[{**FILE, "path": 0}]),
    "a modulefile without a hash": carries(modulefiles=[{"path": "/etc/passwd"}]),
    "modulefiles are null": carries(modulefiles=None),
    "the path is a text": carries(python_path="/etc"),
    "the path has null": carries(python_path=[None]),
    "the path has a NUL": carries(python_path=["/a\0b"]),
    "the path has half a character": carries(python_path=["/\ud800"]),
    "the path has a relative entry": carries(python_path=["packages"]),
    "the path has an empty entry": carries(python_path=[""]),
    "the prefixes have a relative entry": carries(prefixes=["./prefix"]),
    "the libraries have a relative entry": carries(libraries=["lib"]),
    "the prefixes are an object": carries(prefixes={"a": 1}),
    "the prefixes are a number": carries(prefixes=7),
    "the libraries are a text": carries(libraries="/tmp"),
    "the libraries have a list": carries(libraries=[["/tmp"]]),
    "the libraries have a NUL": carries(libraries=["/a\0b"]),
    "the libraries have half a character": carries(libraries=["/\ud800"]),
    "the sources are a text": carries(sources="/home"),
    "the preload is a number": carries(preload=1),
    "the variables are an object": carries(variables={"A": "1"}),
    "the variables are texts": carries(variables=["A=1"]),
    "a variable is three": carries(variables=[["A", "1", "2"]]),
    "a variable is a number": carries(variables=[["A", 1]]),
    "a variable's name is empty": carries(variables=[["", "1"]]),
    "a variable's name has a sign": carries(variables=[["A=B", "1"]]),
    "a variable's name has a NUL": carries(variables=[["A\0", "1"]]),
    "a variable has a NUL": carries(variables=[["A", "\0"]]),
    "a variable has half a character": carries(variables=[["A", "\ud800"]]),
    "the features are a text": carries(cpu_features="avx"),
    "the features are numbers": carries(cpu_features=[1]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_record_with_an_invalid_field_is_refused(
    world: World, record: Path, change: str, tmp_path: Path
) -> None:
    data = json.loads(record.read_text())
    CHANGES[change](data)
    record.write_text(json.dumps(data))
    require_refused(start(world.python, bare(world.user), tmp_path))


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_large(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(100_000_000)


def make_link_to_nothing(path: Path) -> None:
    path.symlink_to("gone")


def make_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def make_link_to_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_socket(path: Path) -> None:
    # The complete path may be longer than the path of a socket can be.
    code = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, path.name], cwd=path.parent, check=True)


THINGS = {
    "nothing": lambda path: None,
    "a folder": Path.mkdir,
    "a FIFO": make_fifo,
    "a socket": make_socket,
    "a link to nothing": make_link_to_nothing,
    "a link to itself": make_link_to_itself,
    "a link to /dev/zero": make_link_to_endless,
    "100 MB": make_large,
}


@pytest.mark.parametrize("thing", THINGS)
def test_a_missing_or_unusual_record_file_is_reported_in_one_line(
    world: World, record: Path, thing: str, tmp_path: Path
) -> None:
    record.unlink()
    THINGS[thing](record)
    # The timeout ends a Python that waits at a FIFO or reads forever.
    seen = start(world.python, bare(world.user), tmp_path, ["timeout", "60"])
    require_refused(seen)


def test_an_unreadable_record_is_reported_in_one_line(world: World, record: Path, tmp_path: Path) -> None:
    if os.geteuid():
        record.chmod(0)
        require_refused(start(world.python, bare(world.user), tmp_path))
        return
    # Root can read it whatever its mode, so the capabilities of root are dropped.
    os.chown(record, STRANGER, STRANGER)
    record.chmod(0o600)
    without = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]
    require_refused(start(world.python, bare(world.user), tmp_path, without))


def test_a_missing_carry_file_is_reported_with_a_hint(world: World, tmp_path: Path) -> None:
    (path,) = Path(world.record).parents[1].glob("lib/python3*/site-packages/_stackenv_carry.py")
    with kept(path):
        path.unlink()
        said = require_refused(start(world.python, bare(world.user), tmp_path))
    why = f"the environment bio/1.0 runs without its modules: {path} is missing"
    assert said == f"stackenv: {why}; hint: stackenv edit bio/1.0 --refresh"


def test_names_in_a_record_are_never_executed(world: World, record: Path, tmp_path: Path) -> None:
    """The names contain commands of a shell, and a folder with a .pth file that site.py would execute."""
    data = json.loads(record.read_text())
    mark = tmp_path / "executed"
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "trap.pth").write_text(f"import os; os.mkdir({str(mark)!r})\n")
    data["carried"]["python_path"] += [f"/$(touch {mark})", f"/; touch {mark}", str(trap)]
    record.write_text(json.dumps(data))
    seen = start(world.python, bare(world.user), tmp_path)
    assert not mark.exists()
    # As in folders of PYTHONPATH, .pth files are not read.
    assert str(trap) in seen.path and seen.needle == 10


def test_missing_folders_in_a_record_are_ignored(world: World, record: Path, tmp_path: Path) -> None:
    data = json.loads(record.read_text())
    for name in ("python_path", "prefixes", "libraries"):
        data["carried"][name] += [f"/gone/{name}"]
    record.write_text(json.dumps(data))
    seen = start(world.python, bare(world.user), tmp_path)
    assert (seen.needle, seen.said) == (10, [])
    assert seen.child == seen.given


def test_the_warning_is_printed_once_for_a_process_and_its_children(
    world: World, record: Path, tmp_path: Path
) -> None:
    record.write_text("no record")
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'], check=True)"
    done = subprocess.run(
        [world.python, "-c", code], env=bare(world.user), capture_output=True, text=True, check=True
    )
    assert done.stderr.count("stackenv: ") == 1, done.stderr
