"""The package reads files by the functions of plain_files.py, which refuse pipes and devices."""

from __future__ import annotations

import ast
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import stackenv
from stackenv.plain_files import SpecialFileError, open_file, read_file_bytes, read_file_text, read_plain

PACKAGE = Path(stackenv.__file__).parent
# Links to code that EasyBuild, Lmod and a vendor's Python run: not part of the package.
NOT_OURS = {"hooks", "templates", "site-config"}
# The functions themselves; a command whose user may name a pipe (`--from <(ssh ...)`); and two files that
# check what they have opened themselves, also if it is not a regular file.
OTHERS = {
    *(
        "plain_files.py",
        "lifecycle/create_from.py",
        "site/untrusted_files.py",
        "transactions/journal_file.py",
    ),
}


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a socket": make_socket,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a terminal": lambda path: path.symlink_to("/dev/ptmx"),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("read", [open_file, read_file_bytes, read_file_text])
def test_pipes_sockets_and_devices_are_not_read(
    tmp_path: Path, kind: str, read: Callable[[Path], object]
) -> None:
    place = tmp_path / "file"
    SPECIAL[kind](place)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(SpecialFileError, match="not a regular file") as caught:
        read(place)
    assert caught.value.filename == str(place)
    assert read_plain(place) is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_or_missing_file_raises_the_usual_python_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_file_bytes(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_file_bytes(tmp_path / "gone")
    assert read_plain(tmp_path) is None and read_plain(tmp_path / "gone") is None


@pytest.mark.parametrize("contents", [b"", b"a\nb\r\nc\rd", "\u00fc\r".encode(), b"\xff\n"])
def test_a_text_is_decoded_as_by_path_read_text(tmp_path: Path, contents: bytes) -> None:
    place = tmp_path / "file"
    place.write_bytes(contents)
    assert read_file_bytes(place) == contents == read_plain(place)
    for encoding, errors in (("utf-8", "surrogateescape"), ("utf-8", "replace"), ("latin-1", "strict")):
        expected = place.read_text(encoding=encoding, errors=errors)
        assert read_file_text(place, encoding=encoding, errors=errors) == expected


def test_links_and_large_files_are_read_unless_excluded(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 9)
    (tmp_path / "link").symlink_to("file")
    assert read_plain(tmp_path / "link") == b"x" * 9
    assert read_plain(tmp_path / "link", follow=False) is None
    assert read_plain(tmp_path / "file", largest=8) is None


# Words in calls of os.open that read no file: a folder, no reading at all, or a file that is created.
ELSEWHERE = ("O_PATH", "O_DIRECTORY", "O_EXCL", "os.devnull", "flags")
OPENED = ("handle", "descriptor", "number")


def list_readings(source: str) -> Iterator[int]:
    """Yield the lines of `source` that read or open a file in another way."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            owner, _, name = ast.unparse(node.func).rpartition(".")
            words = [ast.unparse(argument) for argument in (*node.args, *(k.value for k in node.keywords))]
            if is_reading(owner, name, words):
                yield node.lineno


def is_reading(owner: str, name: str, words: list[str]) -> bool:
    if (owner, name) == ("os", "open"):
        return not any(flag in word for word in words for flag in ELSEWHERE)
    if name == "open":
        # A file that is written has a mode for that; a file that is opened by its number is open already.
        is_written = any(word[:1] in "\"'" and set(word) & set("wax+") for word in words)
        return not is_written and words[:1] not in ([name] for name in OPENED)
    # importlib reads the metadata of a distribution by a method of the same name.
    is_metadata = owner.endswith(("distribution", "super()", "]"))
    return bool(owner) and name in ("read_text", "read_bytes") and not is_metadata


def list_files() -> list[str]:
    """Return the files of the package that must not open files in another way."""
    files = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    # Another Python runs each probe_ file alone.
    return [
        str(file)
        for file in files
        if file.parts[0] not in NOT_OURS and not file.name.startswith("probe_") and str(file) not in OTHERS
    ]


@pytest.mark.parametrize("file", list_files())
def test_the_package_reads_files_only_through_plain_files(file: str) -> None:
    assert list(list_readings((PACKAGE / file).read_text(encoding="utf-8"))) == []


OTHER_WAYS = (
    *("p.read_text()", "p.read_bytes()", "open(p)", "open(p, 'rb')", "p.open('rb')"),
    "os.open(p, os.O_RDONLY)",
)
NO_READING = (
    "open(p, 'wb')",
    "distribution.read_text('RECORD')",
    "os.open(p, os.O_PATH)",
    "read_file_text(p)",
)


def test_the_search_for_other_ways_to_read_files_finds_only_those() -> None:
    assert [line for line in OTHER_WAYS if not list(list_readings(line))] == []
    assert [line for line in NO_READING if list(list_readings(line))] == []
